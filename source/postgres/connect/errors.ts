import {AbortError, exitCodes} from '../../core/errors.ts';
import {quoteIdentifier} from '../../core/sql/quote.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import {UnreadableAnswerError} from '../wire/answer-limits.ts';
import {NotPostgresError} from '../wire/foreign-protocol.ts';
import {MissingPasswordError} from './open-client.ts';
import {pastThePooler} from './pooler.ts';
import {type ConnectionRequest, hostAndPort} from './request.ts';
import {classifySlotError, explainSlotError} from './slot-errors.ts';

/**
 * Why there is no connection, in one line, with what mends it. Exit 4 where slots lack, else 3.
 * An AbortError is passed on as it is.
 */
export function toAbortError(error: unknown, request: ConnectionRequest): AbortError {
  if (error instanceof AbortError) return error;
  const slot = classifySlotError(error);
  if (slot !== null) {
    const facts = {...request, host: hostAndPort(request), hasRescue: request.rescue !== null};
    const {message, hint} = explainSlotError(slot, facts);
    return new AbortError(message, {hint, exitCode: exitCodes.noSlot, cause: error});
  }
  const [message, hint] = word(error, request);
  return new AbortError(oneLine(message), {
    hint: oneLine(hint),
    exitCode: exitCodes.connection,
    cause: error,
  });
}

type Worded = [message: string, hint: string];

function word(error: unknown, request: ConnectionRequest): Worded {
  const at = hostAndPort(request);
  const {code, message, reason} = fieldsOf(error);
  if (error instanceof NotPostgresError) {
    return [`what answers at ${at} is not PostgreSQL but ${error.protocol}`, 'Check host and port.'];
  }
  if (error instanceof UnreadableAnswerError) {
    return [
      `${at} sent ${error.message}; the connection is closed`,
      'A value in its catalog or statistics is that large, or something in between is no PostgreSQL.',
    ];
  }
  if (error instanceof MissingPasswordError || /client password must be a/.test(message)) {
    return [
      `role "${request.user}" needs a password at ${at}, and none was given`,
      withheld(request) ?? 'Put it into the URL, ~/.pgpass or PGPASSWORD.',
    ];
  }
  return (
    bindingError(message, request) ??
    byCode[code]?.(request, message) ??
    tlsError(code, message, reason, request) ??
    byText(message, request) ?? [
      `no connection to ${at}: ${message}`,
      `The address is from ${request.source}.`,
    ]
  );
}

/** By SQLSTATE, or by node's code. */
const byCode: Record<string, (request: ConnectionRequest, message: string) => Worded> = {
  '28P01': request => wrongPassword(request),
  '28000': (request, message) => notAllowed(request, message),
  '3D000': request => unknownDatabase(request),
  '42501': (request, message) => [
    `role "${request.user}" may not connect to database "${request.database}": ${message}`,
    /database/.test(message)
      ? `GRANT CONNECT ON DATABASE ${quoteIdentifier(request.database)} TO ${quoteIdentifier(request.user)};`
      : 'Check the options in the address and in PGOPTIONS.',
  ],
  '55000': (request, message) => [
    `database "${request.database}" takes no connections: ${message}`,
    'Name another: -d postgres.',
  ],
  '57P03': (request, message) => [
    `the server at ${hostAndPort(request)} takes no connections now: ${message}`,
    'It is starting, stopping or recovering: try again in a moment.',
  ],
  '42704': (request, message) => [
    `the server at ${hostAndPort(request)} does not know a setting: ${message}`,
    'Check the options in the address and in PGOPTIONS.',
  ],
  ECONNREFUSED: request => [
    `nothing listens at ${hostAndPort(request)} (connection refused)`,
    `Is PostgreSQL running there? The address is from ${request.source}.`,
  ],
  ENOENT: request => [
    `there is no PostgreSQL socket for port ${request.port} in ${request.host}`,
    'Is PostgreSQL running? Name another folder or a host with -h.',
  ],
  EACCES: request => [
    `this user may not use the PostgreSQL socket in ${request.host}`,
    'Connect over TCP (-h localhost), or as another user of this machine.',
  ],
  ENOTFOUND: request => unknownHost(request),
  EAI_AGAIN: request => unknownHost(request),
  ETIMEDOUT: request => noAnswer(request),
  EHOSTUNREACH: request => [
    `there is no route to ${hostAndPort(request)}`,
    'Check the network, a VPN or a tunnel.',
  ],
  ENETUNREACH: request => [
    `there is no route to ${hostAndPort(request)}`,
    'Check the network, a VPN or a tunnel.',
  ],
};

function wrongPassword(request: ConnectionRequest): Worded {
  return [
    `the password of role "${request.user}" was refused by ${hostAndPort(request)}`,
    request.password_source === null
      ? (withheld(request) ?? 'No password was found: put it into the URL, ~/.pgpass or PGPASSWORD.')
      : `The password is from ${request.password_source}.`,
  ];
}

/** A secret of the user's own is not for a host that a folder names. */
function withheld({password_withheld, source, host, port}: ConnectionRequest): string | null {
  if (password_withheld === null) return null;
  return `The one from ${password_withheld} is not sent to a host that ${source} names: export the URL, give it in the call, or add a line for ${host}:${port} to ~/.pgpass.`;
}

