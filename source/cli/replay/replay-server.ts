import {randomBytes} from 'node:crypto';
import type pg from 'pg';
import {AbortError, exitCodes, usageError} from '../../core/errors.ts';
import type {Connection} from '../../postgres/connect/connect.ts';
import type {ConnectionRequest} from '../../postgres/connect/request.ts';
import {connectDirectly} from '../../postgres/connect/request.ts';
import {transportsOf} from '../../postgres/connect/tls.ts';
import {type SlotSettingsRow, slotSettingsQuery} from '../../postgres/queries/server.ts';
import {
  createGuard,
  type Guard,
  refuseWrites,
  type Slots,
  sessionSettings,
} from '../../replay/measure/guard.ts';
import {connectToWatch} from '../connection.ts';
import type {CliContext} from '../context.ts';
import {raceInterrupt} from '../interrupts.ts';
import {locateServer} from '../locate-server.ts';

/** A replay's server: a read-only connection to it, and the settings of the measured pools. */
export type ReplayServer = {
  connection: Connection;
  pools: pg.PoolConfig;
  /** The measured sessions may write. */
  allowWrites: boolean;
  guard: Guard;
  close(): Promise<void>;
};

type ReplayServerOptions = {
  flags: {wait?: string | undefined};
  allowWrites: boolean;
  signal: AbortSignal;
};

