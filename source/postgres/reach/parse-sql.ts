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
