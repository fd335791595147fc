import pg from 'pg';
import {AbortError} from '../../source/core/errors.ts';
import {findServerBinaries} from '../../source/demo/binaries.ts';
import {startServer, type ThrowawayServer} from '../../source/demo/server.ts';
import {type Load, startLink, startLoad} from './child.ts';

export const sessions = 500;
export const roundTrip_ms = 50;
/** The address and role that a program connects with. */
export type Address = {host: string; port: number; user: string; password: string; database: string};

export type Stage = {
  server: ThrowawayServer;
  load: Load;
  /** The server itself, or the far end of the slow link to it. */
  address(role: string, way: 'direct' | 'link'): Address;
  /** Runs statements as superuser, each on its own connection, because the server restarts. */
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  stop(): Promise<void>;
};

/**
 * A server with its load, a role for each program (pg_monitor, like a person on call) and a slow link. Uses PostgreSQL 15
 * if installed, because the peers published their figures for it.
 */
export async function setStage(roles: string[], onStop: (stop: () => Promise<void>) => void): Promise<Stage> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const stopOne of stops.splice(0).reverse()) await stopOne();
  };
  onStop(stop);
  const server = await startServer({binaries: await findBinaries(), settings});
  stops.push(async () => {
    // A server that a figure has paused would not react to being stopped.
    await server.resume();
    await server.stop();
  });
  const query: Stage['query'] = async (text, values) => {
    const client = new pg.Client({connectionString: server.superuserUrl});
    client.on('error', () => {});
    await client.connect();
    try {
      return (await client.query(text, values)).rows;
    } finally {
      await client.end();
    }
  };
  await query(schema(roles));
  const link = await startLink({host: server.host, port: server.port, round_trip_ms: roundTrip_ms});
  stops.push(link.stop);
  const load = await startLoad({url: server.url({user: 'app', password}), sessions});
  stops.push(load.stop);
  const address: Stage['address'] = (user, way) => ({
    host: server.host,
    port: way === 'link' ? link.port : server.port,
    user,
    password,
    database: 'postgres',
  });
  return {server, load, address, query, stop};
}

/** The password of throwaway roles on a loopback server that runs for minutes. */
const password = 'bench';

const settings = {
  max_connections: sessions + 100,
  shared_preload_libraries: 'pg_stat_statements',
  track_activity_query_size: 4096,
};

function findBinaries() {
  return findServerBinaries(15).catch((error: unknown) => {
    if (error instanceof AbortError) return findServerBinaries();
    throw error;
  });
}

function schema(roles: string[]): string {
  return `CREATE EXTENSION pg_stat_statements;
    CREATE ROLE app LOGIN PASSWORD '${password}';
    ${roles.map(role => `CREATE ROLE ${role} LOGIN PASSWORD '${password}' IN ROLE pg_monitor;`).join('\n')}
    CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL);
    INSERT INTO account SELECT id, 0 FROM generate_series(0, 9999) id;
    CREATE TABLE history (account_id int, at timestamptz);
    GRANT SELECT, INSERT, UPDATE ON account, history TO app;`;
}
