import {BugError} from '../errors.ts';

/** An SQL identifier, always double-quoted. Every identifier in a statement's text is quoted here. */
export function quoteIdentifier(name: string): string {
  // PostgreSQL allows neither an empty identifier nor a NUL in one.
  if (name === '' || name.includes('\0')) throw new BugError('not an identifier');
  return `"${name.replaceAll('"', '""')}"`;
}

/** The name of an identifier as a statement writes it: without its quotes, or in lower case. */
export function unquoteIdentifier(written: string): string {
  return written.startsWith('"') ? written.slice(1, -1).replaceAll('""', '"') : written.toLowerCase();
}

/** An SQL string literal, as quote_literal() writes it; for statements that take no parameters. */
export function quoteLiteral(text: string): string {
  if (text.includes('\0')) throw new BugError('not a literal');
  const quoted = `'${text.replaceAll("'", "''").replaceAll('\\', '\\\\')}'`;
  // In E'' a doubled backslash is one backslash, whatever standard_conforming_strings is.
  return text.includes('\\') ? `E${quoted}` : quoted;
}

/** Collects the values of a statement; `put` returns the placeholder for the value. */
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
