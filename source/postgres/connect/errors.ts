import {AbortError, exitCodes} from '../../core/errors.ts';
import {quoteIdentifier} from '../../core/sql/quote.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import {isSqlstate, sqlstateOf} from '../sqlstate.ts';
import {NotPostgresError} from '../wire/messages.ts';
import {MissingPasswordError, UnreadableAnswerError} from './open-client.ts';
import {type ConnectionRequest, connectDirectly, hostAndPort} from './request.ts';
import {classifySlotError, explainSlotError} from './slot-errors.ts';

/**
 * Why connecting failed, with its SQLSTATE, and what to do. Exit 4 if no connection slot is left, else 3. An AbortError
 * is returned as it is.
 */
export function toAbortError(error: unknown, request: ConnectionRequest): AbortError {
  if (error instanceof AbortError) return error;
  const failure = failureOf(error);
  const slot = classifySlotError(error);
  const context = {...request, host: hostAndPort(request), hasRescue: request.rescue !== null};
  const {message, hint} = slot === null ? explain(error, failure, request) : explainSlotError(slot, context);
  return new AbortError(oneLine(isSqlstate(failure.code) ? `${message} (${failure.code})` : message), {
    hint: oneLine(hint),
    exitCode: slot === null ? exitCodes.connection : exitCodes.noSlot,
    cause: error,
  });
}

/** Whether another attempt fails as well, because host, database, role or password are wrong: no server that is down. */
export function isWrongAddress(error: unknown): boolean {
  const cause = error instanceof AbortError ? error.cause : error;
  if (cause === undefined || cause instanceof NotPostgresError || cause instanceof MissingPasswordError)
    return true;
  // Classes of SQLSTATE: 28 authorization, 3D no such database, 42 privilege or option.
  return /^(28|3D|42)...$|^ENOTFOUND$/.test(failureOf(cause).code);
}

// PgBouncer's own texts, all of them 08P01 up to 1.18 at least; an unknown role fails as a wrong password does.
const refusedByPooler = /SASL authentication failed|^auth failed/;

/** Whether role or password were refused: each attempt more may count towards a lockout. */
export function isRefusedLogin(error: unknown): boolean {
  const {code, message} = failureOf(error instanceof AbortError ? error.cause : error);
  return /^28(000|P01)$/.test(code) || refusedByPooler.test(message);
}

/** The fields of the server's error or of node's. */
type Failure = {code: string; message: string; reason: string};
type Explained = {message: string; hint: string};

function explain(error: unknown, failure: Failure, request: ConnectionRequest): Explained {
  const at = hostAndPort(request);
  if (error instanceof NotPostgresError) {
    return {
      message: `the server at ${at} is not PostgreSQL but ${error.protocol}`,
      hint: 'Check host and port.',
    };
  }
  if (error instanceof UnreadableAnswerError) {
    return {
      message: `${at} sent ${error.message}; the connection was closed`,
      hint: 'A value in its catalog or statistics is that large, or a proxy answers in place of PostgreSQL.',
    };
  }
  if (error instanceof MissingPasswordError || /client password must be a/.test(failure.message)) {
    return {
      message: `no password for role "${request.user}" at ${at}`,
      hint: withheldPassword(request) ?? 'Add it to the URL, ~/.pgpass or PGPASSWORD.',
    };
  }
  return (
    channelBindingError(failure, request) ??
    byCode[failure.code]?.(request, failure.message) ??
    tlsError(failure, request) ??
    byMessage(failure, request) ?? {
      message: `cannot connect to ${at}: ${failure.message}`,
      hint: `The address comes from ${request.source}.`,
    }
  );
}

