import {mostClients} from '../../core/pool/pooler.ts';
import {readApplicationName} from '../../core/pool/reported-pool.ts';
import {messageOf} from '../../core/text/redact.ts';
import type {
  Pooler,
  PoolerClient,
  PoolerConfiguration,
  PoolerDatabase,
  PoolerPool,
  PoolerReading,
  PoolerServer,
} from '../../model/pooler.ts';
import {withDeadline} from '../connect/client.ts';
import type {Connection} from '../connect/connect.ts';
import {toAbortError} from '../connect/errors.ts';
import {openPoolerConsole, type PoolerConsole, poolerUrlHint} from '../connect/pooler-console.ts';
import {type ConnectionRequest, hostAndPort} from '../connect/request.ts';

type Row = Record<string, unknown>;

/** The open console of each connection, which it does not outlive. */
const consoles = new WeakMap<Connection, Promise<PoolerConsole>>();

/** Other facts are read after it. */
const readWithinMs = 3000;

/** Where the console was only guessed from the target's address and refused poolctl: it is not asked again. */
const refusals = new WeakMap<Connection, PoolerReading>();

/** Reads the PgBouncer in front of the server. Never throws: what cannot be read says why, and what to do. */
export async function readPooler(connection: Connection): Promise<PoolerReading> {
  const refusal = refusals.get(connection);
  if (refusal !== undefined) return refusal;
  const request = poolerRequest(connection);
  if (request === null) {
    const remedy = 'set --pooler URL, POOLCTL_POOLER_URL or pooler_url in config.toml';
    return {pooler: null, problem: {address: null, reason: 'no PgBouncer configured', remedy}};
  }
  const address = hostAndPort(request);
  let opened = consoles.get(connection);
  try {
    opened ??= open(connection, request);
    const reading = opened.then(console => readFrom(console, address));
    return {pooler: await withDeadline(reading, readWithinMs), problem: null};
  } catch (error) {
    consoles.delete(connection);
    void opened?.then(
      console => console.destroy(),
      () => {},
    );
    const isRefusal = 'severity' in (error as object);
    const {message, hint} = isRefusal ? explained(error) : toAbortError(error, request);
    const reason = `PgBouncer's admin console at ${address} cannot be read: ${message}`;
    const reading = {pooler: null, problem: {address, reason, remedy: hint ?? poolerUrlHint}};
    if (isRefusal && connection.request.pooler === null) refusals.set(connection, reading);
    return reading;
  }
}

/** Where the target itself is a PgBouncer, its console has the same address. */
export function poolerRequest({
  request,
  is_pooled,
}: Pick<Connection, 'request' | 'is_pooled'>): ConnectionRequest | null {
  return request.pooler ?? (is_pooled ? {...request, database: 'pgbouncer'} : null);
}

function explained(error: unknown): {message: string; hint: string} {
  return {message: messageOf(error), hint: poolerUrlHint};
}

function open(connection: Connection, request: ConnectionRequest): Promise<PoolerConsole> {
  const opening = openPoolerConsole(request);
  consoles.set(connection, opening);
  const end = endOf(connection);
  opening.then(
    console => {
      void console.lost.then(() => consoles.get(connection) === opening && consoles.delete(connection));
      if (end.is_lost) console.destroy();
    },
    () => {},
  );
  return opening;
}

/** Listens once to each connection, not for each console: a listener stays in memory as long as the connection. */
function endOf(connection: Connection): {is_lost: boolean} {
  const known = ends.get(connection);
  if (known !== undefined) return known;
  const end = {is_lost: false};
  ends.set(connection, end);
  void connection.lost.then(() => {
    end.is_lost = true;
    consoles.get(connection)?.then(
      console => console.destroy(),
      () => {},
    );
  });
  return end;
}

const ends = new WeakMap<Connection, {is_lost: boolean}>();

/** SHOW CLIENTS of more would take PgBouncer's only thread for milliseconds. */
const mostClientsRead = 2000;
const mostClientsKept = 500;

