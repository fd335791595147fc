import type {Socket} from 'node:net';
import {readExactly} from '../../postgres/wire/message-reader.ts';
import {message} from '../../postgres/wire/messages.ts';

const authenticationSasl = 10;
const boundToTls = 'SCRAM-SHA-256-PLUS';

/**
 * The server's messages up to its first demand. The one thing in a session that is changed is here: over TLS the
 * server offers a SCRAM that is bound to that TLS, and a client in plain text cannot do it. libpq even refuses a
 * server that offers it so. What is left it takes as from a server without TLS (gs2 flag `n`, RFC 5802).
 */
export async function forwardAuthentication(server: Socket, client: Socket): Promise<void> {
  for (;;) {
    const head = await readExactly(server, 5);
    const body = head && (await readExactly(server, head.readInt32BE(1) - 4));
    // The end of the server's side is for the client to see as soon as the two are joined.
    if (head === null || body === null) return;
    const type = head.toString('latin1', 0, 1);
    const isSasl = type === 'R' && body.readInt32BE(0) === authenticationSasl;
    client.write(isSasl ? message('R', withoutBinding(body)) : Buffer.concat([head, body]));
    // Notices and NegotiateProtocolVersion may come before it.
    if (type === 'R' || type === 'E') return;
  }
}

function withoutBinding(body: Buffer): Buffer {
  const mechanisms = body.toString('latin1', 4).split('\0');
  const left = mechanisms.filter(mechanism => mechanism !== boundToTls);
  return Buffer.concat([body.subarray(0, 4), Buffer.from(left.join('\0'), 'latin1')]);
}
