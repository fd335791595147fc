/** Whether `code` is an SQLSTATE. Node's errors have a `code` too: EPIPE has five letters, but no digit. */
export function isSqlstate(code: unknown): code is string {
  return typeof code === 'string' && /^(?=.*\d)[0-9A-Z]{5}$/.test(code);
}

/** The server's SQLSTATE, also from the cause of an AbortError; null for node's errors. */
export function sqlstateOf(error: unknown): string | null {
  for (let at = error; at instanceof Error; at = at.cause) {
    const {code} = at as {code?: unknown};
    if (isSqlstate(code)) return code;
  }
  return null;
}

/**
 * Whether `code` is an SQLSTATE that concerns one query and leaves the session usable. Classes 08, 53, 57 (but for a
 * canceled query) and 58, 25P03 and node's own codes (ECONNRESET) mean that the session is, or may be, gone.
 */
export function isAboutOneQuery(code: unknown): code is string {
  return isSqlstate(code) && (code === '57014' || !/^(08|53|57|58)|^25P03/.test(code));
}

/**
 * What a server answers that cannot convert a text: bytes that an encoding has not (22021), characters that the other has
 * not (22P05), or no way between both (42883). pg_stat_statements fails as a whole for one text of another database; in a
 * database in SQL_ASCII nothing is converted.
 */
const unconvertible = ['22021', '22P05', '42883'];

/** Why texts of pg_stat_statements cannot be read here, and what helps; null for another error. */
export function explainUnconvertible(error: unknown): {reason: string; remedy: string} | null {
  const {code, message} = error as {code?: string; message?: string};
  if (!unconvertible.includes(code ?? '')) return null;
  return {
    reason: `a statement of another database cannot be shown in this one's encoding: ${message}`,
    remedy: 'connect to a database in SQL_ASCII to see the texts',
  };
}

/** undefined_column, undefined_table, undefined_function: the server lacks what the query names. */
export function isUndefined(code: unknown): boolean {
  return code === '42703' || code === '42P01' || code === '42883';
}