/** By SQLSTATE, or by node's code. */
const byCode: Record<string, (request: ConnectionRequest, message: string) => Explained> = {
  '28P01': request => wrongPassword(request),
  '28000': (request, message) => notAdmitted(request, message),
  '3D000': request => unknownDatabase(request),
  '42501': ({user, database}, message) => ({
    message: `role "${user}" may not connect to database "${database}": ${message}`,
    hint: /database/.test(message)
      ? `GRANT CONNECT ON DATABASE ${quoteIdentifier(database)} TO ${quoteIdentifier(user)};`
      : 'Check the options in the address and in PGOPTIONS.',
  }),
  '55000': ({database}, message) => ({
    message: `database "${database}" accepts no connections: ${message}`,
    hint: 'Connect to another database: -d postgres.',
  }),
  '53200': (request, message) => outOfMemory(request, message),
  '57P03': (request, message) => ({
    message: `${hostAndPort(request)} accepts no connections now: ${message}`,
    hint: 'The server is starting, stopping or recovering: try again in a moment.',
  }),
  '42704': (request, message) => ({
    message: `${hostAndPort(request)} does not know a setting: ${message}`,
    hint: 'Check the options in the address and in PGOPTIONS.',
  }),
  ECONNREFUSED: request => ({
    message: `nothing listens at ${hostAndPort(request)} (connection refused)`,
    hint: `Check that PostgreSQL runs there; the address comes from ${request.source}.`,
  }),
  ENOENT: ({host, port}) => ({
    message: `no PostgreSQL socket for port ${port} in ${host}`,
    hint: 'Start PostgreSQL, or name another folder or a host with -h.',
  }),
  EACCES: ({host}) => ({
    message: `no permission to use the PostgreSQL socket in ${host}`,
    hint: 'Connect over TCP (-h localhost), or as another user of this machine.',
  }),
  ENOTFOUND: request => unknownHost(request),
  EAI_AGAIN: request => unknownHost(request),
  ETIMEDOUT: request => noAnswer(request),
  EHOSTUNREACH: request => noRoute(request),
  ENETUNREACH: request => noRoute(request),
};

/** "out of shared memory" is the lock table, whose size max_locks_per_transaction sets (LockAcquireExtended in lock.c). */
function outOfMemory(request: ConnectionRequest, message: string): Explained {
  const at = hostAndPort(request);
  return /shared memory/.test(message)
    ? {
        message: `the shared lock table of ${at} is full: ${message}`,
        hint: 'End a transaction that locks many tables, or raise max_locks_per_transaction, which needs a restart.',
      }
    : {message: `${at} is out of memory: ${message}`, hint: 'See the server log for what takes it.'};
}

/** Whether the error says what is wrong only after `toAbortError`: a pooler refuses the first query, not the login. */
export function needsExplanation(error: unknown, {is_pooled}: {is_pooled: boolean}): boolean {
  return is_pooled || error instanceof UnreadableAnswerError || sqlstateOf(error) === '53200';
}

function wrongPassword(request: ConnectionRequest): Explained {
  const {user, password_source} = request;
  return {
    message: `password authentication failed for role "${user}" at ${hostAndPort(request)}`,
    hint:
      password_source === null
        ? (withheldPassword(request) ?? 'No password was found: add it to the URL, ~/.pgpass or PGPASSWORD.')
        : `Check the password: it comes from ${password_source}.`,
  };
}

/** The user's own password is not sent to a host that a folder's .env names. */
function withheldPassword({password_withheld, source, host, port}: ConnectionRequest): string | null {
  if (password_withheld === null) return null;
  return `The password from ${password_withheld} is not sent to a host that ${source} names: export the URL, pass it as an argument, or add a line for ${host}:${port} to ~/.pgpass.`;
}

function unknownDatabase(request: ConnectionRequest): Explained {
  return {
    message: `database "${request.database}" does not exist at ${hostAndPort(request)}`,
    hint: 'Connect to an existing database: nearly every server has postgres (-d postgres).',
  };
}

function notAdmitted(request: ConnectionRequest, message: string): Explained {
  const {user, database} = request;
  const at = hostAndPort(request);
  // "role ... does not exist" and "role ... is not permitted to log in" share this SQLSTATE.
  if (!/pg_hba\.conf/.test(message)) {
    return {message: `role "${user}" cannot log in at ${at}: ${message}`, hint: 'Use another role: -U NAME.'};
  }
  const isPlain = /no encryption|SSL off/.test(message) && request.tls.mode === 'disable';
  // A rule may also reject on purpose: "pg_hba.conf rejects connection for ...".
  const refusal = /^pg_hba\.conf rejects/.test(message) ? 'rejects' : 'has no entry for';
  return {
    message: `pg_hba.conf of ${at} ${refusal} role "${user}" and database "${database}" from this host`,
    hint: isPlain ? 'The server may require TLS: use sslmode=require.' : `The server says: ${message}`,
  };
}

function unknownHost({host, hostaddr, source}: ConnectionRequest): Explained {
  return {
    message: `cannot resolve host name ${hostaddr ?? host}`,
    hint: `Check its spelling and the network; the address comes from ${source}.`,
  };
}