/** Connects to the requested server. Throws AbortError if that fails. */
export async function openReplayServer(
  context: CliContext,
  request: ConnectionRequest,
  {flags, allowWrites, signal}: ReplayServerOptions,
): Promise<ReplayServer> {
  const connection = await connectToWatch(context, request, {flags, signal});
  try {
    const application_name = createApplicationName();
    const guard = guardOf(connection, application_name, true);
    return {
      connection,
      pools: toPoolConfig(connection, {application_name, allowWrites}),
      allowWrites,
      guard,
      close: () => connection.close(),
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** Starts a throwaway server with the demo's rows, whose sessions may write. `close` removes it. */
export async function openDemoReplayServer(
  context: CliContext,
  {database, seed, signal}: {database: string; seed: number; signal: AbortSignal},
): Promise<ReplayServer> {
  const report = (text: string) => context.output.stderr(`poolctl replay: ${text}`);
  const demo = await startReplayDemo({seed, database, signal, onProgress: report});
  try {
    const request = await locateServer(context, {url: demo.watchUrl, flags: {}});
    const connection = await connectToWatch(context, request, {flags: {}, signal});
    const application_name = createApplicationName();
    const {user, password} = demo;
    const pools = toPoolConfig(connection, {application_name, allowWrites: true});
    return {
      connection,
      pools: {...pools, user, password},
      allowWrites: true,
      guard: guardOf(connection, application_name, false),
      async close() {
        await connection.close();
        await demo.stop();
      },
    };
  } catch (error) {
    await demo.stop();
    throw error;
  }
}

/** A throwaway server with the demo's rows and without traffic. */
type ReplayDemo = {
  /** The superuser's URL, whose reserved slots stay free when the replay uses all others. */
  watchUrl: string;
  /** The application's own role. */
  user: string;
  password: string;
  stop(): Promise<void>;
};

type DemoOptions = {
  seed: number;
  database: string;
  signal: AbortSignal;
  onProgress(text: string): void;
};

/** Throws AbortError: exit 2 for a database that the demo does not have, 130 when interrupted. */
export async function startReplayDemo(options: DemoOptions): Promise<ReplayDemo> {
  const {seed, database, signal, onProgress} = options;
  const [{createDatabases}, {applications}, {startServer}] = await Promise.all([
    import('../../demo/demo.ts'),
    import('../../demo/schema.ts'),
    import('../../demo/server.ts'),
  ]);
  const application = applications.find(each => each.database === database);
  if (application === undefined) {
    const names = applications.map(each => each.database).join(', ');
    throw usageError(`the demo has no database "${database}"`, `It has ${names}.`);
  }
  onProgress('starting a throwaway PostgreSQL');
  // If this is interrupted, the watchdog removes the server.
  const server = await raceInterrupt(startServer({settings: demoSettings}), signal);
  try {
    onProgress('creating the demo tables');
    // Calm: with the indexes of a healthy application.
    const filling = createDatabases(server, {seed, calm: true, onProgress});
    const passwords = await raceInterrupt(filling, signal);
    const {role} = application;
    const watchUrl = server.url({database});
    return {watchUrl, user: role, password: passwords[role] ?? '', stop: server.stop};
  } catch (error) {
    await server.stop();
    throw error;
  }
}

const demoSettings = {
  // PostgreSQL's default, which a few instances of an application exhaust.
  max_connections: 100,
  shared_preload_libraries: 'pg_stat_statements',
  max_parallel_workers_per_gather: 0,
  jit: 'off',
  wal_level: 'minimal',
  max_wal_senders: 0,
};

/** Distinguishes the sessions of this replay from all others. */
function createApplicationName(): string {
  return `poolctl-replay-${randomBytes(4).toString('hex')}`;
}

/**
 * How the measured pools connect: like the watching connection, with the session settings of the guard. Throws
 * AbortError: exit 2 for writes on production, exit 3 for a pooler, which does not apply session settings.
 */
function toPoolConfig(
  connection: Connection,
  {application_name, allowWrites}: {application_name: string; allowWrites: boolean},
): pg.PoolConfig {
  const {request, is_encrypted, is_pooled} = connection;
  refuseWrites({allowWrites, ...request});
  if (is_pooled) throw noReplayThroughPooler();
  if (request.allowed_authentication !== null) throw cannotRequire('require_auth', 'PGREQUIREAUTH');
  if (request.tls.channel_binding === 'require')
    throw cannotRequire('channel_binding=require', 'PGCHANNELBINDING');
  const tls = transportsOf(request).find(attempt => (attempt !== false) === is_encrypted) ?? false;
  const password = request.password();
  return {
    host: request.hostaddr ?? request.host,
    port: request.port,
    user: request.user,
    database: request.database,
    ...(password !== null && {password}),
    application_name,
    // The guard's settings come last, so that an address cannot override them.
    options: `${request.options} ${sessionSettings({allowWrites, schema: schemaOf(connection)})}`.trim(),
    ssl: tls === false ? false : (tls as pg.PoolConfig['ssl'] & object),
    ...(tls !== false && {
      sslnegotiation: request.tls.negotiation,
      enableChannelBinding: request.tls.channel_binding !== 'disable',
    }),
    keepAlive: true,
  };
}

function guardOf(connection: Connection, application_name: string, isGuarded: boolean): Guard {
  const guard = createGuard(createSlotReader(connection, application_name), isGuarded);
  void connection.lost.then(guard.lose);
  return guard;
}

/** The schema of an application's address, in which Prisma resolves names. */
export function schemaOf({request}: Connection): string | null {
  return request.prisma?.schema ?? null;
}

/** Reads slots in use, in total and by sessions with this application_name, over the watching connection. */
function createSlotReader({client, request}: Connection, application_name: string): () => Promise<Slots> {
  let usable: Promise<number> | null = null;
  return async () => {
    usable ??= readUsable(client);
    const counted = client.query<{used: number; own: number}>({
      text: `SELECT /* poolctl */ count(*)::int4 AS used,
  count(*) FILTER (WHERE application_name = $1)::int4 AS own
FROM pg_stat_activity
WHERE backend_type = 'client backend' OR backend_type IS NULL AND usename IS NOT NULL`,
      values: [application_name],
      query_timeout: request.connect_timeout_ms,
    });
    const [slots, {rows}] = await Promise.all([usable, counted]);
    return {usable: slots, used: rows[0]?.used ?? 0, own: rows[0]?.own ?? 0};
  };
}

async function readUsable(client: Connection['client']): Promise<number> {
  const [variant] = slotSettingsQuery.variants;
  const {rows} = await client.query<SlotSettingsRow>({text: variant?.text ?? '', rowMode: 'array'});
  const [max = 0, superuser = 0, reserved = 0] = rows[0] ?? [];
  return max - superuser - reserved;
}

/** node-postgres does not support these settings, and poolctl must not drop a security requirement silently. */
function cannotRequire(setting: string, variable: string): AbortError {
  return new AbortError(`a replay's pools do not support ${setting}`, {
    hint: `Remove it from the address and unset ${variable}.`,
    exitCode: exitCodes.usage,
  });
}

function noReplayThroughPooler(): AbortError {
  return new AbortError(
    'cannot replay through a connection pooler: it does not apply the session settings that keep a replay read-only',
    {
      hint: connectDirectly,
      exitCode: exitCodes.connection,
    },
  );
}