function unknownDatabase(request: ConnectionRequest): Worded {
  return [
    `database "${request.database}" does not exist at ${hostAndPort(request)}`,
    'Name one that does: -d postgres is nearly always there.',
  ];
}

function notAllowed(request: ConnectionRequest, message: string): Worded {
  const {user, database} = request;
  if (/pg_hba\.conf/.test(message)) {
    const isPlain = /no encryption|SSL off/.test(message) && request.tls.mode === 'disable';
    // A rule may also refuse on purpose: "pg_hba.conf rejects connection for ...".
    const why = /^pg_hba\.conf rejects/.test(message)
      ? 'A rule there refuses'
      : 'pg_hba.conf has no entry for it';
    return [
      `the server at ${hostAndPort(request)} does not let role "${user}" into database "${database}" from here`,
      isPlain ? 'It may want TLS: use sslmode=require.' : `${why}: ${message}`,
    ];
  }
  // "role ... does not exist" and "role ... is not permitted to log in" share this SQLSTATE.
  return [
    `role "${user}" cannot log in at ${hostAndPort(request)}: ${message}`,
    'Name another role: -U NAME.',
  ];
}

function unknownHost(request: ConnectionRequest): Worded {
  return [
    `the host name ${request.hostaddr ?? request.host} cannot be resolved`,
    `Check its spelling and the network. The address is from ${request.source}.`,
  ];
}

function noAnswer(request: ConnectionRequest): Worded {
  return [
    `no answer from ${hostAndPort(request)} within ${request.connect_timeout_ms / 1000} s`,
    'A firewall, a wrong port or a frozen server; connect_timeout (PGCONNECT_TIMEOUT) sets how long to wait.',
  ];
}

function tlsError(code: string, message: string, reason: string, request: ConnectionRequest): Worded | null {
  const at = hostAndPort(request);
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return [
      `the TLS certificate of ${at} is for another host: ${reason}`,
      'Connect by the name in the certificate, or use sslmode=verify-ca.',
    ];
  }
  if (code === 'CERT_HAS_EXPIRED') {
    return [
      `the TLS certificate of ${at} has expired`,
      'Renew it on the server; sslmode=require does not check it.',
    ];
  }
  if (/^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(code)) {
    return [
      `the TLS certificate of ${at} is not signed by an authority trusted here: ${message}`,
      'Name its root with sslrootcert=FILE; sslmode=require encrypts without checking.',
    ];
  }
  if (/does not support SSL/.test(message)) {
    return [
      `${at} does not speak TLS, and sslmode=${request.tls.mode} demands it`,
      'Turn ssl on on the server, or use sslmode=prefer or disable.',
    ];
  }
  if (/^(ERR_SSL|ERR_TLS|ERR_OSSL|EPROTO)/.test(code) || /establishing an SSL/.test(message)) {
    return [
      `TLS with ${at} failed: ${message}`,
      'Check sslmode, sslcert, sslkey and the TLS versions of the server.',
    ];
  }
  return null;
}

function bindingError(message: string, request: ConnectionRequest): Worded | null {
  if (/channel binding (check failed|negotiation error)/.test(message)) {
    return [
      `something between here and ${hostAndPort(request)} ends TLS itself, and the server noticed: ${message}`,
      'Connect past it; where it is a proxy of your own, use channel_binding=disable.',
    ];
  }
  if (/SASL channel binding/.test(message)) {
    return [
      `the certificate of ${hostAndPort(request)} does not allow channel binding`,
      'Use channel_binding=disable with sslmode=verify-full.',
    ];
  }
  return null;
}

function byText(message: string, request: ConnectionRequest): Worded | null {
  if (/timeout expired|Query read timeout/.test(message)) return noAnswer(request);
  // PgBouncer's own words, all of them 08P01 up to 1.18 at least; a role it does not know fails as a password does.
  if (/SASL authentication failed|^auth failed/.test(message)) return wrongPassword(request);
  if (/^no such database|^database .* does not exist/.test(message)) return unknownDatabase(request);
  if (/statement pooling mode/.test(message)) {
    return [`${hostAndPort(request)} is a pooler in statement mode: ${message}`, pastThePooler];
  }
  if (/startup parameter|command-line options/.test(message)) {
    return [
      `the connection pooler at ${hostAndPort(request)} does not take the options of the address: ${message}`,
      `Leave them out (options=, PGOPTIONS). ${pastThePooler}`,
    ];
  }
  if (/Connection terminated|ECONNRESET/.test(message)) {
    return [
      `${hostAndPort(request)} closed the connection without a word`,
      'A proxy without a server behind it, a server that is stopping, or no PostgreSQL at all.',
    ];
  }
  return null;
}

function fieldsOf(error: unknown): {code: string; message: string; reason: string} {
  // A name with several addresses fails with all their errors at once; they rarely differ.
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

/** The server's words are part of these lines, and are hostile as all its text is. */
function oneLine(text: string): string {
  return sanitise(text.replace(/\s*\n\s*/g, ' '));
}
