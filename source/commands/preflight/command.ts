import {setTimeout as sleep} from 'node:timers/promises';
import type {Call} from '../../cli/call/usage.ts';
import {explainServerErrors, withConnection} from '../../cli/connection.ts';
import {type CliContext, printMessage} from '../../cli/context.ts';
import {readDuration} from '../../cli/flag-values.ts';
import {raceInterrupt} from '../../cli/interrupts.ts';
import {locateServer} from '../../cli/locate-server.ts';
import {AbortError, exitCodes, usageError} from '../../core/errors.ts';
import {type MigrationStatement, preflight, worst} from '../../core/migration/preflight.ts';
import {formatAge} from '../../core/text/format.ts';
import {jsonText} from '../../core/text/json.ts';
import type {Preflight} from '../../model/preflight.ts';
import type {ExitCode} from '../../model/run.ts';
import type {Connection} from '../../postgres/connect/connect.ts';
import {readAppliedMigrations} from '../../postgres/facts/applied-migrations.ts';
import {readMigrationReading} from '../../postgres/facts/migration-reading.ts';
import {readMigrationTarget} from '../../postgres/facts/migration-target.ts';
import {loadSqlParser, type SqlParser} from '../../postgres/reach/parse-sql.ts';
import {type MigrationFile, readMigrations} from '../../scan/migration-files.ts';
import type {usage} from './flags.ts';
import {preflightText} from './render-preflight.ts';

type Flags = Call<typeof usage>['flags'];

/** `poolctl preflight <migration> [url]`. */
export async function run(context: CliContext, {words, flags}: Call<typeof usage>): Promise<ExitCode> {
  const [path, url] = words;
  if (path === undefined)
    throw usageError('preflight needs a migration', 'Usage: poolctl preflight prisma/migrations.');
  const {host, port, username, dbname, target} = flags;
  const isJoined = [url, host, port, username, dbname, target].some(each => each !== undefined);
  if (!isJoined && (flags.watch || flags.for !== undefined || flags.rates !== undefined))
    throw usageError('--watch, --for and --rates need a server', 'Give a URL, or --target NAME.');
  const parser = await loadSqlParser();
  // What cannot be read is reported before poolctl connects.
  const statements = await readStatements(context, path, {parser, applied: null});
  if (!isJoined)
    return print(
      context,
      documentOf(path, preflight(statements, {...alone, autocommit: flags.autocommit ?? false})),
      flags,
    );
  const window_ms =
    flags.rates === undefined ? 3000 : readDuration('--rates', flags.rates, {min: 100, max: 60_000});
  const for_ms =
    flags.for === undefined ? null : readDuration('--for', flags.for, {min: 1000, max: 86_400_000});
  const request = await locateServer(context, {url, flags});
  return withConnection(context, request, flags, async (connection, signal) => {
    const judging = {path, parser, flags, window_ms, signal};
    const document = flags.watch
      ? await watch(context, connection, {...judging, for_ms})
      : await judgeOnce(context, connection, judging);
    return print(context, document, flags);
  });
}

const alone = {target: null, reading: null} as const;

type Judging = {path: string; parser: SqlParser; flags: Flags; window_ms: number; signal: AbortSignal};

/** Throws AbortError (exit 3) if the server fails, 130 when interrupted. */
async function judgeOnce(
  context: CliContext,
  connection: Connection,
  {path, parser, flags, window_ms, signal}: Judging,
): Promise<Preflight & {is_hopeless: boolean}> {
  const judge = async () => {
    const {applied, problem} = await readAppliedMigrations(connection);
    const statements = await readStatements(context, path, {parser, applied});
    const nodes = statements.flatMap(({node, inner}) => inner ?? [node]);
    const target = await readMigrationTarget(connection, nodes);
    const pause = async (ms: number) => void (await sleep(ms, undefined, {signal}).catch(() => {}));
    const {unavailable, ...reading} = await readMigrationReading(connection, {
      target,
      window_ms,
      parser,
      pause,
    });
    const options = {target, autocommit: flags.autocommit ?? false};
    const quiet = {...reading, held: [], snapshots: [], traffic: []};
    const best = preflight(statements, {...options, reading: quiet});
    return {
      ...documentOf(path, preflight(statements, {...options, reading})),
      target: {
        id: `${connection.request.host}:${connection.request.port}/${connection.request.database}`,
        server_version_num: connection.server_version_num,
      },
      window_ms: reading.traffic === null ? null : reading.window_ms,
      unavailable: [...(problem === null ? [] : [problem]), ...unavailable],
      is_hopeless: best.some(({verdict}) => verdict === 'unsafe'),
    };
  };
  return explainServerErrors(connection, raceInterrupt(judge(), signal));
}

/** Judges again and again until every statement is safe, or no quiet moment could make it so. */
async function watch(
  context: CliContext,
  connection: Connection,
  {for_ms, ...judging}: Judging & {for_ms: number | null},
): Promise<Preflight> {
  const started = performance.now();
  let told = '';
  for (;;) {
    const document = await judgeOnce(context, connection, judging);
    const waited_ms = performance.now() - started;
    const reasons = document.statements.flatMap(each => each.reasons);
    if (document.verdict === 'safe') {
      const at = new Date().toISOString().slice(11, 19);
      printMessage(context.output, `safe at ${at} UTC, after ${formatAge(waited_ms)}`);
      return document;
    }
    if (document.is_hopeless) {
      printMessage(context.output, 'no quiet moment makes this migration safe');
      return document;
    }
    const now = reasons.join('; ');
    const ages = /\b(?:\d+[smhd])+\b/g;
    if (now.replace(ages, '') !== told) printMessage(context.output, `not yet: ${now}`);
    told = now.replace(ages, '');
    if (for_ms !== null && waited_ms >= for_ms) {
      printMessage(context.output, `not safe within ${formatAge(for_ms)}`);
      return document;
    }
  }
}

async function readStatements(
  {cwd}: CliContext,
  path: string,
  {parser, applied}: {parser: SqlParser; applied: ReadonlySet<string> | null},
): Promise<MigrationStatement[]> {
  const files: MigrationFile[] = await readMigrations(path, {cwd, applied});
  return files.flatMap(({name, sql}) => {
    try {
      return parser.split(sql).map(({node, ...each}) => ({
        ...each,
        file: name,
        node,
        inner: 'DoStmt' in node ? parser.readBlock(each.sql) : null,
      }));
    } catch (error) {
      if (!(error instanceof AbortError)) throw error;
      throw usageError(`${name || path}, ${error.message}`, error.hint, error);
    }
  });
}

function documentOf(file: string, statements: Preflight['statements']): Preflight {
  const verdict = worst(statements.map(each => each.verdict));
  return {schema_version: 1, file, verdict, target: null, window_ms: null, statements, unavailable: []};
}

function print({output}: CliContext, document: Preflight, {json}: Flags): ExitCode {
  const {schema_version, file, verdict, target, window_ms, statements, unavailable} = document;
  const printed: Preflight = {schema_version, file, verdict, target, window_ms, statements, unavailable};
  output.stdout(json ? jsonText(printed, output.isTty ? 2 : 0) : preflightText(printed, output.columns));
  return verdict === 'safe' ? exitCodes.ok : exitCodes.findings;
}
