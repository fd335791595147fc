import {once} from 'node:events';
import {rm} from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import pg from 'pg';
import {startServer, type ThrowawayServer} from '../../source/demo/server.ts';

/** Names the socket on which the main process of the tests hands out servers; its test processes inherit it. */
const socketVariable = 'POOLCTL_TEST_SERVERS';

/** What a test process gets to know of a server of the main process. */
type Address = {port: number; version: number; password: string};

/**
 * Runs once, before the tests that need a server. The main process keeps servers, starts one when a test file asks and
 * none is free, and empties it before each use. A file has it to itself until it closes its connection, or ends.
 */
export default async function serveServers(): Promise<(() => Promise<void>) | undefined> {
  // Once for all projects.
  if (process.env[socketVariable] !== undefined) return undefined;
  const socket = path.join(os.tmpdir(), `poolctl-test-servers-${process.pid}`);
  const free = new Map<number, ThrowawayServer[]>();
  const started = new Set<ThrowawayServer>();

  const take = async (major: number): Promise<ThrowawayServer> => {
    for (;;) {
      const server = free.get(major)?.pop();
      if (server === undefined) break;
      if (await emptied(server)) return server;
      started.delete(server);
      await server.stop();
    }
    // By initdb, not from a template: no server of a test may have its system identifier.
    const server = await startServer({major, settings: sharedSettings});
    started.add(server);
    return server;
  };
  const listener = net.createServer(connection => {
    connection.on('error', () => {});
    connection.once('data', async asked => {
      const major = Number(asked);
      try {
        const server = await take(major);
        const release = () => void free.set(major, [...(free.get(major) ?? []), server]);
        if (connection.destroyed) return release();
        connection.once('close', release);
        const {port, version, superuserPassword: password} = server;
        connection.write(`${JSON.stringify({port, version, password} satisfies Address)}\n`);
      } catch (error) {
        connection.end(`${JSON.stringify({error: String(error)})}\n`);
      }
    });
  });
  await rm(socket, {force: true});
  listener.listen(socket);
  await once(listener, 'listening');
  process.env[socketVariable] = socket;
  return async () => {
    listener.close();
    await Promise.all([...started].map(server => server.stop()));
  };
}

/** The settings of `startTestServer`. */
export const sharedSettings = {shared_preload_libraries: 'pg_stat_statements'};

/** A server of the main process, empty, until `release` is called. */
export async function takeSharedServer(major: number): Promise<Address & {release: () => void}> {
  const socket = process.env[socketVariable];
  if (socket === undefined) throw new Error('no shared servers: test/helpers/shared-servers.ts did not run');
  const connection = net.connect(socket);
  connection.write(String(major));
  const [answer] = await once(connection.setEncoding('utf8'), 'data');
  const address = JSON.parse(answer);
  if ('error' in address) throw new Error(address.error);
  // The connection, not a wish to keep the process: it closes when the process ends.
  connection.unref();
  return {...address, release: () => connection.destroy()};
}

/**
 * Makes the server as initdb leaves it: without other databases, roles and sessions, settings and statistics. False if it
 * does not answer.
 */
async function emptied(server: ThrowawayServer): Promise<boolean> {
  const inDatabase = async (database: string, work: (client: pg.Client) => Promise<unknown>) => {
    const client = new pg.Client({connectionString: server.url({database}), connectionTimeoutMillis: 5000});
    client.on('error', () => {});
    await client.connect();
    try {
      await work(client);
    } finally {
      await client.end();
    }
  };
  try {
    await inDatabase('template1', async client => {
      const {rows} = await client.query<{statement: string}>(statementsToEmpty);
      for (const {statement} of rows) await client.query(statement);
    });
    await inDatabase('postgres', client => client.query(resetStatistics));
    return true;
  } catch {
    return false;
  }
}

/** The statements that remove what a test may have left behind, in their order. */
const statementsToEmpty = `
  SELECT statement FROM (
    SELECT 1, format('SELECT pg_terminate_backend(%s)', pid) FROM pg_stat_activity
      WHERE backend_type IN ('client backend', 'walsender') AND pid <> pg_backend_pid()
    UNION ALL SELECT 2, format('SELECT pg_drop_replication_slot(%L)', slot_name) FROM pg_replication_slots
    UNION ALL SELECT 3, format('DROP DATABASE %I WITH (FORCE)', datname) FROM pg_database
      WHERE datname NOT IN ('template0', 'template1')
    UNION ALL SELECT 4, format('DROP OWNED BY %1$I; DROP ROLE %1$I', rolname) FROM pg_roles
      WHERE oid >= 16384
    UNION ALL SELECT 5, each FROM unnest(ARRAY[
      'ALTER ROLE ALL RESET ALL', 'ALTER ROLE postgres RESET ALL', 'ALTER ROLE postgres CONNECTION LIMIT -1',
      'ALTER SYSTEM RESET ALL', 'SELECT pg_reload_conf()', 'CREATE DATABASE postgres TEMPLATE template0']) each
  ) AS statements(place, statement) ORDER BY place`;

const resetStatistics = `
  CREATE EXTENSION pg_stat_statements;
  SELECT pg_stat_statements_reset();
  DROP EXTENSION pg_stat_statements`;
