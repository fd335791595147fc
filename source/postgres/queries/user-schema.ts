/** What the users made, and not the server for itself. */
export function userSchema(column: string): string {
  return `${column} <> 'information_schema' AND ${column} !~ '^pg_'`;
}
