import {setTimeout as sleep} from 'node:timers/promises';
import {holds} from '../../core/engine/step.ts';
import {AbortError, BugError, exitCodes} from '../../core/errors.ts';
import {compareServers, serverDifference, serverDoubt} from '../../core/server/server-identity.ts';
import {quoteIdentifier} from '../../core/sql/quote.ts';
import type {Executable, ExecutionResult, Executor} from '../../model/ports.ts';
import type {Pins, Sql, Verification} from '../../model/step.ts';
import type {ServerIdentity} from '../../model/target.ts';
import type {PgClient} from '../connect/client.ts';
import type {Connection} from '../connect/connect.ts';
import {noActingThroughPooler} from '../connect/pooler.ts';
import {hostAndPort} from '../connect/request.ts';
import {gateQuery, toRefusal} from '../reach/gate.ts';
import {loadSqlParser} from '../reach/parse-sql.ts';
import {readServerProof} from '../server/server-proof.ts';

type Row = Record<string, unknown>;
type PgQuery = Exclude<Parameters<PgClient['query']>[0], string>;
type PgResult = {rows: Row[]; rowCount: number | null};
type Send = (query: PgQuery) => Promise<PgResult>;

/**
 * Acts on a connection of its own, opened by `connect` at the first act and again after a loss; it never holds
 * more than one, and none to another server than the one it is bound to. What `connect` throws (AbortError) comes
 * before anything was sent; every other error of `apply` is the server's own, or a connection lost while it worked.
 */
export function createExecutor(connect: () => Promise<Connection>): Executor & {pid(): number | null} {
  let current: ProvenConnection | null = null;
  let bound: ServerIdentity | null = null;

  /** To the very start of the server that is bound: a pid, and a plan, may mean something else after the next. */
  async function connectToBound(isFit: typeof isSameStart): Promise<ProvenConnection> {
    if (bound === null) throw new BugError('the server to act on was not named');
    const connection = await proven(await connect());
    if (isFit(bound, connection.server)) return connection;
    await connection.close();
    throw otherServer(bound, connection);
  }

  /** What looks on, after an act was cut off by a restart, takes the server that has started again. */
  async function open(isFit = isSameServer): Promise<ProvenConnection> {
    if (current !== null) {
      if (bound !== null && isFit(bound, current.server)) return current;
      const left = current;
      current = null;
      await left.close();
    }
    const connection = await connectToBound(isFit);
    current = connection;
    void connection.lost.then(() => {
      if (current === connection) current = null;
    });
    return connection;
  }

  return {
    bind(server) {
      bound = server;
    },
    async apply(step) {
      const connection = await open(isSameStart);
      if (needsSession(step)) return actInSteps(connection, step);
      const {rowCount, rows} = await actAtOnce(connection, step);
      // A command's tag without a count (ALTER ROLE) is no row that the guard did not find.
      return {row_count: rowCount, rows};
    },
    async verify({query, expect}, timeout_ms) {
      const deadline = performance.now() + timeout_ms;
      for (let pause_ms = 10; ; pause_ms = Math.min(200, pause_ms * 2)) {
        const {rows} = await look(await open(), query, timeout_ms);
        if (holds(expect, rows[0])) return true;
        if (performance.now() + pause_ms > deadline) return false;
        await sleep(pause_ms);
      }
    },
    async read(query, timeout_ms) {
      return (await look(await open(), query, timeout_ms)).rows;
    },
    async explain(statement) {
      const {rawClient: bare, request, server_version_num} = await open();
      const {explainStatement} = await import('../planner/explain.ts');
      const {lines} = await explainStatement(bare, {
        query: statement,
        database: request.database,
        connected_database: request.database,
        server_version_num,
        schema: request.prisma?.schema ?? null,
      });
      return lines;
    },
    async cancel() {
      const pid = current?.client.processID;
      if (pid === undefined || pid === null) return;
      const canceller = await connectToBound(isSameStart);
      try {
        // Should the session have gone just now, its pid may be another's.
        const own =
          "SELECT pg_catalog.pg_cancel_backend(a.pid) FROM pg_catalog.pg_stat_get_activity($1::int4) a WHERE a.application_name = 'poolctl'";
        await canceller.client.query({text: own, values: [pid]});
      } finally {
        await canceller.close();
      }
    },
    actsAs: () => current && {role: current.request.user, server_version_num: current.server_version_num},
    pid: () => current?.client.processID ?? null,
    async close() {
      const connection = current;
      current = null;
      await connection?.close();
    },
  };
}

