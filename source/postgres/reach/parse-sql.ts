import type {Node, ParseResult, ScanToken} from 'libpg-query';
import {usageError} from '../../core/errors.ts';
import {unknownLimit} from '../../core/indexes/order.ts';
import {descendants} from '../../core/sql/named-objects.ts';
import {quoteLiteral} from '../../core/sql/quote.ts';
import {sqlTokens} from '../../core/sql/tokens.ts';

/** PostgreSQL's grammar. Unlike the server, it also accepts `$1` where only a constant is allowed. */
export type SqlParser = {
  /** Throws AbortError (exit 2) with the grammar's error. */
  parse(sql: string): ParseResult;
  /** The statements of a file. Throws AbortError (exit 2) with the grammar's error and its line. */
  split(sql: string): SqlStatement[];
  /** What a DO block runs, with its expressions as SELECT; null if it calls or loops, runs EXECUTE, or is not in PL/pgSQL. */
  readBlock(sql: string): Node[] | null;
  /** The tokens of a text, without its comments. */
  scan(sql: string): {text: string; kind: string}[];
};

/** A statement without what precedes it; the line is of its first word. */
type SqlStatement = {node: Node; sql: string; line: number};

/** Statements of PL/pgSQL that run what is not in the block, or run it an unknown number of times. */
const unreadable = /^PLpgSQL_stmt_(?:dyn\w+|call|loop|while|for\w+|commit|rollback)$/;

/** Loads PostgreSQL's parser, 1.7 MB of WebAssembly, once. */
export async function loadSqlParser(): Promise<SqlParser> {
  const library = await import('libpg-query');
  // In the bundle a CommonJS package loaded late has its exports in `default` alone.
  const {loadModule, parseSync, parsePlPgSQLSync, scanSync} =
    'default' in library ? (library.default as typeof library) : library;
  await loadModule();
  /** A statement of a block, a condition, or an assignment. */
  const parseExpression = (query: string): Node[] => {
    const assigned = query.replace(/^\s*[\w.]+(?:\[[^\]]*\])*\s*:?=/, '');
    for (const text of [query, `SELECT ${query}`, `SELECT ${assigned}`])
      try {
        return (parseSync(text).stmts ?? []).flatMap(({stmt}) => stmt ?? []);
      } catch {}
    throw new Error('not an expression');
  };
  return {
    parse(sql) {
      try {
        return parseSync(sql);
      } catch (error) {
        throw usageError(`not valid SQL: ${(error as Error).message}`, undefined, error);
      }
    },
    split(sql) {
      // The library refuses an empty text.
      if (sql.trim() === '') return [];
      try {
        // Offsets count bytes.
        const bytes = Buffer.from(sql);
        let [line, counted] = [1, 0];
        return (parseSync(sql).stmts ?? []).flatMap(({stmt, stmt_location: from = 0, stmt_len}) => {
          const to = stmt_len === undefined ? bytes.length : from + stmt_len;
          const text = bytes.toString('utf8', from, to);
          const start = from + Buffer.byteLength(leadingBlanks(text));
          line += newlines(bytes.toString('utf8', counted, start));
          counted = start;
          return stmt === undefined ? [] : {node: stmt, sql: bytes.toString('utf8', start, to).trim(), line};
        });
      } catch (error) {
        throw syntaxError(sql, error as Error & {sqlDetails?: {cursorPosition: number}});
      }
    },
    readBlock(sql) {
      try {
        const parts = [...descendants(parsePlPgSQLSync(sql))];
        if (parts.some(part => Object.keys(part).some(kind => unreadable.test(kind)) || 'dynquery' in part))
          return null;
        return parts.flatMap(({query}) => (typeof query === 'string' ? parseExpression(query) : []));
      } catch {
        return null;
      }
    },
    scan(sql) {
      // Its offsets count bytes.
      const bytes = Buffer.from(sql);
      return (scanSync(withoutControls(sql)).tokens as ScanToken[])
        .map(({start, end, tokenName}) => ({text: bytes.toString('utf8', start, end), kind: tokenName}))
        .filter(({kind}) => !kind.endsWith('_COMMENT'));
    },
  };
}

function leadingBlanks(text: string): string {
  const tokens = sqlTokens(text);
  const first = tokens.findIndex(({kind}) => kind !== 'space' && kind !== 'comment');
  return tokens
    .slice(0, Math.max(0, first))
    .map(token => token.text)
    .join('');
}

function newlines(text: string): number {
  return text.split('\n').length - 1;
}

