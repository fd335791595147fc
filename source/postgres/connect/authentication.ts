import {AbortError, exitCodes} from '../../core/errors.ts';
import type {RawPgClient} from './client.ts';
import {type AuthenticationMethod, type ConnectionRequest, hostAndPort} from './request.ts';

/**
 * Holds a server to what the request allows before it is sent anything that rests on the password: the methods of
 * `require_auth`, and with channel_binding=require nothing but SCRAM bound to this TLS session, so that whoever sits in
 * between with a certificate of their own gets neither the password nor the session. A server that began SCRAM has to
 * end it, since its last message proves that it knows the password too.
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
  const judge = (method: AuthenticationMethod, isBound: boolean) => {
    used = method;
    if (allowed !== null && !allowed.includes(method)) {
      refuse(
        `${asks[method]}, which require_auth forbids`,
        `It allows ${allowed.join(', ') || 'no method'}.`,
      );
    } else if (isBindingRequired && !isBound) {
      refuse(
        `${asks[method]}: channel binding required, but the server does not offer it`,
        'It takes TLS and scram-sha-256 on the server; a proxy that ends TLS itself cannot pass it on.',
      );
    }
  };
  connection.prependListener('authenticationCleartextPassword', () => judge('password', false));
  connection.prependListener('authenticationMD5Password', () => judge('md5', false));
  connection.prependListener('authenticationSASL', ({mechanisms}: {mechanisms: string[]}) => {
    judge('scram-sha-256', mechanisms.includes('SCRAM-SHA-256-PLUS'));
  });
  connection.prependListener('authenticationOk', () => {
    if (used === 'none') judge('none', false);
    else if (used === 'scram-sha-256' && client.saslSession !== null) {
      refuse('lets in without proof that it knows the password', 'Something in between may answer for it.');
    }
  });
}

const asks: Record<AuthenticationMethod, string> = {
  none: 'lets in without a password',
  password: 'asks for the password in clear text',
  md5: 'asks for the password as MD5',
  'scram-sha-256': 'asks for SCRAM-SHA-256',
};
