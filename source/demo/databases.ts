import {randomBytes} from 'node:crypto';
import pg from 'pg';
import {pickFunction, rows} from './rows.ts';
import {applications, type DemoApplication} from './schema.ts';
import type {ThrowawayServer} from './server.ts';

/** Who may log in, by role. */
export type Passwords = Record<string, string>;

/** The role that a person on call uses: sees everything, may end sessions, owns nothing. */
export const oncallRole = 'oncall';

/**
 * The applications' databases, roles and rows, and pg_stat_statements in each. `calm` adds the indexes whose
 * absence hurts. Runs a connection per database, as that is what two cores are good for.
 */
export async function createDatabases(
  server: ThrowawayServer,
  options: {seed: number; calm: boolean; onProgress: (text: string) => void},
): Promise<Passwords> {
  const passwords: Passwords = {};
  await withClient(server.superuserUrl, async client => {
    for (const role of [oncallRole, ...applications.map(application => application.role)]) {
      passwords[role] = randomBytes(12).toString('hex');
      await client.query(`CREATE ROLE ${role} LOGIN PASSWORD '${passwords[role]}'`);
    }
    await client.query(`GRANT pg_monitor, pg_signal_backend TO ${oncallRole}`);
    // To explain a statement takes the right to read its tables; the role that gives it came with 14.
    if (server.version >= 140_000) await client.query(`GRANT pg_read_all_data TO ${oncallRole}`);
    await client.query(`ALTER ROLE ${oncallRole} CREATEROLE`);
    for (const {database, role} of applications) {
      await client.query(`CREATE DATABASE ${database} OWNER ${role}`);
      // Every recipe can be tried: an owner's member builds its indexes, an admin sets its limits (PG16+).
      await client.query(`GRANT ${role} TO ${oncallRole} WITH ADMIN OPTION`);
    }
    await client.query('CREATE EXTENSION pg_stat_statements');
  });
  await Promise.all(applications.map(application => fill(server, application, options)));
  return passwords;
}

async function fill(
  server: ThrowawayServer,
  {database, role, tables, constraints, indexes}: DemoApplication,
  {seed, calm, onProgress}: {seed: number; calm: boolean; onProgress: (text: string) => void},
): Promise<void> {
  const url = server.url({database});
  await withClient(url, async client => {
    await client.query('CREATE EXTENSION pg_stat_statements');
    await client.query(pickFunction(seed));
    await client.query(`SET ROLE ${role}`);
    // In the transaction that made the table, rows need no WAL (wal_level = minimal).
    await client.query('BEGIN');
    await client.query(tables);
    for (const insert of rowsOf(database)) await client.query(insert);
    await client.query(constraints);
    if (calm) await client.query(indexes);
    await client.query('COMMIT');
    await client.query('ANALYZE');
  });
  onProgress(`${database} is filled`);
}

function rowsOf(database: string): string[] {
  return database in rows ? rows[database as keyof typeof rows] : [];
}

async function withClient(url: string, body: (client: pg.Client) => Promise<void>): Promise<void> {
  // Setting up is no part of the story the statistics tell, and CREATE ROLE's text holds a password.
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
