import type {Call} from '../../cli/call/usage.ts';
import type {CliContext} from '../../cli/context.ts';
import {exitCodes, usageError} from '../../core/errors.ts';
import {type MigrationStatement, preflight, worst} from '../../core/migration/preflight.ts';
import {jsonText} from '../../core/text/json.ts';
import type {Preflight} from '../../model/preflight.ts';
import type {ExitCode} from '../../model/run.ts';
import {loadSqlParser, type SqlParser} from '../../postgres/reach/parse-sql.ts';
import {type MigrationFile, readMigrations} from '../../scan/migration-files.ts';
import type {usage} from './flags.ts';
import {preflightText} from './render-preflight.ts';

/** `poolctl preflight <migration> [url]`. */
export async function run(context: CliContext, {words, flags}: Call<typeof usage>): Promise<ExitCode> {
  const [path] = words;
  if (path === undefined)
    throw usageError('preflight needs a migration', 'Usage: poolctl preflight prisma/migrations.');
  const autocommit = flags.autocommit ?? false;
  const files = await readMigrations(path, {cwd: context.cwd, applied: null});
  const statements = readStatements(files, path, await loadSqlParser());
  const judged = preflight(statements, {target: null, reading: null, autocommit});
  return print(context, {path, statements: judged}, {json: flags.json ?? false});
}

function readStatements(
  files: readonly MigrationFile[],
  path: string,
  parser: SqlParser,
): MigrationStatement[] {
  return files.flatMap(({name, sql}) => {
    try {
      return parser.split(sql).map(({node, ...each}) => ({
        ...each,
        file: name,
        node,
        inner: 'DoStmt' in node ? parser.readBlock(each.sql) : null,
      }));
    } catch (error) {
      throw usageError(`${name || path}, ${(error as Error).message}`, undefined, error);
    }
  });
}

function print(
  {output}: CliContext,
  {path, statements}: {path: string; statements: Preflight['statements']},
  {json}: {json: boolean},
): ExitCode {
  const document: Preflight = {
    schema_version: 1,
    file: path,
    verdict: worst(statements.map(({verdict}) => verdict)),
    target: null,
    window_ms: null,
    statements,
    unavailable: [],
  };
  output.stdout(json ? jsonText(document, output.isTty ? 2 : 0) : preflightText(document, output.columns));
  return document.verdict === 'safe' ? exitCodes.ok : exitCodes.findings;
}
