import type {ClientConfig} from 'pg';
import pg from 'pg';
import {describe} from 'vitest';
import {AbortError} from '../../source/core/errors.ts';
import {findServerBinaries, majorOf} from '../../source/demo/binaries.ts';
import type {ServerSettings} from '../../source/demo/launch.ts';
import {startServer, type ThrowawayServer, type UrlOptions} from '../../source/demo/server.ts';

/** The versions the tests know of: the embedded one, and Debian's where it is installed. */
const knownMajors = [18, 15] as const;
export type Major = (typeof knownMajors)[number];

export type TestServer = ThrowawayServer & {
  major: Major;
  /** As superuser, on a connection of its own that outlives a restart of the server. */
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  /** A connected client, the superuser's unless a user is given; closed at stop(). */
  connect(options?: UrlOptions & {config?: ClientConfig}): Promise<pg.Client>;
};

/** A real server for a test file; pg_stat_statements is loaded (`CREATE EXTENSION` is the test's to do). */
export async function startTestServer(options: {
  major: Major;
  settings?: ServerSettings;
}): Promise<TestServer> {
  const settings = {shared_preload_libraries: 'pg_stat_statements', ...options.settings};
  const server = await startServer({major: options.major, settings});
  const clients = new Set<pg.Client>();
  let own: pg.Client | null = null;

  const connect: TestServer['connect'] = async ({config, ...url} = {}) => {
    const client = new pg.Client({connectionString: server.url(url), ...config});
    // A connection that a test ends on purpose must not end the test's process.
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
      // Not awaited one by one: a client with a statement under way would never end by itself.
      for (const client of clients) client.end().catch(() => {});
      await server.stop();
    },
  };
}

/** Those of the known majors whose binaries are there. */
export async function availableMajors(): Promise<Major[]> {
  const found = await Promise.all(
    knownMajors.map(major =>
      findServerBinaries(major).then(
        binaries => majorOf(binaries) === major,
        (error: unknown) => {
          if (error instanceof AbortError) return false;
          throw error;
        },
      ),
    ),
  );
  return knownMajors.filter((_, index) => found[index]);
}

const available = await availableMajors();

/** A describe block for each known major; those whose binaries are absent are reported as skipped. */
export function describeEachMajor(name: string, body: (major: Major) => void): void {
  for (const major of knownMajors) {
    if (available.includes(major)) describe(`${name} (PostgreSQL ${major})`, () => body(major));
    else describe.skip(`${name} (PostgreSQL ${major} is not installed)`, () => body(major));
  }
}
