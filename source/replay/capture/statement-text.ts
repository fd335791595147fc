import {redactSecrets} from '../../core/text/redact.ts';
import {scanStatement} from '../endpoint/scan-statement.ts';
import {typeName} from './values.ts';

/** The statements of a simple query, without their semicolons; those with nothing in them left out. */
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
 * Whether a statement may hold a password as a literal: such a one is never written to a file. A parameter that is
 * compared with a column of that name is none.
 */
export function mayHoldSecret(text: string): boolean {
  if (/^(create|alter)\s+(role|user|group|server|subscription)\b/i.test(withoutComments(text))) return true;
  const neutral = text.replace(/=\s*\$\d+/g, ' ');
  return redactSecrets(neutral) !== neutral;
}

/**
 * A statement whose parameters have the types that the client declared: `$1` becomes `$1::int8`. The server reads
 * that as the declaration it was, and no operator nor plan is another's. Types of users' own go by what it infers.
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

/** The trace that an ORM notes behind a statement (sqlcommenter) makes each one another, and is over with it. */
export function withoutTrace(text: string): string {
  return text.replace(/\s*\/\*(?:(?!\*\/)[\s\S])*\btraceparent=(?:(?!\*\/)[\s\S])*\*\/\s*$/, '');
}

/** What a statement begins with, comments aside. */
export function withoutComments(text: string): string {
  return text.replace(/^(?:\s+|--[^\n]*(?:\n|$)|\/\*[\s\S]*?(?:\*\/|$))+/, '').trim();
}

/** Strings, quoted names, comments, dollar quotes and words, in which no parameter stands; or one (group 1). */
const token =
  /[eE]'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\$(?:[A-Za-z_]\w*)?\$[\s\S]*?\$(?:[A-Za-z_]\w*)?\$|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\$(\d+)/g;
