import {AbortError, exitCodes} from '../../core/errors.ts';
import {oldestVersionNum, parseServerVersion} from '../queries/query.ts';
import {readServerProof, type ServerProof} from '../server/server-proof.ts';
import {closeClient, type OpenClient, openClient} from './open-client.ts';
import {noActingThroughPooler} from './pooler.ts';
import {type ConnectionRequest, hostAndPort} from './request.ts';
import {type Purpose, sessionOptions} from './session-options.ts';

// `import` would run the getters of all that node:crypto exports, webcrypto's too: 5 ms of every start.
const {randomBytes} = process.getBuiltinModule('node:crypto');

type Session = OpenClient & {
  server_version_num: number;
  is_pooled: boolean;
  marker: string;
  /** Null for a session that watches and has not asked yet. */
  proof: ServerProof | null;
};
type SessionOptions = {purpose: Purpose; signal?: AbortSignal};

/**
 * Opens a session with poolctl's settings. Where a pooler does not apply them the session is `is_pooled`, which is
 * refused for acting. Throws AbortError (exit 3) for a server that poolctl cannot work with, else as `openClient`.
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
  // PostgreSQL 14 and later report default_transaction_read_only, so that watching need not ask before its first read.
  const isReported = purpose === 'watch' && server_version_num >= 140_000;
  const proof = isReported || is_refused ? null : await prove(opened, {marker, request});
  if (proof?.is_own_session === false && purpose === 'act') {
    await closeClient(opened.client);
    throw noActingThroughPooler(request);
  }
  const isInForce = proof?.is_own_session ?? opened.parameters.get('default_transaction_read_only') === 'on';
  return {...opened, server_version_num, is_pooled: is_refused || !isInForce, marker, proof};
}

/**
 * PgBouncer refuses startup parameters it does not track: `unsupported startup parameter: options`, and from 1.20
 * `unsupported startup parameter in options: ...`, both 08P01. Supavisor uses the same texts, RDS Proxy
 * `Feature not supported: RDS Proxy currently doesn't support command-line options.`, 0A000.
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

/** A pooler that ignores `options` does not apply them, which only the server can tell. */
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
