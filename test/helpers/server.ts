import type {ClientConfig} from 'pg';
import pg from 'pg';
import {describe, inject} from 'vitest';
import {findServerBinaries, type ServerBinaries} from '../../source/demo/binaries.ts';
import type {ServerSettings} from '../../source/demo/server.ts';
import {startServer, type ThrowawayServer, type UrlOptions} from '../../source/demo/server.ts';
import type {Major} from './majors.ts';
import {takeTemplate} from './server-template.ts';

export type TestServer = ThrowawayServer & {
  major: Major;
  /** Runs a statement as superuser on its own connection, which reconnects after a restart of the server. */
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  /** A connected client, by default the superuser's; closed by stop(). */
  connect(options?: UrlOptions & {config?: ClientConfig}): Promise<pg.Client>;
};

/** Starts a real server. pg_stat_statements is loaded but not created in a database. */
export async function startTestServer(options: {
  major: Major;
  settings?: ServerSettings;
  /** By default those that `findServerBinaries` finds. */
  binaries?: ServerBinaries;
}): Promise<TestServer> {
  const settings = {shared_preload_libraries: 'pg_stat_statements', ...options.settings};
  const binaries = options.binaries ?? (await findServerBinaries(options.major));
  const {template, release} = await takeTemplate(binaries);
  const server = await startServer({binaries, settings, template});
  const clients = new Set<pg.Client>();
  let own: pg.Client | null = null;

  const connect: TestServer['connect'] = async ({config, ...url} = {}) => {
    const client = new pg.Client({connectionString: server.url(url), ...config});
    // A connection that a test ends deliberately must not end the process.
    client.on('error', () => clients.delete(client));
    client.on('end', () => clients.delete(client));
    await client.connect();
    clients.add(client);
    return client;
  };
  return {
    ...server,
    major: options.major,
    connect,
    async query(text, values) {
      if (own === null || !clients.has(own)) own = await connect({application_name: 'test'});
      return (await own.query(text, values)).rows;
    },
    async stop() {
      await server.resume();
      // Not awaited: a client whose statement is running would not end before the server stops.
      for (const client of clients) client.end().catch(() => {});
      await server.stop();
      release();
    },
  };
}

/** The major versions that tests run on, newest first. */
export function availableMajors(): Major[] {
  return inject('majors');
}

/** A describe block for each major version. */
export function describeEachMajor(name: string, body: (major: Major) => void): void {
  for (const major of availableMajors()) describe(`${name} (PostgreSQL ${major})`, () => body(major));
}
