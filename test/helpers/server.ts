import {execFile} from 'node:child_process';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {promisify} from 'node:util';
import type {ClientConfig} from 'pg';
import pg from 'pg';
import {describe, inject} from 'vitest';
import {findServerBinaries, type ServerBinaries} from '../../source/demo/binaries.ts';
import type {ServerSettings, ServerTemplate} from '../../source/demo/server.ts';
import {
  host,
  startServer,
  type ThrowawayServer,
  type UrlOptions,
  writeServerUrl,
} from '../../source/demo/server.ts';
import {type Major, selectedMajors} from './majors.ts';
import {takeTemplate} from './server-template.ts';
import {sharedSettings, takeSharedServer} from './shared-servers.ts';

export type TestServer = Pick<
  ThrowawayServer,
  'host' | 'port' | 'version' | 'superuserUrl' | 'superuserPassword' | 'url' | 'stop'
> & {
  major: Major;
  /** Runs a statement as superuser on its own connection, which reconnects after a restart of the server. */
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
  /** A connected client, by default the superuser's; closed by stop(). */
  connect(options?: UrlOptions & {config?: ClientConfig}): Promise<pg.Client>;
};

/** A server that the test may also restart, pause and crash, and whose files it may change. */
export type OwnServer = TestServer & ThrowawayServer;

/**
 * A real server that the test has to itself until stop(), which other tests have used and will use: it has no database,
 * role, setting or statistics of theirs. pg_stat_statements is loaded but not created in a database.
 */
export async function shareTestServer({major}: {major: Major}): Promise<TestServer> {
  const shared = await takeSharedServer(major);
  const {port, version, password} = shared;
  const url = (options?: UrlOptions) => writeServerUrl(shared, options);
  const {clients, ...connections} = createConnections(url);
  return {
    ...{host, port, version, superuserUrl: url(), superuserPassword: password, url},
    ...connections,
    major,
    async stop() {
      for (const client of clients) client.end().catch(() => {});
      shared.release();
    },
  };
}

/** Of the servers that run. */
const templates = new WeakMap<OwnServer, ServerTemplate>();

/** Starts a real server. pg_stat_statements is loaded but not created in a database. */
export async function startTestServer(options: {
  major: Major;
  settings?: ServerSettings;
  /** By default those that `findServerBinaries` finds. */
  binaries?: ServerBinaries;
}): Promise<OwnServer> {
  const settings = {...sharedSettings, ...options.settings};
  const binaries = options.binaries ?? (await findServerBinaries(options.major));
  const {template, release} = await takeTemplate(binaries);
  const server = await startServer({binaries, settings, template});
  const {clients, ...connections} = createConnections(server.url);
  const started: OwnServer = {
    ...server,
    ...connections,
    major: options.major,
    async stop() {
      await server.resume();
      // Not awaited: a client whose statement is running would not end before the server stops.
      for (const client of clients) client.end().catch(() => {});
      await server.stop();
      release();
    },
  };
  templates.set(started, template);
  return started;
}

/**
 * Starts a hot standby of a server started before, which still has all its WAL: it begins as that one did, and streams the rest.
 * Its application_name there is `standby`.
 */
export async function startTestStandby(
  primary: OwnServer,
  settings: ServerSettings = {},
): Promise<OwnServer> {
  const from = templates.get(primary);
  if (from === undefined) throw new Error('not a server of startTestServer');
  const folder = await mkdtemp(join(tmpdir(), 'poolctl-standby-'));
  try {
    await promisify(execFile)('cp', ['-a', `${from.data}/.`, folder]);
    await writeFile(join(folder, 'standby.signal'), '');
    const {host, port, superuserPassword: password} = primary;
    const server = await startServer({
      binaries: await findServerBinaries(primary.major),
      template: {data: folder, password},
      settings: {
        ...sharedSettings,
        primary_conninfo: `host=${host} port=${port} user=postgres password=${password} application_name=standby`,
        ...settings,
      },
    });
    const {clients, ...connections} = createConnections(server.url);
    return {
      ...server,
      ...connections,
      major: primary.major,
      async stop() {
        for (const client of clients) client.end().catch(() => {});
        await server.stop();
      },
    };
  } finally {
    await rm(folder, {recursive: true, force: true});
  }
}

type Connections = Pick<TestServer, 'query' | 'connect'> & {clients: Set<pg.Client>};

function createConnections(url: TestServer['url']): Connections {
  const clients = new Set<pg.Client>();
  let own: pg.Client | null = null;
  const connect: TestServer['connect'] = async ({config, ...options} = {}) => {
    const client = new pg.Client({connectionString: url(options), ...config});
    // A connection that a test ends deliberately must not end the process.
    client.on('error', () => clients.delete(client));
    client.on('end', () => clients.delete(client));
    await client.connect();
    clients.add(client);
    return client;
  };
  return {
    clients,
    connect,
    async query(text, values) {
      if (own === null || !clients.has(own)) own = await connect({application_name: 'test'});
      return (await own.query(text, values)).rows;
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

/** A describe block for what does not depend on the server's version: on the newest, or on each that is selected. */
export function describeMainMajor(name: string, body: (major: Major) => void): void {
  for (const major of availableMajors().filter(isMainMajor))
    describe(`${name} (PostgreSQL ${major})`, () => body(major));
}

/** Whether tests that do not depend on the version run on this one, too. */
export function isMainMajor(major: Major): boolean {
  return selectedMajors() !== null || major === availableMajors()[0];
}
