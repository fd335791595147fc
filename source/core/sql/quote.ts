import {BugError} from '../errors.ts';

/** An identifier as it stands in SQL, always in double quotes: the only way one enters a statement's text. */
export function quoteIdentifier(name: string): string {
  // PostgreSQL has no identifier of zero length and none with a NUL in it.
  if (name === '' || name.includes('\0')) throw new BugError('not an identifier');
  return `"${name.replaceAll('"', '""')}"`;
}

/** A string as it stands in a statement that takes no parameters; as quote_literal() writes it. */
export function quoteLiteral(text: string): string {
  if (text.includes('\0')) throw new BugError('not a literal');
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
  // Under standard_conforming_strings of either setting a backslash means itself in E'' alone when doubled.
  return text.includes('\\') ? `E${quoted}` : quoted;
}

/** Collects a statement's values while its text is written: each comes back as the placeholder that stands for it. */
export function createPlaceholders<Value>(): {values: Value[]; put(value: Value, type: string): string} {
  const values: Value[] = [];
  return {
    values,
    put(value, type) {
      values.push(value);
      return `$${values.length}::${type}`;
    },
  };
}
