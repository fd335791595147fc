import {AbortError, exitCodes} from '../../core/errors.ts';
import type {RawPgClient} from './client.ts';
import {type AuthenticationMethod, type ConnectionRequest, hostAndPort} from './request.ts';

/**
 * Rejects a server that asks for an authentication method that the request does not allow, before anything derived from
 * the password is sent. `require_auth` lists the allowed methods. channel_binding=require allows only SCRAM bound to
 * this TLS session, so a man in the middle gets neither the password nor the session. A server that began SCRAM must
 * complete it: its last message proves that it knows the password.
 */
export function guardAuthentication(client: RawPgClient, request: ConnectionRequest): void {
  const {connection} = client;
  const {allowed_authentication: allowed, tls} = request;
  const isBindingRequired = tls.channel_binding === 'require';
  let used: AuthenticationMethod = 'none';
  const refuse = (why: string, hint: string) => {
    connection.stream.destroy();
    const message = `${hostAndPort(request)} ${why}`;
    connection.emit('error', new AbortError(message, {hint, exitCode: exitCodes.connection}));
  };
  const check = (method: AuthenticationMethod, isBound: boolean) => {
    used = method;
    if (allowed !== null && !allowed.includes(method)) {
      refuse(
        `${asks[method]}, which require_auth forbids`,
        `require_auth allows ${allowed.join(', ') || 'no method'}.`,
      );
    } else if (isBindingRequired && !isBound) {
      refuse(
        `${asks[method]}: channel binding required, but the server does not offer it`,
        'It needs TLS and scram-sha-256 on the server; a proxy that ends TLS cannot pass it on.',
      );
    }
  };
  connection.prependListener('authenticationCleartextPassword', () => check('password', false));
  connection.prependListener('authenticationMD5Password', () => check('md5', false));
  connection.prependListener('authenticationSASL', ({mechanisms}: {mechanisms: string[]}) => {
    check('scram-sha-256', mechanisms.includes('SCRAM-SHA-256-PLUS'));
  });
  connection.prependListener('authenticationOk', () => {
    if (used === 'none') check('none', false);
    else if (used === 'scram-sha-256' && client.saslSession !== null) {
      refuse('admits poolctl without proving that it knows the password', 'A proxy may answer in its place.');
    }
  });
}

const asks: Record<AuthenticationMethod, string> = {
  none: 'asks for no password',
  password: 'asks for the password in clear text',
  md5: 'asks for the password as MD5',
  'scram-sha-256': 'asks for SCRAM-SHA-256',
};
