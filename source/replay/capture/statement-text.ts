import {redactSecrets} from '../../core/text/redact.ts';
import {scanStatement} from '../endpoint/scan-statement.ts';
import {typeName} from './values.ts';

/** The statements of a simple query, without their semicolons and without empty ones. */
export function splitStatements(text: string): string[] {
  const statements: string[] = [];
  for (let at = 0; at < text.length; ) {
    const {end, isEnded} = scanStatement(text, at);
    const statement = text.slice(at, isEnded ? end - 1 : end).trim();
    if (withoutComments(statement) !== '') statements.push(statement);
    at = end;
  }
  return statements;
}

/**
 * Whether a statement may contain a password as a literal, and so must not be written to the file. `password = $1` does
 * not.
 */
export function mayContainSecret(text: string): boolean {
  if (/^(create|alter)\s+(role|user|group|server|subscription)\b/i.test(withoutComments(text))) return true;
  const neutral = text.replace(/=\s*\$\d+/g, ' ');
  return redactSecrets(neutral) !== neutral;
}

/**
 * The statement with the parameter types the client declared: `$1` becomes `$1::int8`, which the server resolves to the
 * same operators and plan. The server infers the others, which are of user-defined types.
 */
export function withDeclaredTypes(text: string, declared: readonly number[]): string {
  if (declared.every(oid => typeName(oid) === null)) return text;
  return text.replace(token, (found, number: string | undefined, offset: number) => {
    if (number === undefined) return found;
    const name = typeName(declared[Number(number) - 1] ?? 0);
    const next = text.slice(offset + found.length);
    if (name === null || /^\s*::/.test(next)) return found;
    return /^\s*[[.]/.test(next) ? `(${found}::${name})` : `${found}::${name}`;
  });
}

/** Removes the trace context that an ORM appends (sqlcommenter), which makes equal statements differ. */
export function withoutTrace(text: string): string {
  return text.replace(/\s*\/\*(?:(?!\*\/)[\s\S])*\btraceparent=(?:(?!\*\/)[\s\S])*\*\/\s*$/, '');
}

/** The statement without leading comments. */
export function withoutComments(text: string): string {
  return text.replace(/^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?(?:\*\/|$))+/, '').trim();
}

/** Strings, quoted identifiers, comments, dollar quotes and words, which contain no parameter; or a parameter (group 1). */
const token =
  /[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$(?:[A-Za-z_]\w*)?\$[\s\S]*?\$(?:[A-Za-z_]\w*)?\$|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\$(\d+)/g;