/** The position counts characters, not UTF-16 units. */
function syntaxError(sql: string, error: Error & {sqlDetails?: {cursorPosition: number}}): Error {
  const at = error.sqlDetails?.cursorPosition ?? 0;
  const characters = [...sql];
  const line = newlines(characters.slice(0, at).join('')) + 1;
  const command =
    characters[at] === '\\' ? /^\\\S*/.exec(characters.slice(at, at + 40).join(''))?.[0] : undefined;
  return command === undefined
    ? usageError(`line ${line}: not valid SQL: ${error.message}`, undefined, error)
    : usageError(`line ${line}: ${command} is a command of psql, not SQL`, 'Leave it out.', error);
}

/**
 * The library writes tokens as JSON without escaping control characters, which a quoted name may hold. The length stays
 * the same, so that offsets hold. Form feed and vertical tab are white space to PostgreSQL.
 */
function withoutControls(sql: string): string {
  return sql.replace(/[\u000b\u000c]/g, ' ').replace(/[\u0001-\u0008\u000e-\u001f]/g, '_');
}

export type PlannableOptions = {
  /** The result of CASE is a number, as in sum(CASE WHEN ... THEN $1 ELSE $2 END), whose type it cannot infer (42883). */
  is_numeric_case?: boolean;
  /** For the statement's own LIMIT; null for none. The planner would assume a tenth of all rows. */
  limit?: number | null;
  /** Values for parameters, by number. */
  literals?: ReadonlyMap<number, string>;
};

/**
 * A statement of pg_stat_statements in a form that the server can plan. There, constants are parameters, even where the
 * grammar allows none (`interval $1`, `extract($1 from ...)`). Remaining parameters are renumbered without gaps, as the
 * server cannot infer the type of one that does not occur (42P18), nor that of an argument of a function that takes any
 * type: those are text.
 */
export function toPlannable(
  query: string,
  parser: SqlParser,
  {is_numeric_case = false, limit = unknownLimit, literals = new Map()}: PlannableOptions = {},
): string {
  const words = parser.scan(expandLists(query));
  const text = (index: number) => words[index]?.text.toLowerCase() ?? '';
  const isParameter = (index: number) => words[index]?.kind === 'PARAM';
  const numbers = new Map<string, string>();
  const renumbered = (parameter: string) => {
    const number = numbers.get(parameter) ?? `$${numbers.size + 1}`;
    numbers.set(parameter, number);
    return number;
  };
  const written: string[] = [];
  /** The functions whose parentheses are open; '' for others. */
  const open: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index]?.text ?? '';
    const before = text(index - 1);
    if (word === '(') open.push(text(index - 1));
    else if (word === ')') open.pop();
    const literal = isParameter(index) ? literals.get(Number(word.slice(1))) : undefined;
    const isArgument = [',', '('].includes(before) && [',', ')'].includes(text(index + 1));
    if (!isParameter(index)) {
      if (!(isParameter(index + 1) && types.has(text(index)))) written.push(word);
    } else if (is_numeric_case && (before === 'then' || before === 'else')) written.push('0');
    else if (before === 'limit') written.push(String((open.length > 0 ? unknownLimit : limit) ?? 'ALL'));
    else if (before === 'offset') written.push('0');
    else if (before === '(' && text(index - 2) === 'extract') written.push("'epoch'");
    else if (types.has(before)) {
      written.push(`${renumbered(word)}::${before}`);
      if (before === 'interval' && units.has(text(index + 1))) index++;
    } else if (literal !== undefined) written.push(quoteLiteral(literal));
    else if (isArgument && ofAnyType.has(open.at(-1) ?? '')) written.push(`${renumbered(word)}::text`);
    else written.push(renumbered(word));
  }
  return written.join(' ').replace(/( ;)+$/, '');
}

/**
 * PostgreSQL 18 keeps only the first value of a list, followed by a comment of three dots. Planned as is, it would be a
 * list of one.
 */
export function expandLists(query: string): string {
  return query.replaceAll(/(\$\d+) \/\*, \.\.\. \*\//g, Array(listLength).fill('$1').join(', '));
}

/** The length assumed for such a list. */
const listLength = 3;

/** Functions with arguments of type "any". */
const ofAnyType = new Set([
  'concat',
  'concat_ws',
  'format',
  'json_build_array',
  'json_build_object',
  'jsonb_build_array',
  'jsonb_build_object',
]);

const types = new Set(['interval', 'date', 'time', 'timestamp', 'timestamptz']);
const units = new Set(['year', 'month', 'day', 'hour', 'minute', 'second']);
