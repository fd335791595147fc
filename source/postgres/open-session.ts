import {AbortError, exitCodes} from '../core/errors.ts';
import {type ConnectionRequest, hostAndPort} from './connection-request.ts';
import {closeClient, type OpenClient, openClient} from './open-client.ts';
import {pastThePooler} from './pooler.ts';
import {oldestVersionNum, parseServerVersion} from './server-version.ts';
import {lockTimeoutMs, type Purpose, sessionOptions} from './session-options.ts';

type Session = OpenClient & {server_version_num: number; is_pooled: boolean};
type SessionOptions = {purpose: Purpose; signal?: AbortSignal};

/**
 * A session of a server that poolctl can work on, with its settings in force; where a pooler does not take them it
 * is `is_pooled`, and none for acting. Throws AbortError (exit 3) for what it cannot work on, else as `openClient`.
 */
export async function openSession(request: ConnectionRequest, options: SessionOptions): Promise<Session> {
  const {purpose} = options;
  const {opened, is_refused} = await openWithSettings(request, options);
  const version = opened.parameters.get('server_version') ?? '';
  const server_version_num = parseServerVersion(version);
  if (server_version_num < oldestVersionNum || version.endsWith('/bouncer')) {
    await closeClient(opened.client);
    throw unusable(version, request);
  }
  const facts = {purpose, server_version_num, query_timeout: request.connect_timeout_ms};
  const is_pooled = is_refused || !(await areSettingsInForce(opened, facts));
  if (is_pooled && purpose === 'act') {
    await closeClient(opened.client);
    throw noActingThroughPooler(request);
  }
  return {...opened, server_version_num, is_pooled};
}

/**
 * PgBouncer refuses startup parameters it does not track: `unsupported startup parameter: options`, and from 1.20
 * `unsupported startup parameter in options: ...`, both 08P01; Supavisor does in the same words, and RDS Proxy
 * with `Feature not supported: RDS Proxy currently doesn't support command-line options.`, 0A000.
 */
async function openWithSettings(
  request: ConnectionRequest,
  {purpose, signal}: SessionOptions,
): Promise<{opened: OpenClient; is_refused: boolean}> {
  const settings = `${request.options} ${sessionOptions(purpose)}`.trim();
  try {
    return {opened: await openClient(request, settings, signal), is_refused: false};
  } catch (error) {
    const {code, message} = error as {code?: unknown; message?: string};
    if (code !== '08P01' && code !== '0A000') throw error;
    if (!/startup parameter|command-line options/.test(message ?? '')) throw error;
    return {opened: await openClient(request, request.options, signal), is_refused: true};
  }
}

type SessionFacts = {purpose: Purpose; server_version_num: number; query_timeout: number};

/**
 * A pooler told to ignore `options` does not obey them. PG14+ reports default_transaction_read_only by itself, so
 * that watching need not ask.
 */
async function areSettingsInForce(
  {client, parameters}: OpenClient,
  {purpose, server_version_num, query_timeout}: SessionFacts,
): Promise<boolean> {
  if (purpose === 'watch' && server_version_num >= 140_000) {
    return parameters.get('default_transaction_read_only') === 'on';
  }
  const text = "SELECT setting::int4 AS ms FROM pg_catalog.pg_settings WHERE name = 'lock_timeout'";
  try {
    const {rows} = await client.query<{ms: number}>({text, query_timeout});
    return rows[0]?.ms === lockTimeoutMs(purpose);
  } catch (error) {
    client.connection.stream.destroy();
    throw error;
  }
}

function noActingThroughPooler(request: ConnectionRequest): AbortError {
  return new AbortError(
    `poolctl does not act through a connection pooler, and ${hostAndPort(request)} is one`,
    {
      hint: pastThePooler,
      exitCode: exitCodes.connection,
    },
  );
}

function unusable(version: string, request: ConnectionRequest): AbortError {
  const at = hostAndPort(request);
  if (version.endsWith('/bouncer')) {
    return new AbortError(`"${request.database}" at ${at} is PgBouncer's admin console, not a database`, {
      hint: 'Name a database of the server behind it: -d NAME.',
      exitCode: exitCodes.connection,
    });
  }
  return new AbortError(`the server at ${at} is PostgreSQL ${version}; poolctl reads 13 and later`, {
    hint: 'Upgrade the server: this version no longer receives fixes.',
    exitCode: exitCodes.connection,
  });
}
