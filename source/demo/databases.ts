import {randomBytes} from 'node:crypto';
import pg from 'pg';
import {pickFunction, rows} from './rows.ts';
import {applications, type DemoApplication} from './schema.ts';
import type {ThrowawayServer} from './server.ts';

/** Passwords by role. */
export type Passwords = Record<string, string>;

/** The role of the person on call: it sees everything, may end sessions and owns nothing. */
export const oncallRole = 'oncall';

/**
 * Creates the applications' roles and databases with their rows and pg_stat_statements; `calm` adds the indexes that the
 * incident lacks. Uses one connection per database.
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
    // EXPLAIN needs the privilege to read the tables; the role that grants it exists since 14.
    if (server.version >= 140_000) await client.query(`GRANT pg_read_all_data TO ${oncallRole}`);
    await client.query(`ALTER ROLE ${oncallRole} CREATEROLE`);
    for (const {database, role} of applications) {
      await client.query(`CREATE DATABASE ${database} OWNER ${role}`);
      // So that every recipe can be tried: a member of the owner builds indexes, an admin sets role limits (16 and newer).
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
  // The setup stays out of the statistics; CREATE ROLE contains a password.
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
