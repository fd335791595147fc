import {randomBytes} from 'node:crypto';
import pg from 'pg';
import {pickFunction, rows} from './rows.ts';
import {applications, type DemoApplication} from './schema.ts';
import {startServer, type ThrowawayServer} from './server.ts';
import {startTraffic} from './start-traffic.ts';

export type DemoOptions = {
  /** The same seed gives the same rows and requests. */
  seed?: number;
  /** Starts the same applications without the incident. */
  calm?: boolean;
  onProgress?: (text: string) => void;
  /** The traffic program; default: the one next to this program. */
  trafficEntry?: URL;
  /** Requires server binaries of this major version. */
  major?: number;
};

export type Demo = {
  /** URL of the on-call role: pg_monitor and pg_signal_backend, not a superuser. */
  url: string;
  superuserUrl: string;
  /** For POOLCTL_RESCUE_URL: a superuser, who can use the reserved slots. */
  rescueUrl: string;
  /** One line: version, and what runs on it. */
  description: string;
  /** Stops traffic and server and removes their files. */
  stop(): Promise<void>;
};

/**
 * Starts a throwaway PostgreSQL with three applications, in the incident or calm. Resolves when the incident is in place.
 * Throws AbortError if there are no server binaries or the server does not start.
 */
export async function startDemo(options: DemoOptions = {}): Promise<Demo> {
  const {seed = 1, calm = false, onProgress = () => {}, trafficEntry, major} = options;
  onProgress('starting a throwaway PostgreSQL');
  const server = await startServer({settings, ...(major === undefined ? {} : {major})});
  try {
    onProgress('creating the databases of three applications');
    const passwords = await createDatabases(server, {seed, calm, onProgress});
    onProgress(calm ? 'starting their traffic' : 'starting their traffic and the incident');
    const {host, port, superuserPassword} = server;
    const traffic = await startTraffic(
      {kind: 'applications', seed, calm, host, port, passwords, superuserPassword},
      trafficEntry,
    );
    const rescueUrl = server.url({database});
    return {
      url: server.url({user: oncallRole, password: passwords[oncallRole] ?? '', database}),
      superuserUrl: rescueUrl,
      rescueUrl,
      description: describe(server.version, {seed, calm}),
      async stop() {
        await traffic.stop();
        await server.stop();
      },
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

const database = 'assessments';

const settings = {
  // Like a small hosted plan, so that connection slots run short.
  max_connections: 60,
  shared_preload_libraries: 'pg_stat_statements',
  track_io_timing: 'on',
  // The server, its clients and the console share two cores.
  max_parallel_workers_per_gather: 0,
  jit: 'off',
  wal_level: 'minimal',
  max_wal_senders: 0,
};

function describe(version: number, {seed, calm}: {seed: number; calm: boolean}): string {
  const state = calm ? 'calm' : 'during an incident';
  return `${nameVersion(version)}, three applications, ${state} (seed ${seed})`;
}

/** `PostgreSQL 18.1`. */
export function nameVersion(version: number): string {
  return `PostgreSQL ${Math.floor(version / 10_000)}.${version % 10_000}`;
}

/** A running server, as far as it is needed to fill it. */
type DatabaseServer = Pick<ThrowawayServer, 'superuserUrl' | 'url' | 'version'>;

/** Passwords by role. */
export type Passwords = Record<string, string>;

/** The on-call role, which may see everything and end sessions, but owns nothing. */
export const oncallRole = 'oncall';

/**
 * Creates the applications' roles and databases with their rows and pg_stat_statements; `calm` adds the indexes that the
 * incident lacks. Uses one connection per database.
 */
export async function createDatabases(
  server: DatabaseServer,
  options: {seed: number; calm: boolean; onProgress: (text: string) => void},
): Promise<Passwords> {
  const passwords: Passwords = {};
  await withClient(server.superuserUrl, async client => {
    for (const role of [oncallRole, ...applications.map(application => application.role)]) {
      passwords[role] = randomBytes(12).toString('hex');
      await client.query(`CREATE ROLE ${role} LOGIN PASSWORD '${passwords[role]}'`);
    }
    await client.query(`GRANT pg_monitor, pg_signal_backend TO ${oncallRole}`);
    // EXPLAIN requires the privilege to read the tables. The role exists since 14.
    if (server.version >= 140_000) await client.query(`GRANT pg_read_all_data TO ${oncallRole}`);
    await client.query(`ALTER ROLE ${oncallRole} CREATEROLE`);
    for (const {database, role} of applications) {
      await client.query(`CREATE DATABASE ${database} OWNER ${role}`);
      // Lets the user try every recipe: the owner's members build indexes, its admins set role limits (16 and newer).
      await client.query(`GRANT ${role} TO ${oncallRole} WITH ADMIN OPTION`);
    }
    await client.query('CREATE EXTENSION pg_stat_statements');
  });
  await Promise.all(applications.map(application => fill(server, application, options)));
  return passwords;
}

async function fill(
  server: DatabaseServer,
  {database, role, tables, constraints, indexes}: DemoApplication,
  {seed, calm, onProgress}: {seed: number; calm: boolean; onProgress: (text: string) => void},
): Promise<void> {
  const url = server.url({database});
  await withClient(url, async client => {
    await client.query('CREATE EXTENSION pg_stat_statements');
    await client.query(pickFunction(seed));
    await client.query(`SET ROLE ${role}`);
    // Rows of a table created in the same transaction need no WAL (wal_level = minimal).
    await client.query('BEGIN');
    await client.query(tables);
    for (const insert of rowsOf(database)) await client.query(insert);
    await client.query(constraints);
    if (calm) await client.query(indexes);
    await client.query('COMMIT');
    await client.query('ANALYZE');
  });
  onProgress(`database ${database} is ready`);
}

function rowsOf(database: string): string[] {
  return database in rows ? rows[database as keyof typeof rows] : [];
}

async function withClient(url: string, body: (client: pg.Client) => Promise<void>): Promise<void> {
  // Keeps the setup out of the statistics: CREATE ROLE contains a password.
  const options = '-c pg_stat_statements.track=none';
  const own = {application_name: 'poolctl-demo', options, ssl: false};
  const client = new pg.Client({connectionString: url, ...own});
  await client.connect();
  try {
    await body(client);
  } finally {
    await client.end();
  }
}
