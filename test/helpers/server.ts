import {access, constants} from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import type {ClientConfig} from 'pg';
import pg from 'pg';
import {describe, it} from 'vitest';
import {AbortError} from '../../source/core/errors.ts';
import {findServerBinaries, majorOf, readVersion, type ServerBinaries} from '../../source/demo/binaries.ts';
import type {ServerSettings} from '../../source/demo/launch.ts';
import {startServer, type ThrowawayServer, type UrlOptions} from '../../source/demo/server.ts';

/** Every major poolctl reads. 18 comes with the repository's packages, 15 is Debian's. */
const knownMajors = [18, 17, 16, 15, 14, 13] as const;
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
  /** Those found by themselves, unless given. */
  binaries?: ServerBinaries;
}): Promise<TestServer> {
  const settings = {shared_preload_libraries: 'pg_stat_statements', ...options.settings};
  const named = options.binaries ?? namedBinaries.get(options.major);
  const server = await startServer({
    major: options.major,
    settings,
    ...(named === undefined ? {} : {binaries: named}),
  });
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

/** Those that tests run on: 18 and 15 where they are found by themselves, any other where it is named. */
export async function availableMajors(): Promise<Major[]> {
  const found = await Promise.all([18, 15].map(isFound));
  const bySelf = [18, 15].filter((_, index) => found[index]);
  return knownMajors.filter(major => namedBinaries.has(major) || bySelf.includes(major));
}

const namedBinaries = await readNamedBinaries('POOLCTL_TEST_POSTGRES_BIN');
const available = await availableMajors();

/** A describe block for each known major; those whose binaries are absent are reported as skipped. */
export function describeEachMajor(name: string, body: (major: Major) => void): void {
  for (const major of knownMajors) {
    if (available.includes(major)) describe(`${name} (PostgreSQL ${major})`, () => body(major));
    else it.skip(`${name} (PostgreSQL ${major}: name its folder in POOLCTL_TEST_POSTGRES_BIN)`, () => {});
  }
}

/** The folders of `initdb` and `postgres` that the variable lists as PATH does, by major. */
async function readNamedBinaries(variable: string): Promise<Map<number, ServerBinaries>> {
  const folders = (process.env[variable] ?? '').split(path.delimiter).filter(Boolean);
  const all = await Promise.all(
    folders.map(async bin => {
      await access(path.join(bin, 'initdb'), constants.X_OK);
      const version = await readVersion(bin);
      if (version === null) throw new Error(`${variable}: no PostgreSQL server runs from ${bin}`);
      return {bin, version, origin: 'machine', root: null, missingLinks: {}} as const;
    }),
  );
  return new Map(all.map(binaries => [majorOf(binaries), binaries]));
}

async function isFound(major: number): Promise<boolean> {
  try {
    return majorOf(await findServerBinaries(major)) === major;
  } catch (error) {
    if (error instanceof AbortError) return false;
    throw error;
  }
}
