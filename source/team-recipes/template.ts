import {usageError} from '../core/errors.ts';
import {quoteIdentifier, quoteLiteral} from '../core/sql/quote.ts';
import type {Sql} from '../model/step.ts';

/** A name in SQL: `$name` is a value, `:'name'` a literal and `:"name"` an identifier, as in psql. */
export type Placeholder = {kind: 'value' | 'literal' | 'identifier'; name: string; line: number};

/** SQL with placeholders. */
export type Template = {parts: (string | Placeholder)[]};

export type TemplateProblem = {message: string; line: number};

export type Value = string | number | null;

/** Parses one statement of a recipe; `line` is its first line. Drops the final semicolon. */
export function parseTemplate(
  sql: string,
  line: number,
): {template: Template; problem: TemplateProblem | null} {
  const parts: Template['parts'] = [];
  let end: number | null = null;
  let at = line;
  for (const {0: text, groups = {}} of sql.matchAll(token)) {
    const {value, literal, identifier, space} = groups;
    const name = value ?? literal ?? identifier;
    if (space === undefined && end !== null) {
      return {
        template: {parts},
        problem: {message: 'a block may contain only one statement', line: at},
      };
    }
    if (name !== undefined) parts.push({kind: kindOf(groups), name, line: at});
    else if (text === ';') end = parts.length;
    else parts.push(text);
    at += text.split('\n').length - 1;
  }
  const isEmpty = !sql.replace(comments, '').trim();
  return {
    template: {parts: joined(parts)},
    problem: isEmpty ? {message: 'empty block', line} : null,
  };
}

/** A name that a placeholder can have. */
export const namePattern = /^[a-z][a-z0-9_]*$/;

export function namesIn({parts}: Template): string[] {
  return [...new Set(placeholdersIn({parts}).map(({name}) => name))];
}

export function placeholdersIn({parts}: Template): Placeholder[] {
  return parts.filter(part => typeof part !== 'string');
}

/** The statement with its values. A name that occurs twice is one parameter, so the server infers its type from either. */
export function fill({parts}: Template, lookUp: (name: string) => Value): Sql {
  const names: string[] = [];
  const text = parts.map(part => {
    if (typeof part === 'string') return part;
    const {kind, name} = part;
    if (kind === 'value') {
      if (!names.includes(name)) names.push(name);
      return `$${names.indexOf(name) + 1}`;
    }
    const value = lookUp(name);
    if (kind === 'literal') return value === null ? 'NULL' : quoteLiteral(String(value));
    if (value === null || value === '')
      throw usageError(`${name} is empty, and the statement needs an identifier`);
    return quoteIdentifier(String(value));
  });
  return {text: text.join('').trim(), values: names.map(lookUp)};
}

function kindOf(groups: Record<string, string | undefined>): Placeholder['kind'] {
  if (groups.value !== undefined) return 'value';
  return groups.literal === undefined ? 'identifier' : 'literal';
}

function joined(parts: Template['parts']): Template['parts'] {
  const all: Template['parts'] = [];
  for (const part of parts) {
    const last = all.at(-1);
    if (typeof part === 'string' && typeof last === 'string') all[all.length - 1] = last + part;
    else all.push(part);
  }
  return all;
}

const comments = /--[^\n]*|\/\*[\s\S]*?\*\//g;

/** Strings, comments and quoted names come before placeholders, in the order of PostgreSQL's scanner (scan.l). */
const token = new RegExp(
  [
    /(?<space>\s+|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))/,
    /[eE]'(?:[^'\\]|\\[\s\S]|'')*(?:'|$)/,
    /'(?:[^']|'')*(?:'|$)/,
    /"(?:[^"]|"")*(?:"|$)/,
    /\$(?<tag>[A-Za-z_]\w*)?\$[\s\S]*?(?:\$\k<tag>\$|$)/,
    /::/,
    /:'(?<literal>[a-z][a-z0-9_]*)'/,
    /:"(?<identifier>[a-z][a-z0-9_]*)"/,
    /\$(?<value>[a-z][a-z0-9_]*)/,
    /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/,
    /[\s\S]/,
  ]
    .map(({source}) => source)
    .join('|'),
  'g',
);
