import {BugError} from './errors.ts';

/** An identifier as it stands in SQL, always in double quotes: the only way one enters a statement's text. */
export function quoteIdentifier(name: string): string {
  // PostgreSQL has no identifier of zero length and none with a NUL in it.
  if (name === '' || name.includes('\0')) throw new BugError('not an identifier');
  return `"${name.replaceAll('"', '""')}"`;
}