async function readFrom(console: PoolerConsole, address: string): Promise<Pooler> {
  const show = (what: string) => console.query(`SHOW ${what}`);
  const [version] = await show('VERSION');
  const config = new Map((await show('CONFIG')).map(({key, value}) => [text(key), text(value)]));
  const databases = databasesOf(await show('DATABASES'), await show('STATS'));
  const pools = (await show('POOLS'))
    .filter(isOfServer)
    .map(row => poolOf(row, config.get('pool_mode') ?? ''));
  const servers = (await show('SERVERS')).filter(isOfServer);
  const count = pools.reduce((sum, {cl_active, cl_waiting}) => sum + cl_active + cl_waiting, 0);
  const clients = count > mostClientsRead ? null : clientsOf(await show('CLIENTS'), servers);
  return {
    address,
    version: /\d+(\.\d+)+/.exec(text(version?.version))?.[0] ?? text(version?.version),
    config_file: config.get('conffile') ?? '',
    settings: settingsOf(config),
    databases,
    pools,
    clients: clients && mostClients(clients, mostClientsKept),
    servers: servers.map(serverOf),
  };
}

function isOfServer({database}: Row): boolean {
  return database !== 'pgbouncer';
}

function settingsOf(config: ReadonlyMap<string, string>): PoolerConfiguration {
  const seconds = config.get('query_wait_timeout');
  const prepared = config.get('max_prepared_statements');
  return {
    pool_mode: config.get('pool_mode') ?? '',
    default_pool_size: Number(config.get('default_pool_size')),
    max_client_conn: Number(config.get('max_client_conn')),
    query_wait_timeout_ms: seconds === undefined ? null : Number(seconds) * 1000,
    max_prepared_statements: prepared === undefined ? null : Number(prepared),
    so_reuseport: config.get('so_reuseport') === '1',
    peer_id: Number(config.get('peer_id') ?? 0),
  };
}

function databasesOf(rows: readonly Row[], stats: readonly Row[]): PoolerDatabase[] {
  const byName = new Map(stats.map(row => [row.database, row]));
  return rows
    .filter(({name}) => name !== 'pgbouncer')
    .map(row => {
      const own = byName.get(row.name);
      return {
        name: text(row.name),
        host: row.host === null ? null : text(row.host),
        port: number(row.port),
        database: text(row.database),
        pool_size: number(row.pool_size),
        max_connections: number(row.max_connections),
        current_connections: number(row.current_connections),
        is_paused: number(row.paused) > 0,
        is_disabled: number(row.disabled) > 0,
        transactions_per_second: own === undefined ? null : number(own.avg_xact_count),
        average_transaction_ms: own === undefined ? null : number(own.avg_xact_time) / 1000,
      };
    });
}

/** A row of SHOW POOLS. */
export function poolOf(row: Row, default_mode: string): PoolerPool {
  return {
    database: text(row.database),
    user: text(row.user),
    pool_mode: text(row.pool_mode) || default_mode,
    cl_active: number(row.cl_active),
    cl_waiting: number(row.cl_waiting),
    maxwait_ms: waitOf(row.maxwait, row.maxwait_us),
    // Those that are being cancelled (1.18) serve no other client either.
    sv_active: number(row.sv_active) + number(row.sv_active_cancel) + number(row.sv_being_canceled),
    sv_idle: number(row.sv_idle),
    sv_used: number(row.sv_used),
    sv_tested: number(row.sv_tested),
    sv_login: number(row.sv_login),
  };
}

function clientsOf(rows: readonly Row[], servers: readonly Row[]): PoolerClient[] {
  const pids = new Map(servers.map(({ptr, remote_pid}) => [ptr, number(remote_pid) || null]));
  return rows.filter(isOfServer).map(row => ({
    database: text(row.database),
    user: text(row.user),
    application_name:
      row.application_name === undefined ? null : readApplicationName(text(row.application_name)).name,
    client_addr: text(row.addr),
    client_port: number(row.port),
    state: text(row.state),
    wait_ms: row.state === 'waiting' ? waitOf(row.wait, row.wait_us) : null,
    server_pid: row.link === '' ? null : (pids.get(row.link) ?? null),
  }));
}

function serverOf(row: Row): PoolerServer {
  return {
    database: text(row.database),
    user: text(row.user),
    state: text(row.state),
    server_addr: text(row.addr),
    server_port: number(row.port),
    pid: number(row.remote_pid) || null,
  };
}

/** Seconds, and the microseconds beyond them (1.8). */
function waitOf(seconds: unknown, micros: unknown): number {
  return number(seconds) * 1000 + number(micros) / 1000;
}

/** 0 for a column that this version does not have. */
function number(value: unknown): number {
  return Number(value ?? 0);
}

function text(value: unknown): string {
  return String(value ?? '');
}
