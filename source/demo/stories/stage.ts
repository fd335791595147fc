import {randomBytes} from 'node:crypto';
import {setMaxListeners} from 'node:events';
import {setTimeout as sleepMs} from 'node:timers/promises';
import pg from 'pg';
import {socketFrom} from '../instances.ts';
import type {ServerSettings, ThrowawayServer} from '../server.ts';
import type {Login, Stage, Story} from './story.ts';

/** Of every story, unless it has its own. */
const storySettings: ServerSettings = {
  shared_preload_libraries: 'pg_stat_statements',
  max_connections: 100,
  track_io_timing: 'on',
  // The server, its clients and poolctl share the machine.
  max_parallel_workers_per_gather: 0,
  jit: 'off',
};

/** Every story's. */
export const database = 'app';
const untilMs = 60_000;
/** Before PostgreSQL 15 nothing asks for it. PGSTAT_STAT_INTERVAL in pgstat.c: 500 ms. */
const flushWithin_ms = 600;

/** The server, as far as a story's clients need it. */
export type StageServer = Pick<ThrowawayServer, 'host' | 'port' | 'superuserPassword'>;

/** Creates the story's database. `end` stops its clients. */
export async function openStage(server: StageServer): Promise<Stage & {end(): Promise<void>}> {
  const passwords = new Map<string, string>();
  const clients = new Set<pg.Client>();
  const pools = new Set<pg.Pool>();
  const ending = new AbortController();
  const {signal} = ending;
  // Each of the clients' pauses listens to it.
  setMaxListeners(0, signal);
  const loops = new Set<Promise<void>>();

  const {host, port, superuserPassword} = server;
  const setup = new pg.Client({
    host,
    port,
    user: 'postgres',
    password: superuserPassword,
    database: 'postgres',
  });
  await setup.connect();
  await setup.query(`CREATE DATABASE ${database}`);
  await setup.end();

  function configOf({
    role,
    application_name = '',
    address = '127.0.0.1',
    database: other = database,
    replication = false,
  }: Login): pg.ClientConfig {
    return {
      host,
      port,
      database: other,
      user: role ?? 'postgres',
      password: role === undefined ? superuserPassword : passwords.get(role),
      application_name,
      ...(replication && {replication: 'true'}),
      stream: () => socketFrom(address),
    };
  }

  async function connect(login: Login): Promise<pg.Client> {
    signal.throwIfAborted();
    const client = new pg.Client(configOf(login));
    client.on('error', () => {});
    client.on('end', () => clients.delete(client));
    await client.connect();
    clients.add(client);
    return client;
  }

  const admin = await connect({application_name: 'story'});
  await admin.query('CREATE EXTENSION pg_stat_statements');

  async function repeat(
    login: Login,
    work: (client: pg.Client) => Promise<unknown>,
    pause_ms: number,
    until: AbortSignal,
  ) {
    let client: pg.Client | null = null;
    while (!until.aborted) {
      try {
        client ??= await connect(login);
        await work(client);
      } catch {
        if (client !== null && !clients.has(client)) client = null;
        // A refused connection is tried again, but not at full speed.
        if (client === null) await pause(200, until);
      }
      if (pause_ms > 0) await pause(pause_ms, until);
    }
    client?.end().catch(() => {});
  }

  return {
    admin,
    database,
    signal,
    connect,
    sleep: ms => pause(ms, signal),
    async role(name, options = '') {
      const password = randomBytes(12).toString('hex');
      passwords.set(name, password);
      // Passwords stay out of the statistics.
      await admin.query(
        `SET pg_stat_statements.track = none; CREATE ROLE ${admin.escapeIdentifier(name)} LOGIN PASSWORD '${password}' ${options}; RESET pg_stat_statements.track`,
      );
      await admin.query(`GRANT ALL ON SCHEMA public TO ${admin.escapeIdentifier(name)}`);
      await admin.query(
        `ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO ${admin.escapeIdentifier(name)}`,
      );
      await admin.query(
        `ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON SEQUENCES TO ${admin.escapeIdentifier(name)}`,
      );
    },
    async loop(login, work, {pause_ms = 0, signal: own} = {}) {
      const until = own === undefined ? signal : AbortSignal.any([own, signal]);
      const running = repeat(login, work, pause_ms, until).finally(() => loops.delete(running));
      loops.add(running);
    },
    pool(login, options) {
      const pool = new pg.Pool({...configOf(login), ...options});
      pool.on('error', () => {});
      // Of a connection that is checked out, the pool handles none.
      pool.on('connect', client => client.on('error', () => {}));
      pools.add(pool);
      return pool;
    },
    async analyze() {
      // What this session wrote is counted up to a second later, and after the ANALYZE would count as changed since.
      await admin.query('SELECT pg_stat_force_next_flush()').catch(() => pause(flushWithin_ms, signal));
      await admin.query('ANALYZE');
    },
    async until(query) {
      const deadline = performance.now() + untilMs;
      while (performance.now() < deadline) {
        signal.throwIfAborted();
        const {rows} = await admin.query<unknown[]>({text: query, rowMode: 'array'});
        if (rows[0]?.[0] === true) return;
        await pause(50, signal);
      }
      throw new Error(`not within a minute: ${query}`);
    },
    async end() {
      ending.abort();
      // A client whose statement runs or waits would not end before the server does.
      for (const client of [...clients, ...pools]) client.end().catch(() => {});
      await Promise.race([Promise.allSettled(loops), sleepMs(500)]);
    },
  };
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleepMs(ms, undefined, {signal}).catch(() => {});
}

/** Settings of the server that a story needs. */
export function settingsOf({settings}: Pick<Story, 'settings'>): ServerSettings {
  return {...storySettings, ...settings};
}
