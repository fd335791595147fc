import {readFileSync} from 'node:fs';
import {AbortError, exitCodes} from '../../core/errors.ts';
import {NotPostgresError} from '../wire/messages.ts';
import type {ConnectionRequest, TlsFile, TlsRequest} from './request.ts';
import {classifySlotError} from './slot-errors.ts';

/** How one attempt connects: false for plain text, else the options of `tls.connect`. */
export type Transport = false | Record<string, unknown>;

/**
 * The transports that libpq's sslmode stands for, in order. The default (`prefer`) tries TLS first, on loopback, too: a
 * port forward ends there, and its far leg may be a network. Throws AbortError (exit 3) for a named certificate that
 * cannot be read.
 */
export function transportsOf(request: ConnectionRequest): Transport[] {
  const {tls} = request;
  // A unix socket never carries TLS, whatever sslmode says (libpq-ssl).
  if (request.host.startsWith('/') || tls.mode === 'disable') return [false];
  if (tls.mode === 'allow') return [false, tlsOptions(request)];
  return tls.mode === 'prefer' ? [tlsOptions(request), false] : [tlsOptions(request)];
}

/**
 * Calls `open` with each transport until the server accepts one. As in libpq, the next one is tried only if the server
 * rejected the transport itself, never after a password was sent. Rejects with the error of `open`.
 */
export async function firstAcceptedTransport<T>(
  request: ConnectionRequest,
  open: (transport: Transport) => Promise<T>,
): Promise<T> {
  const transports = transportsOf(request);
  let firstError: unknown;
  for (const [index, transport] of transports.entries()) {
    try {
      return await open(transport);
    } catch (error) {
      if (index === transports.length - 1 || !isTransportRefused(error, transport)) {
        throw isRefusedByHba(firstError) ? firstError : error;
      }
      firstError = error;
    }
  }
  throw firstError;
}

function isTransportRefused(error: unknown, transport: Transport): boolean {
  if (error instanceof NotPostgresError || error instanceof AbortError) return false;
  if (classifySlotError(error) !== null) return false;
  if (isRefusedByHba(error)) return true;
  if (transport === false) return false;
  const {code, message} = error as {code?: unknown; message?: string};
  const isTlsCode =
    typeof code === 'string' && /^(ERR_SSL|ERR_TLS|EPROTO|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(code);
  return isTlsCode || /SSL connection/.test(message ?? '');
}

/** 28000: pg_hba.conf has no entry for this transport, or rejects it; or a proxy ended TLS. */
function isRefusedByHba(error: unknown): boolean {
  const {code, message} = (error ?? {}) as {code?: unknown; message?: string};
  return code === '28000' && !/channel binding/.test(message ?? '');
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
    // Without a root certificate of the user's the public authorities count, as with sslrootcert=system.
    return {rejectUnauthorized: true, ...(ca === null ? {} : {ca})};
  }
  if (tls.mode === 'verify-ca') {
    // A public authority certifies anyone: without a root certificate of the user's this proves nothing.
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
    hint: 'Name a readable file with sslrootcert, sslcert or sslkey, or use sslrootcert=system for public authorities.',
    exitCode: exitCodes.connection,
  });
}