/** Proven on this very connection: `server` is what it said of itself, in a session of its own. */
type ProvenConnection = Connection & {server: ServerIdentity};

/** One that watched until now is asked now. Throws AbortError (exit 3) where a pooler answers. */
async function proven(connection: Connection): Promise<ProvenConnection> {
  const {client, marker, request} = connection;
  if (connection.server !== null) return {...connection, server: connection.server};
  const {server, is_own_session} = await readServerProof(client, marker, request.connect_timeout_ms);
  if (is_own_session) return {...connection, server};
  await connection.close();
  throw noActingThroughPooler(request);
}

function isSameStart(bound: ServerIdentity, found: ServerIdentity): boolean {
  return compareServers(bound, found) === 'same';
}

function isSameServer(bound: ServerIdentity, found: ServerIdentity): boolean {
  return serverDoubt(bound, found) === null;
}

function otherServer(bound: ServerIdentity, {request, route: way, server}: ProvenConnection): AbortError {
  const by = way === 'rescue' ? 'the rescue address ' : '';
  return new AbortError(
    `${by}${hostAndPort(request)} does not lead to the server of this plan: ${serverDifference(bound, server)}`,
    {hint: 'Look at that server, and plan again on it if it is meant.', exitCode: exitCodes.drift},
  );
}

function needsSession({afterwards, guard, pins, proof, settings}: Executable): boolean {
  return [afterwards, guard, pins, proof, settings].some(each => each !== undefined);
}

/** One round trip: the timeout, the statement and what frames it are written at once. */
async function actAtOnce(connection: Connection, {apply, ...options}: Executable): Promise<PgResult> {
  const statement = extended(apply);
  const queries = options.transaction
    ? [{text: 'BEGIN'}, timeoutSetting(options), statement, {text: 'COMMIT'}]
    : [timeoutSetting(options), statement];
  const send = (query: PgQuery) => connection.client.query<Row>({...query, ...patience(options)});
  const results = await Promise.allSettled(queries.map(send));
  for (const result of results) if (result.status === 'rejected') throw withDetail(result.reason);
  const acted = results[queries.indexOf(statement)];
  if (acted?.status !== 'fulfilled') throw new Error('no result');
  return acted.value;
}

/** The guard's answer decides whether the statement is sent at all: in one transaction where the act allows one. */
async function actInSteps(connection: Connection, step: Executable): Promise<ExecutionResult> {
  const {afterwards = [], apply, guard, pins, proof, settings = {}, transaction} = step;
  const send = (query: PgQuery) => connection.client.query<Row>({...query, ...patience(step)});
  const all = {...settings, statement_timeout: String(step.timeout_ms)};
  if (transaction) await send({text: 'BEGIN'});
  try {
    for (const [name, value] of Object.entries(all)) await send(setting(name, value, transaction));
    const answer = guard === undefined ? null : (await readOnly(send, guard.query, transaction)).rows[0];
    if (guard !== undefined && !holds(guard.expect, answer ?? undefined)) {
      if (transaction) await send({text: 'ROLLBACK'});
      return {rows: [], row_count: 0, objection: objectionOf(guard, answer)};
    }
    const {rows, rowCount} = await send(extended(apply));
    if (proof !== undefined) {
      const found = (await readOnly(send, proof.query, transaction)).rows[0];
      if (!holds(proof.expect, found)) {
        await send({text: 'ROLLBACK'});
        return {rows: [], row_count: 0, objection: objectionOf(proof, found)};
      }
    }
    const made = pins === undefined ? {} : {pins: await pinned(send, pins, transaction)};
    if (transaction) await send({text: 'COMMIT'});
    const incomplete = await inOneTransaction(send, afterwards);
    return {rows, row_count: rowCount, ...made, ...(incomplete !== null && {incomplete})};
  } catch (error) {
    if (transaction) await send({text: 'ROLLBACK'}).catch(() => {});
    throw withDetail(error);
  } finally {
    if (!transaction) {
      for (const name of Object.keys(settings))
        await send({text: `RESET ${quoteIdentifier(name)}`}).catch(() => {});
    }
  }
}

