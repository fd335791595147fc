import {readFileSync} from 'node:fs';
import {AbortError, exitCodes} from '../../core/errors.ts';
import type {ConnectionRequest, TlsFile, TlsRequest} from './request.ts';

/** How one attempt to connect is made: in plain text, or with these options of `tls.connect`. */
export type TlsAttempt = false | Record<string, unknown>;

/**
 * The attempts libpq's sslmode stands for, in order. Where libpq tries TLS first and takes plain text too
 * (`prefer`, the default), this machine itself is asked in plain text first: nothing listens in between, and
 * TLS costs round trips. Throws AbortError (exit 3) for a certificate that is named and cannot be read.
 */
export function tlsAttempts(request: ConnectionRequest): TlsAttempt[] {
  const {tls} = request;
  // A unix socket never carries TLS, whatever sslmode says (libpq-ssl).
  if (request.host.startsWith('/') || tls.mode === 'disable') return [false];
  if (tls.mode === 'allow' || (tls.mode === 'prefer' && isLoopback(request))) {
    return [false, tlsOptions(request)];
  }
  return tls.mode === 'prefer' ? [tlsOptions(request), false] : [tlsOptions(request)];
}

/** Whether the server is this machine. */
function isLoopback({host, hostaddr}: Pick<ConnectionRequest, 'host' | 'hostaddr'>): boolean {
  return /^(localhost|127(\.\d+){3}|::1)$/i.test(hostaddr ?? host);
}

function tlsOptions(request: ConnectionRequest): Record<string, unknown> {
  const {tls} = request;
  const options: Record<string, unknown> = {...clientCertificate(tls), ...verification(tls)};
  if (request.hostaddr !== null) options.servername = request.host;
  return options;
}

function verification(tls: TlsRequest): Record<string, unknown> {
  if (tls.root_certificate === 'system') return {rejectUnauthorized: true};
  const {path, is_named} = tls.root_certificate;
  const ca = readIfThere(path);
  if (tls.mode === 'verify-full') {
    if (ca === null && is_named) throw missing('root certificate', path);
    // Without a root certificate of the user's, the public authorities: what sslrootcert=system means.
    return {rejectUnauthorized: true, ...(ca === null ? {} : {ca})};
  }
  if (tls.mode === 'verify-ca') {
    // Anybody can have a certificate of a public authority: without a root of one's own this proves nothing.
    if (ca === null) throw missing('root certificate', path);
    return {rejectUnauthorized: true, ca, checkServerIdentity: () => undefined};
  }
  // "if a root CA file exists, the behavior of sslmode=require will be the same as that of verify-ca" (libpq-ssl);
  // the same goes for prefer and allow.
  if (ca !== null) return {rejectUnauthorized: true, ca, checkServerIdentity: () => undefined};
  return {rejectUnauthorized: false};
}

function clientCertificate(tls: TlsRequest): Record<string, unknown> {
  if (tls.certificate === null) return {};
  const cert = readIfThere(tls.certificate.path);
  if (cert === null) {
    if (tls.certificate.is_named) throw missing('client certificate', tls.certificate.path);
    return {};
  }
  const key = readIfThere(tls.key.path);
  if (key === null) throw missing('key of the client certificate', tls.key.path);
  return {cert, key, ...(tls.key_password === null ? {} : {passphrase: tls.key_password})};
}

function readIfThere(path: TlsFile['path']): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function missing(what: string, path: string): AbortError {
  return new AbortError(`the ${what} ${path} cannot be read`, {
    hint: 'Name one that exists (sslrootcert, sslcert, sslkey), or sslrootcert=system for public authorities.',
    exitCode: exitCodes.connection,
  });
}
