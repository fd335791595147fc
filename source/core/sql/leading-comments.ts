/** A statement from its first word on. Takes linear time, whatever a client wrote. */
export function withoutLeadingComments(sql: string): string {
  return sql.replace(/^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/, '');
}
