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
