import type {ConfiguredTarget, TargetSettings} from '../../core/configuration.ts';
import type {PrismaSettings} from '../../model/target.ts';

export const tlsModes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
/** libpq's sslmode, with libpq's meaning. */
type TlsMode = (typeof tlsModes)[number];

/** How a server has a client prove who it is; `none`: not at all. */
export const authenticationMethods = ['none', 'password', 'md5', 'scram-sha-256'] as const;
export type AuthenticationMethod = (typeof authenticationMethods)[number];

/** A file that libpq would read if it is there; one named by the user has to be. */
export type TlsFile = {path: string; is_named: boolean};

export type TlsRequest = {
  mode: TlsMode;
  negotiation: 'postgres' | 'direct';
  /** `system` trusts the public certificate authorities. */
  root_certificate: TlsFile | 'system';
  /** null: none is shown, whatever the server asks for. */
  certificate: TlsFile | null;
  key: TlsFile;
  /** Decrypts the key; null: it is not encrypted. */
  key_password: string | null;
  /**
   * `prefer` has the server prove that it knows the password over this very TLS session where it offers that;
   * `require` refuses one that does not.
   */
  channel_binding: 'disable' | 'prefer' | 'require';
};

/**
 * Who named the server: the words of the call (or a target of the configuration), exported variables, `./.env` of the
 * working folder, or nothing. The folder may be anybody's.
 */
export type Origin =
  | {kind: 'call' | 'folder' | 'defaults'}
  /** `variable` is the one that decides. */
  | {kind: 'environment'; variable: string};

/** Everything needed to connect to one server, and how it was found. */
export type ConnectionRequest = {
  /** How it was found, for people: `DATABASE_URL in ./.env`. */
  source: string;
  origin: Origin;
  /** A name, an address, or a directory of unix sockets when it starts with `/`. */
  host: string;
  /** The address to connect to where it differs from `host`, which then serves to verify alone. */
  hostaddr: string | null;
  port: number;
  user: string;
  database: string;
  /** A function, so that neither JSON nor a log of this object can show it. null: none was given. */
  password: () => string | null;
  /** Where the password came from, for people; null when there is none. */
  password_source: string | null;
  /** Where a password was found that is not sent, as it was `./.env` that named the host; null: there is none. */
  password_withheld: string | null;
  tls: TlsRequest;
  /** libpq's require_auth; null: whatever the server asks for. */
  allowed_authentication: readonly AuthenticationMethod[] | null;
  /** The user's own startup options (`-c name=value`), sent before poolctl's. */
  options: string;
  connect_timeout_ms: number;
  prisma: PrismaSettings | null;
  /** What the address carried that poolctl does not use, to be reported: `connection_limit=5 (Prisma)`. */
  ignoredParameters: string[];
  /** What was found and left alone, to be told: a password file that others may read. */
  warnings: string[];
  is_production: boolean;
  /** What the configuration calls a server that is not production. */
  environment: ConfiguredTarget['environment'];
  /** What the user's configuration says of this server. */
  settings: TargetSettings;
  /** The way in when every slot is taken. */
  rescue: ConnectionRequest | null;
};

/** Where the address is from, in short: `.env`, `DATABASE_URL`; null where the call names it, or nothing does. */
export function shortSource({origin}: Pick<ConnectionRequest, 'origin'>): string | null {
  if (origin.kind === 'folder') return '.env';
  return origin.kind === 'environment' ? origin.variable : null;
}

/** `db.example.com:5432`, `[::1]:5432`, `/tmp:5432`. */
export function hostAndPort(request: Pick<ConnectionRequest, 'host' | 'port'>): string {
  return request.host.includes(':') ? `[${request.host}]:${request.port}` : `${request.host}:${request.port}`;
}
