import pg from 'pg';
import {AbortError} from '../../../source/core/errors.ts';
import {findServerBinaries} from '../../../source/demo/binaries.ts';
import {startServer, type ThrowawayServer} from '../../../source/demo/server.ts';
import {startLoad} from '../child.ts';
import type {Address} from '../stage.ts';

/** How much there is to look at on a server. */
export type Size = {
  name: string;
  sessions: number;
  applications: number;
  tables: number;
  statements: number;
  databases: number;
  roles: number;
};

export const small: Size = {
  name: 'small',
  sessions: 500,
  applications: 12,
  tables: 25,
  statements: 100,
  databases: 2,
  roles: 10,
};

export const big: Size = {
  name: 'big',
  sessions: 2000,
  applications: 60,
  tables: 5000,
  statements: 20_000,
  databases: 300,
  roles: 500,
};

export type SizedServer = {
  server: ThrowawayServer;
  address: Address;
  query<Row extends pg.QueryResultRow>(text: string): Promise<Row[]>;
  stop(): Promise<void>;
};

/** The role that poolctl watches with, and nothing else uses. */
export const watcher = 'bench_poolctl';
/** The password of throwaway roles on a loopback server that runs for minutes. */
const password = 'bench';

/** A server of that size: each table has a primary key, a foreign key and a further index, and is used by real statements. */
export async function startSized(
  size: Size,
  onStop: (stop: () => Promise<void>) => void,
): Promise<SizedServer> {
  const binaries = await findServerBinaries(18).catch((error: unknown) => {
    if (error instanceof AbortError) return findServerBinaries();
    throw error;
  });
  const server = await startServer({
    binaries,
    settings: {
      max_connections: size.sessions + 50,
      shared_preload_libraries: 'pg_stat_statements',
      'pg_stat_statements.max': size.statements + 5000,
    },
  });
  const stops = [() => server.stop()];
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each();
  };
  onStop(stop);
  const client = new pg.Client({connectionString: server.superuserUrl});
  client.on('error', () => {});
  await client.connect();
  stops.push(() => client.end().catch(() => {}));
  const query: SizedServer['query'] = async text => (await client.query(text)).rows;
  await query(`CREATE EXTENSION pg_stat_statements;
    CREATE ROLE app LOGIN PASSWORD '${password}';
    CREATE ROLE ${watcher} LOGIN PASSWORD '${password}' IN ROLE pg_monitor;
    CREATE TABLE account (id int PRIMARY KEY, balance bigint NOT NULL);
    INSERT INTO account SELECT id, 0 FROM generate_series(0, 9999) id;
    CREATE TABLE history (account_id int, at timestamptz);
    GRANT SELECT, INSERT, UPDATE ON account, history TO app;`);
  await inBatches(size.tables, 200, async indexes => {
    await query(indexes.map(createTable).join('\n'));
  });
  for (let index = 0; index < size.databases; index++)
    await query(`CREATE DATABASE other_${index} ${server.version >= 150_000 ? 'STRATEGY file_copy' : ''}`);
  await query(Array.from({length: size.roles}, (_, index) => createRole(index)).join('\n'));
  await query('SELECT pg_stat_statements_reset()');
  await inBatches(size.statements, 500, async indexes => {
    await query(indexes.map(index => statementOf(index, size.tables)).join('\n'));
  });
  await query('ANALYZE');
  const load = await startLoad({
    url: server.url({user: 'app', password}),
    sessions: size.sessions,
    applications: size.applications,
  });
  stops.push(load.stop);
  const address = {host: server.host, port: server.port, user: watcher, password, database: 'postgres'};
  return {server, address, query, stop};
}

async function inBatches(
  count: number,
  batch: number,
  work: (indexes: number[]) => Promise<void>,
): Promise<void> {
  for (let from = 0; from < count; from += batch)
    await work(Array.from({length: Math.min(batch, count - from)}, (_, index) => from + index));
}

function createTable(index: number): string {
  return `CREATE TABLE entity_${index} (id int PRIMARY KEY, parent int REFERENCES entity_${Math.floor(index / 2)}, code int, note text);
    CREATE INDEX ON entity_${index} (code);`;
}

function createRole(index: number): string {
  return `CREATE ROLE team_${index}; ALTER ROLE team_${index} SET work_mem = '8MB';`;
}

const shapes = ['id, code', 'id, note', 'code, note', 'id, code, note'];

/** Another one for each index: pg_stat_statements keeps one entry for each. */
function statementOf(index: number, tables: number): string {
  const turn = Math.floor(index / tables);
  return `SELECT ${shapes[turn % shapes.length]} FROM entity_${index % tables} WHERE id = ${index};`;
}
