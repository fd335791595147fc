import {AbortError, exitCodes} from '../../core/errors.ts';
import {oldestVersionNum, parseServerVersion} from '../queries/query.ts';
import {readServerProof, type ServerProof} from '../server/server-proof.ts';
import type {PgClient, RawPgClient} from './client.ts';
import {closeClient, type OpenClient, openClient} from './open-client.ts';
import {type ConnectionRequest, hostAndPort, noActingThroughPooler} from './request.ts';

// `import` would run the getters of all that node:crypto exports, webcrypto's too: 5 ms of every start.
const {randomBytes} = process.getBuiltinModule('node:crypto');

type Session = OpenClient & {
  server_version_num: number;
  is_pooled: boolean;
  marker: string;
  /** Null while a watching session has not read it. */
  proof: ServerProof | null;
};
type SessionOptions = {purpose: Purpose; signal?: AbortSignal};

/**
 * Opens a session with poolctl's settings. If a pooler does not apply them the session is `is_pooled`, which is
 * refused for `act`. Throws AbortError (exit 3) for a server that poolctl cannot work with, else as `openClient`.
 */
export async function openSession(request: ConnectionRequest, options: SessionOptions): Promise<Session> {
  const {purpose} = options;
  const marker = randomBytes(8).toString('hex');
  const {opened, is_refused} = await openWithSettings(request, {...options, marker});
  const version = opened.parameters.get('server_version') ?? '';
  const server_version_num = parseServerVersion(version);
  if (server_version_num < oldestVersionNum || version.endsWith('/bouncer')) {
    await closeClient(opened.client);
    throw unusable(version, request);
  }
  if (is_refused && purpose === 'act') {
    await closeClient(opened.client);
    throw noActingThroughPooler(request);
  }
  // PostgreSQL 14 and later report default_transaction_read_only, so a watching session need not ask before its first read.
  // PgBouncer 1.26 reports it, too, and applies it, but drops the other options if it is set to ignore them.
  const isReadOnly = opened.parameters.get('default_transaction_read_only') === 'on';
  const isKnown = server_version_num >= 140_000 && (!isReadOnly || mayBeProcess(opened.client.processID));
  const proof =
    (purpose === 'watch' && isKnown) || is_refused ? null : await prove(opened, {marker, request});
  if (proof?.is_own_session === false && purpose === 'act') {
    await closeClient(opened.client);
    throw noActingThroughPooler(request);
  }
  const isInForce = proof?.is_own_session ?? isReadOnly;
  // Its answers come right before those of the next query. A failure would show in that.
  if (!is_refused && isInForce && holdsAnyBytes(opened)) opened.client.query(takeBytes).catch(() => {});
  return {...opened, server_version_num, is_pooled: is_refused || !isInForce, marker, proof};
}

/**
 * PgBouncer refuses startup parameters it does not track: `unsupported startup parameter: options`, and from 1.20
 * `unsupported startup parameter in options: ...`, both 08P01. Supavisor uses the same texts, RDS Proxy `Feature not
 * supported: RDS Proxy currently doesn't support command-line options.`, 0A000.
 */
async function openWithSettings(
  request: ConnectionRequest,
  {purpose, signal, marker}: SessionOptions & {marker: string},
): Promise<{opened: OpenClient; is_refused: boolean}> {
  const settings = `${request.options} ${sessionOptions(purpose, marker)}`.trim();
  try {
    return {opened: await openClient(request, settings, signal), is_refused: false};
  } catch (error) {
    const {code, message} = error as {code?: unknown; message?: string};
    if (code !== '08P01' && code !== '0A000') throw error;
    if (!/startup parameter|command-line options/.test(message ?? '')) throw error;
    return {opened: await openClient(request, request.options, signal), is_refused: true};
  }
}

/** A pooler gives its clients random numbers of 32 bits; Linux has no process above 2^22. */
function mayBeProcess(pid: number | null): boolean {
  return pid !== null && pid > 0 && pid <= 2 ** 22;
}

/** Asks the server whether it applied the options: a pooler may have ignored them. */
async function prove(
  {client}: OpenClient,
  {marker, request}: {marker: string; request: ConnectionRequest},
): Promise<ServerProof> {
  try {
    return await readServerProof(client, marker, request.connect_timeout_ms);
  } catch (error) {
    client.connection.stream.destroy();
    throw error;
  }
}