/** null where it cannot be read: what was done is done all the same, unless a transaction fails with it. */
async function pinned(send: Send, query: Sql, transaction: boolean): Promise<Pins | null> {
  try {
    const [row] = (await readOnly(send, query, transaction)).rows;
    return row === undefined ? null : (row as Pins);
  } catch (error) {
    if (transaction) throw error;
    return null;
  }
}

/** null where all of it is done; else why none of it is. */
async function inOneTransaction(send: Send, statements: readonly Sql[]): Promise<string | null> {
  if (statements.length === 0) return null;
  try {
    await send({text: 'BEGIN'});
    for (const statement of statements) await send(extended(statement));
    await send({text: 'COMMIT'});
    return null;
  } catch (error) {
    await send({text: 'ROLLBACK'}).catch(() => {});
    return error instanceof Error ? error.message : String(error);
  }
}

/** A guard that answers in words says why; a value that merely differs (a setting's) is none of the user's words. */
function objectionOf({expect}: Verification, answer: Row | null | undefined): string | null {
  const value = expect.column === 'guard' ? answer?.[expect.column] : null;
  return typeof value === 'string' ? value : null;
}

/** The rows of a query that cannot change anything: not the data, and not the session's settings either. */
function look(connection: Connection, query: Sql, timeout_ms: number): Promise<PgResult> {
  const patient = {timeout_ms: Math.max(timeout_ms, lookWithinMs)};
  const send = (each: PgQuery) => connection.client.query<Row>({...each, ...patience(patient)});
  return readOnly(send, query, false, [setting('statement_timeout', String(patient.timeout_ms), true)]);
}

const lookWithinMs = 2000;

/**
 * Runs a query read-only and rolls it back, which also takes back what set_config() sets: in a transaction of its
 * own, or in a subtransaction of the one that acts next. Written at once: the transaction ends whatever the query does.
 */
async function readOnly(
  send: (query: PgQuery) => Promise<PgResult>,
  query: Sql,
  isWithin: boolean,
  settings: PgQuery[] = [],
): Promise<PgResult> {
  const before = isWithin
    ? [{text: `SAVEPOINT ${savepoint}`}, setting('transaction_read_only', 'on', true)]
    : [{text: 'BEGIN READ ONLY'}];
  const after = {text: isWithin ? `ROLLBACK TO SAVEPOINT ${savepoint}` : 'ROLLBACK'};
  const statement = extended(query);
  const gates = query.functions === undefined ? [] : [await gateOf(query, query.functions)];
  const queries = [...before, ...settings, ...gates, statement, after];
  const results = await Promise.allSettled(queries.map(send));
  for (const result of results)
    if (result.status === 'rejected') throw toRefusal(withDetail(result.reason), 'run');
  return (results[queries.indexOf(statement)] as PromiseFulfilledResult<PgResult>).value;
}

const savepoint = 'poolctl_guard';

async function gateOf({text}: Sql, functions: readonly string[]): Promise<PgQuery> {
  return gateQuery(await loadSqlParser(), {statements: [text], search_path: [], purpose: 'run', functions});
}

function extended({text, values, withheld}: Sql): PgQuery {
  if (withheld) throw new BugError('what the journal withheld cannot be executed');
  return {text, values, queryMode: 'extended'};
}

function timeoutSetting({timeout_ms, transaction}: Omit<Executable, 'apply'>): PgQuery {
  return setting('statement_timeout', String(timeout_ms), transaction);
}

function setting(name: string, value: string, isLocal: boolean): PgQuery {
  return {text: 'SELECT pg_catalog.set_config($1, $2, $3)', values: [name, value, isLocal]};
}

/** The server's own timeout comes first (0: none); this one is for a server that no longer answers at all. */
function patience({timeout_ms}: Pick<Executable, 'timeout_ms'>): {query_timeout?: number} {
  return timeout_ms === 0 ? {} : {query_timeout: timeout_ms + 2000};
}

/** PostgreSQL 16+ says who may signal whom in the detail alone; other details quote rows' values and are left out. */
function withDetail(error: unknown): unknown {
  if (!(error instanceof Error) || !('code' in error) || error.code !== '42501') return error;
  const detail = 'detail' in error && typeof error.detail === 'string' ? `: ${error.detail}` : '';
  const severity = 'severity' in error ? error.severity : 'ERROR';
  return Object.assign(new Error(`${error.message}${detail}`, {cause: error}), {code: '42501', severity});
}
