import type {RawPgClient} from './pg-client.ts';

/**
 * channel_binding=require, as libpq means it: nothing but SCRAM bound to this TLS session will do, so that
 * whoever sits in between with a certificate of their own gets neither the password nor the session.
 * pg binds when it is offered, and goes on without when it is not.
 */
export function requireChannelBinding(client: RawPgClient): void {
  let isBound = false;
  const refuse = () => {
    client.connection.stream.destroy();
    client.connection.emit('error', new Error('channel binding required, but the server does not offer it'));
  };
  client.connection.prependListener('authenticationSASL', ({mechanisms}: {mechanisms: string[]}) => {
    isBound = mechanisms.includes('SCRAM-SHA-256-PLUS');
    if (!isBound) refuse();
  });
  for (const event of ['authenticationCleartextPassword', 'authenticationMD5Password', 'authenticationOk']) {
    client.connection.prependListener(event, () => {
      if (!isBound) refuse();
    });
  }
}
