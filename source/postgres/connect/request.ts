import type {ConfiguredTarget, TargetSettings} from '../../core/configuration.ts';
import {AbortError, exitCodes} from '../../core/errors.ts';
import type {Unavailable} from '../../model/snapshot.ts';
import type {PrismaSettings} from '../../model/target.ts';

export const tlsModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
/** libpq's sslmode, with libpq's meaning. */
type TlsMode = (typeof tlsModes)[number];

/** How a server authenticates a client; `none`: not at all. */
export const authenticationMethods = ['none', 'password', 'md5', 'scram-sha-256'] as const;
export type AuthenticationMethod = (typeof authenticationMethods)[number];

/** A file that libpq reads if it exists. One that the user named must exist. */
export type TlsFile = {path: string; is_named: boolean};

export type TlsRequest = {
  mode: TlsMode;
  negotiation: 'postgres' | 'direct';
  /** `system` trusts public certificate authorities. */
  root_certificate: TlsFile | 'system';
  /** null: none is sent, even if the server asks for one. */
  certificate: TlsFile | null;
  key: TlsFile;
  /** Decrypts the key; null if it is not encrypted. */
  key_password: string | null;
  /**
   * `prefer` binds SCRAM to the TLS session if the server offers it, which proves that no proxy terminates TLS; `require`
   * refuses a server that does not offer it.
   */
  channel_binding: 'disable' | 'prefer' | 'require';
};

/**
 * What named the server: the command line (or a target of the configuration), an exported variable, `./.env` of the
 * working folder, which may be anyone's, or libpq's defaults.
 */
export type Origin =
  | {kind: 'call' | 'folder' | 'defaults'}
  /** `variable` is the first one that is set. */
  | {kind: 'environment'; variable: string};

/** Everything needed to connect to one server, and how it was found. */
export type ConnectionRequest = {
  /** Where the address comes from, for messages: `DATABASE_URL in ./.env`. */
  source: string;
  origin: Origin;
  /** A name, an IP address, or, beginning with `/`, a directory of unix sockets. */
  host: string;
  /** The IP address to connect to; `host` then serves only to verify the certificate. */
  hostaddr: string | null;
  port: number;
  user: string;
  database: string;
  /** A function, so that neither JSON nor a log of this object shows it. Returns null if there is none. */
  password: () => string | null;
  /**
   * Reads the password where it was found, as a file, ./.env or a URL command may have another one since; whether it has. Absent where
   * it cannot be found again.
   */
  renewPassword?: () => Promise<boolean>;
  /** Where the password comes from, for messages; null if there is none. */
  password_source: string | null;
  /** Where the password is that is not sent because `./.env` named the host; null if there is none. */
  password_withheld: string | null;
  tls: TlsRequest;
  /** libpq's require_auth; null allows every method. */
  allowed_authentication: readonly AuthenticationMethod[] | null;
  /** The user's own startup options (`-c name=value`), sent before poolctl's. */
  options: string;
  connect_timeout_ms: number;
  prisma: PrismaSettings | null;
  /** Parameters of the address that poolctl does not use, to be reported: `connection_limit=5`. */
  ignoredParameters: string[];
  /** To be reported, such as a password file that other users can read. */
  warnings: string[];
  is_production: boolean;
  /** Where the user forbids every act on this server: `--read-only`; null where acts are allowed. */
  read_only: string | null;
  /** The server's log that the user named: `--log`. */
  log_file?: string;
  /** The configuration's name for an environment that is not production. */
  environment: ConfiguredTarget['environment'];
  /** The user's configuration for this server. */
  settings: TargetSettings;
  /** The rescue URL, used when every slot is taken. */
  rescue: ConnectionRequest | null;
  /** The admin console of the PgBouncer in front of the server; null if it is not known. */
  pooler: ConnectionRequest | null;
};

/** Where the address comes from, in short: `.env`, `DATABASE_URL`; null for the command line and for defaults. */
export function shortSource({origin}: Pick<ConnectionRequest, 'origin'>): string | null {
  if (origin.kind === 'folder') return '.env';
  return origin.kind === 'environment' ? origin.variable : null;
}

/** `db.example.com:5432`, `[::1]:5432`, `/tmp:5432`. */
export function hostAndPort(request: Pick<ConnectionRequest, 'host' | 'port'>): string {
  return request.host.includes(':') ? `[${request.host}]:${request.port}` : `${request.host}:${request.port}`;
}

/** The hint for every limit of a connection pooler. */
export const connectDirectly =
  "Connect directly: set DIRECT_URL or POOLCTL_DATABASE_URL to PostgreSQL's own address.";

/** What a snapshot through a pooler lacks. Poolers in transaction mode do not name themselves. */
export const poolerInBetween: Unavailable = {
  section: 'pooler',
  sqlstate: null,
  reason: 'a connection pooler is in between: poolctl has no session of its own and changes nothing',
  remedy: 'connect directly: set DIRECT_URL',
};

/** Through a pooler, timeouts and advisory locks do not last, and the pid is another session's. */
export function noActingThroughPooler(request: ConnectionRequest): AbortError {
  return new AbortError(
    `poolctl changes nothing through a connection pooler, and ${hostAndPort(request)} is one`,
    {
      hint: connectDirectly,
      exitCode: exitCodes.connection,
    },
  );
}