function noAnswer(request: ConnectionRequest): Explained {
  return {
    message: `no answer from ${hostAndPort(request)} within ${request.connect_timeout_ms / 1000} s`,
    hint: 'Look for a firewall, a wrong port or a frozen server; PGCONNECT_TIMEOUT sets how long to wait.',
  };
}

function noRoute(request: ConnectionRequest): Explained {
  return {message: `no route to ${hostAndPort(request)}`, hint: 'Check the network, VPN or tunnel.'};
}

function tlsError({code, message, reason}: Failure, request: ConnectionRequest): Explained | null {
  const at = hostAndPort(request);
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return {
      message: `the TLS certificate of ${at} is for another host: ${reason}`,
      hint: 'Connect by a name in the certificate, or use sslmode=verify-ca.',
    };
  }
  if (code === 'CERT_HAS_EXPIRED') {
    return {
      message: `the TLS certificate of ${at} has expired`,
      hint: 'Renew it on the server; sslmode=require does not check it.',
    };
  }
  if (/^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(code)) {
    return {
      message: `the TLS certificate of ${at} is not signed by a trusted authority: ${message}`,
      hint: 'Name its root certificate with sslrootcert=FILE; sslmode=require encrypts without checking.',
    };
  }
  if (/does not support SSL/.test(message)) {
    return {
      message: `${at} does not support TLS, which sslmode=${request.tls.mode} requires`,
      hint: 'Set ssl = on on the server, or use sslmode=prefer or disable.',
    };
  }
  if (/^(ERR_SSL|ERR_TLS|ERR_OSSL|EPROTO)/.test(code) || /establishing an SSL/.test(message)) {
    return {
      message: `TLS with ${at} failed: ${message}`,
      hint: 'Check sslmode, sslcert, sslkey and the TLS versions of the server.',
    };
  }
  return null;
}

function channelBindingError({message}: Failure, request: ConnectionRequest): Explained | null {
  if (/channel binding (check failed|negotiation error)/.test(message)) {
    return {
      message: `a proxy in front of ${hostAndPort(request)} terminates TLS, which channel binding detects: ${message}`,
      hint: 'Connect past the proxy, or use channel_binding=disable if you trust it.',
    };
  }
  if (/SASL channel binding/.test(message)) {
    return {
      message: `the certificate of ${hostAndPort(request)} does not allow channel binding`,
      hint: 'Use channel_binding=disable with sslmode=verify-full.',
    };
  }
  return null;
}

function byMessage({message}: Failure, request: ConnectionRequest): Explained | null {
  const at = hostAndPort(request);
  if (/timeout expired|Query read timeout/.test(message)) return noAnswer(request);
  if (refusedByPooler.test(message)) return wrongPassword(request);
  if (/^no such database|^database .* does not exist/.test(message)) return unknownDatabase(request);
  if (/statement pooling mode/.test(message)) {
    return {message: `${at} is a connection pooler in statement mode: ${message}`, hint: connectDirectly};
  }
  if (/startup parameter|command-line options/.test(message)) {
    return {
      message: `the connection pooler at ${at} rejects options of the address: ${message}`,
      hint: `Remove options= and PGOPTIONS. ${connectDirectly}`,
    };
  }
  if (/Connection terminated|ECONNRESET/.test(message)) {
    return {
      message: `${at} closed the connection without an error message`,
      hint: 'It may be a proxy without a server behind it, a server that is stopping, or not PostgreSQL.',
    };
  }
  return null;
}

function failureOf(error: unknown): Failure {
  // A name with several addresses fails with all their errors together; they rarely differ.
  const first = error instanceof AggregateError && error.message === '' ? error.errors[0] : error;
  const fields = (first ?? {}) as {code?: unknown; message?: unknown; reason?: unknown};
  const outer = (error ?? {}) as {code?: unknown};
  const code = fields.code ?? outer.code;
  return {
    code: typeof code === 'string' ? code : '',
    message: typeof fields.message === 'string' ? fields.message : String(first),
    reason: typeof fields.reason === 'string' ? fields.reason : '',
  };
}

/** The lines quote the server, whose text may be hostile. */
function oneLine(text: string): string {
  return sanitise(text.replace(/\s*\n\s*/g, ' '));
}
