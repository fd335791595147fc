import {setTimeout as sleep} from 'node:timers/promises';
import {AbortError, usageError} from '../core/errors.ts';
import {type MigrationStatement, preflight, worst} from '../core/migration/preflight.ts';
import {timeOfDay} from '../core/text/clock.ts';
import {formatAge} from '../core/text/format.ts';
import type {Preflight} from '../model/preflight.ts';
import type {Connection} from '../postgres/connect/connect.ts';
import {hostAndPort} from '../postgres/connect/request.ts';
import {readAppliedMigrations} from '../postgres/facts/applied-migrations.ts';
import {readMigrationReading} from '../postgres/facts/migration-reading.ts';
import {readMigrationTarget} from '../postgres/facts/migration-target.ts';
import {loadSqlParser} from '../postgres/reach/parse-sql.ts';
import {readMigrations} from '../scan/migration-files.ts';
import {explainServerErrors} from './connection.ts';
import {type Output, printMessage} from './context.ts';
import {raceInterrupt} from './interrupts.ts';

export type Migration = {
  /** A file or folder, relative to `cwd`. */
  path: string;
  cwd: string;
  /** Each statement is a transaction; otherwise each file is one. */
  autocommit: boolean;
};

/** Judges a migration by its text. Throws AbortError (exit 2) if it cannot be read. */
export async function judgeText(migration: Migration): Promise<Preflight> {
  const statements = await readStatements(migration, null);
  return documentOf(migration, preflight(statements, {...migration, target: null, reading: null}));
}

type Judging = {migration: Migration; window_ms: number; signal: AbortSignal};

/** The same with what the server has and does. Throws AbortError: exit 3 if the server fails, 130 when interrupted. */
export async function judgeOnServer(
  connection: Connection,
  {migration, window_ms, signal}: Judging,
): Promise<{document: Preflight; is_hopeless: boolean}> {
  const judge = async () => {
    const {applied, problem} = await readAppliedMigrations(connection);
    const statements = await readStatements(migration, applied);
    const nodes = statements.flatMap(({node, inner}) => inner ?? [node]);
    const target = await readMigrationTarget(connection, nodes);
    const pause = (ms: number) => sleep(ms, undefined, {signal}).catch(() => {});
    const parser = await loadSqlParser();
    const seen = await readMigrationReading(connection, {target, window_ms, parser, pause});
    const {unavailable, ...reading} = seen;
    const judgeIn = (circumstances: typeof reading) =>
      preflight(statements, {...migration, target, reading: circumstances});
    const {request, server_version_num} = connection;
    const quiet = {
      ...reading,
      held: [],
      snapshots: [],
      used: [],
      traffic: reading.traffic === null ? null : [],
    };
    const document: Preflight = {
      ...documentOf(migration, judgeIn(reading)),
      target: {id: `${hostAndPort(request)}/${request.database}`, server_version_num},
      window_ms: reading.traffic === null ? null : reading.window_ms,
      unavailable: [...(problem === null ? [] : [problem]), ...unavailable],
    };
    return {document, is_hopeless: judgeIn(quiet).some(({verdict}) => verdict === 'unsafe')};
  };
  return explainServerErrors(connection, raceInterrupt(judge(), signal));
}

/** Judges again and again until every statement is safe, time is over, or no quiet moment could make it so. */
export async function awaitSafe(
  output: Output,
  connection: Connection,
  {for_ms, ...judging}: Judging & {for_ms: number | null},
): Promise<Preflight> {
  const started = performance.now();
  let printed = '';
  for (;;) {
    const {document, is_hopeless} = await judgeOnServer(connection, judging);
    const waited_ms = performance.now() - started;
    if (document.verdict === 'safe') {
      printMessage(output, `safe at ${timeOfDay(Date.now())}, after ${formatAge(waited_ms)}`);
      return document;
    }
    if (is_hopeless) {
      printMessage(output, 'no quiet moment makes this migration safe');
      return document;
    }
    if (for_ms !== null && waited_ms >= for_ms) {
      if (for_ms > 0) printMessage(output, `not safe within ${formatAge(for_ms)}`);
      return document;
    }
    if (printed === '') for (const each of document.unavailable) printMessage(output, each);
    const reasons = document.statements.flatMap(each => each.reasons).join('; ');
    // Figures change with every reading.
    const text = reasons.replace(/\d+/g, '');
    if (text !== printed) printMessage(output, `not yet: ${reasons}`);
    printed = text;
  }
}

async function readStatements(
  {path, cwd}: Migration,
  applied: ReadonlySet<string> | null,
): Promise<MigrationStatement[]> {
  const [files, parser] = await Promise.all([readMigrations(path, {cwd, applied}), loadSqlParser()]);
  return files.flatMap(({name, sql}) => {
    try {
      return parser.split(sql).map(each => ({
        ...each,
        file: name,
        inner: 'DoStmt' in each.node ? parser.readBlock(each.sql) : null,
      }));
    } catch (error) {
      if (!(error instanceof AbortError)) throw error;
      throw usageError(`${name || path}, ${error.message}`, error.hint, error);
    }
  });
}

function documentOf({path}: Migration, statements: Preflight['statements']): Preflight {
  const verdict = worst(statements.map(each => each.verdict));
  return {
    schema_version: 1,
    file: path,
    verdict,
    target: null,
    window_ms: null,
    statements,
    unavailable: [],
  };
}
