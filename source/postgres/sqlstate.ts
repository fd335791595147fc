/** An SQLSTATE. Node's codes share the property: of those, EPIPE has five letters too, but no digit. */
export function isSqlstate(code: unknown): code is string {
  return typeof code === 'string' && /^(?=.*\d)[0-9A-Z]{5}$/.test(code);
}