function unusable(version: string, request: ConnectionRequest): AbortError {
  const at = hostAndPort(request);
  if (version.endsWith('/bouncer')) {
    return new AbortError(`"${request.database}" at ${at} is PgBouncer's admin console, not a database`, {
      hint: 'Connect to a database of the server behind it: -d NAME.',
      exitCode: exitCodes.connection,
    });
  }
  return new AbortError(`the server at ${at} is PostgreSQL ${version}; poolctl needs 13 or later`, {
    hint: 'Upgrade the server: its version no longer receives fixes.',
    exitCode: exitCodes.connection,
  });
}

/** A `watch` session cannot write; an `act` session can. */
export type Purpose = 'watch' | 'act';

const commonSettings = {
  // Otherwise names and texts of a database in another encoding arrive garbled.
  client_encoding: 'UTF8',
  DateStyle: 'ISO',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  // A definition is read in one session and executed in another, so both must print and parse constants and names alike;
  // and the server must parse a text as the preview and poolctl's own parser do.
  standard_conforming_strings: 'on',
  quote_all_identifiers: 'off',
  transform_null_equals: 'off',
  array_nulls: 'on',
  extra_float_digits: '1',
  bytea_output: 'hex',
  lc_monetary: 'C',
  // Otherwise a role that may create functions or operators in a schema of the path could have them run with
  // poolctl's privileges (as in CVE-2018-1058). Everything poolctl runs is qualified or in pg_catalog.
  search_path: 'pg_catalog',
  // Compiling a query takes longer than running it, and parallel workers compete with the application.
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  client_min_messages: 'warning',
};

const settingsByPurpose = {
  watch: {
    default_transaction_read_only: 'on',
    statement_timeout: '3000',
    lock_timeout: '500',
    idle_in_transaction_session_timeout: '5000',
  },
  act: {
    // A role, database or server that is read-only by default would refuse the statement that ends that (25006).
    default_transaction_read_only: 'off',
    // Each step sets its own timeouts; these are the fallback.
    statement_timeout: '30000',
    lock_timeout: '2000',
    idle_in_transaction_session_timeout: '30000',
  },
} satisfies Record<Purpose, Record<string, string>>;

/**
 * Every setting of the session for the startup packet's `options`, which costs no round trip. `marker` read back proves
 * that they are in force; any role may set a parameter with a prefix.
 */
function sessionOptions(purpose: Purpose, marker: string): string {
  return Object.entries({...commonSettings, ...settingsByPurpose[purpose], 'poolctl.marker': marker})
    .map(([name, value]) => `-c ${name}=${value}`)
    .join(' ');
}

/**
 * A database in SQL_ASCII stores any bytes, and a server asked for UTF8 refuses a whole answer for one value that is not
 * (22021). In the client's encoding of the same name it sends bytes as they are; pg shows those it cannot decode as U+FFFD.
 */
const takeBytes = `SET client_encoding = 'SQL_ASCII'`;

export function holdsAnyBytes({parameters}: Pick<OpenClient, 'parameters'>): boolean {
  return parameters.get('server_encoding') === 'SQL_ASCII';
}

/** BEGIN and the settings of a watching session for one transaction, as one query string. */
export function beginWatching(): string {
  const {client_encoding: _, ...rest} = commonSettings;
  const settings = Object.entries({...rest, ...settingsByPurpose.watch}).map(
    ([name, value]) => `SET LOCAL ${name} = '${value}'`,
  );
  return ['BEGIN READ ONLY', ...settings].join('; ');
}

/**
 * A client that watches through a pooler, which assigns it a server session for one transaction at a time. Each query
 * runs in a read-only transaction of its own that sets poolctl's settings, in one round trip: a plain SET would stay in
 * a session that an application gets next.
 */
export function createPooledClient(client: RawPgClient, {takesBytes}: {takesBytes: boolean}): PgClient {
  const begin = takesBytes ? `${beginWatching()}; ${takeBytes.replace('SET', 'SET LOCAL')}` : beginWatching();
  const query: PgClient['query'] = async text => {
    const [begun, answered] = await Promise.allSettled([
      client.query(begin),
      client.query(text),
      client.query('COMMIT'),
    ]);
    if (begun.status === 'rejected') throw begun.reason;
    if (answered.status === 'rejected') throw answered.reason;
    return answered.value as never;
  };
  return Object.assign(Object.create(client) as RawPgClient, {query});
}
