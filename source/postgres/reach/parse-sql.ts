import type {ParseResult, ScanToken} from 'libpg-query';
import {usageError} from '../../core/errors.ts';

/** Statements as PostgreSQL's own grammar reads them, with `$1` also where only a constant may stand. */
export type SqlParser = {
  /** Throws AbortError (exit 2) with what the grammar objects to. */
  parse(sql: string): ParseResult;
  /** The words of a text; they are what is left of it without its comments. */
  scan(sql: string): {text: string; kind: string}[];
};

/** PostgreSQL's parser as WebAssembly, 1.7 MB: loaded when it is asked for, and once. */
export async function loadSqlParser(): Promise<SqlParser> {
  const library = await import('libpg-query');
  // In the bundle a CommonJS package loaded late has its exports in `default` alone.
  const {loadModule, parseSync, scanSync} =
    'default' in library ? (library.default as typeof library) : library;
  await loadModule();
  return {
    parse(sql) {
      try {
        return parseSync(sql);
      } catch (error) {
        throw usageError(`not SQL that PostgreSQL can read: ${(error as Error).message}`, undefined, error);
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

/**
 * The library writes its tokens as JSON and forgets to escape the controls in it, which a quoted name may hold. As long
 * as before, so that its offsets still hold; form feed and vertical tab are white space to PostgreSQL.
 */
function withoutControls(sql: string): string {
  return sql.replace(/[\u000b\u000c]/g, ' ').replace(/[\u0001-\u0008\u000e-\u001f]/g, '_');
}

/** What LIMIT takes where its number is not known: without one, the planner assumes a tenth of all rows. */
const pageOfRows = '100';

/**
 * A statement as pg_stat_statements keeps it, in a form that the server can plan. Constants have become parameters
 * even where the grammar takes none (`interval $1`, `extract($1 from ...)`), and LIMIT's too. The parameters that
 * are left are numbered anew, without gaps: the type of one that does not occur cannot be inferred (42P18).
 * `is_numeric_case`: what CASE results in is a number, as in sum(CASE WHEN ... THEN $1 ELSE $2 END), whose type the
 * server cannot infer either (42883).
 */
export function toPlannable(query: string, parser: SqlParser, {is_numeric_case = false} = {}): string {
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
  for (let index = 0; index < words.length; index++) {
    const word = words[index]?.text ?? '';
    const before = text(index - 1);
    if (!isParameter(index)) {
      if (!(isParameter(index + 1) && types.has(text(index)))) written.push(word);
    } else if (is_numeric_case && (before === 'then' || before === 'else')) written.push('0');
    else if (before === 'limit') written.push(pageOfRows);
    else if (before === 'offset') written.push('0');
    else if (before === '(' && text(index - 2) === 'extract') written.push("'epoch'");
    else if (types.has(before)) {
      written.push(`${renumbered(word)}::${before}`);
      if (before === 'interval' && units.has(text(index + 1))) index++;
    } else written.push(renumbered(word));
  }
  return written.join(' ').replace(/( ;)+$/, '');
}

/**
 * PostgreSQL 18 keeps the first value of a list alone and says so in a comment, `$1` and three dots: planned as it
 * stands, it would be a list of one.
 */
export function expandLists(query: string): string {
  return query.replaceAll(/(\$\d+) \/\*, \.\.\. \*\//g, Array(listLength).fill('$1').join(', '));
}

/** What a list whose length nobody knows is taken for. */
const listLength = 3;

const types = new Set(['interval', 'date', 'time', 'timestamp', 'timestamptz']);
const units = new Set(['year', 'month', 'day', 'hour', 'minute', 'second']);
