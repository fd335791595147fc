import {setTimeout as sleep} from 'node:timers/promises';
import {holds} from '../../core/engine/step.ts';
import {AbortError, BugError, exitCodes} from '../../core/errors.ts';
import {compareServers, serverDifference, serverDoubt} from '../../core/server/server-identity.ts';
import type {Executor} from '../../model/ports.ts';
import type {Sql} from '../../model/step.ts';
import type {ServerIdentity} from '../../model/target.ts';
import type {Connection} from '../connect/connect.ts';
import {type ConnectionRequest, hostAndPort, noActingThroughPooler} from '../connect/request.ts';
import {readServerProof} from '../server/server-proof.ts';
import {execute, readRows} from './execute.ts';
import {createPoolerExecutor} from './pooler-executor.ts';

/**
 * Executes steps over its own connection, which `connect` opens at the first step and again after a loss: at most one,
 * and only to the bound server. Steps for PgBouncer go to its admin console, which `findPooler` locates. If `connect` throws (AbortError), nothing was sent. Other errors of `apply` are the
 * server's, or mean that the connection was lost.
 */
export function createExecutor(
  connect: () => Promise<Connection>,
  findPooler: () => ConnectionRequest | null = () => null,
): Executor & {pid(): number | null} {
  const pooler = createPoolerExecutor(findPooler);
  let current: ProvenConnection | null = null;
  let bound: ServerIdentity | null = null;

  /** Connects to the bound server; `isAccepted` compares it with the server found. */
  async function connectToBound(isAccepted: typeof isSameStart): Promise<ProvenConnection> {
    if (bound === null) throw new BugError('bind() was not called');
    const connection = await proven(await connect());
    if (isAccepted(bound, connection.server)) return connection;
    await connection.close();
    throw otherServer(bound, connection);
  }

  /** By default accepts the server after a restart too, so that an interrupted step can be verified. */
  async function open(isAccepted = isSameServer): Promise<ProvenConnection> {
    if (current !== null) {
      if (bound !== null && isAccepted(bound, current.server)) return current;
      const other = current;
      current = null;
      await other.close();
    }
    const connection = await connectToBound(isAccepted);
    current = connection;
    void connection.lost.then(() => {
      if (current === connection) current = null;
    });
    return connection;
  }

  async function read(query: Sql, timeout_ms: number) {
    return query.console === undefined ? readRows(await open(), query, timeout_ms) : pooler.read(query);
  }

  return {
    bind(server) {
      bound = server;
    },
    async apply(step) {
      if (step.apply.console !== undefined) return pooler.apply(step);
      const connection = await open(isSameStart);
      return execute(connection, step);
    },
    async verify({query, expect}, timeout_ms) {
      const deadline = performance.now() + timeout_ms;
      for (let pause_ms = 10; ; pause_ms = Math.min(200, pause_ms * 2)) {
        const [row] = await read(query, timeout_ms);
        if (holds(expect, row)) return true;
        if (performance.now() + pause_ms > deadline) return false;
        await sleep(pause_ms);
      }
    },
    read,
    async explain(statement) {
      const {rawClient, request, server_version_num} = await open();
      const {explainStatement} = await import('../planner/explain.ts');
      const {lines} = await explainStatement(rawClient, {
        query: statement,
        database: request.database,
        connected_database: request.database,
        server_version_num,
        schema: request.prisma?.schema ?? null,
      });
      return lines;
    },
    async cancel() {
      pooler.cancel();
      const pid = current?.client.processID;
      if (pid === undefined || pid === null) return;
      const canceller = await connectToBound(isSameStart);
      try {
        // If the session has just ended, its pid may be another session's.
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
      await Promise.all([connection?.close(), pooler.close()]);
    },
  };
}

/** A connection whose `server` was read in a session of poolctl's own. */
type ProvenConnection = Connection & {server: ServerIdentity};

/** Reads the server's identity if the connection lacks it. Throws AbortError (exit 3) if a pooler answers. */
async function proven(connection: Connection): Promise<ProvenConnection> {
  const {client, marker, request} = connection;
  if (connection.server !== null) return {...connection, server: connection.server};
  const {server, is_own_session} = await readServerProof(client, marker, request.connect_timeout_ms);
  if (is_own_session) return {...connection, server};
  await connection.close();
  throw noActingThroughPooler(request);
}

/** After a restart, a pid in the plan may belong to another session. */
function isSameStart(bound: ServerIdentity, found: ServerIdentity): boolean {
  return compareServers(bound, found) === 'same';
}

function isSameServer(bound: ServerIdentity, found: ServerIdentity): boolean {
  return serverDoubt(bound, found) === null;
}

function otherServer(bound: ServerIdentity, {request, route, server}: ProvenConnection): AbortError {
  const by = route === 'rescue' ? 'the rescue URL ' : '';
  return new AbortError(
    `${by}${hostAndPort(request)} is not the server of this plan: ${serverDifference(bound, server)}`,
    {hint: 'Connect to the server of the plan, or plan again on this one.', exitCode: exitCodes.drift},
  );
}
