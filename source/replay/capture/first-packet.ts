import type {Socket} from 'node:net';
import {readExactly} from '../../postgres/wire/message-reader.ts';
import {codes} from '../../postgres/wire/messages.ts';

/** PostgreSQL's own limit (MAX_STARTUP_PACKET_LENGTH). */
const mostBytes = 10_000;

/**
 * What a client begins with, whole; null where it goes away, which it is made to where PostgreSQL would do so.
 * Encryption is refused as a server without it does: `N`, and the client says what it thinks of that.
 */
export async function readFirstPacket(
  client: Socket,
  tell: (text: string) => void,
): Promise<{packet: Buffer; isCancel: boolean} | null> {
  let hasAskedForTls = false;
  for (;;) {
    const head = await readExactly(client, 8);
    if (head === null) {
      if (hasAskedForTls) tell(needsPlainText);
      client.destroy();
      return null;
    }
    if (head[0] === tlsHandshake) {
      tell(needsPlainText);
      client.end(handshakeFailure);
      return null;
    }
    const length = head.readInt32BE(0);
    const code = head.readInt32BE(4);
    if (length === 8 && (code === codes.sslRequest || code === codes.gssRequest)) {
      hasAskedForTls ||= code === codes.sslRequest;
      client.write('N');
      continue;
    }
    const rest = length < 8 || length > mostBytes ? null : await readExactly(client, length - 8);
    if (rest === null) {
      client.destroy();
      return null;
    }
    return {packet: Buffer.concat([head, rest]), isCancel: code === codes.cancel};
  }
}

const needsPlainText =
  'a client insists on TLS and left; give it sslmode=disable, nothing leaves this machine';

/** The first byte of a TLS record that begins a session: sslnegotiation=direct of PostgreSQL 17's clients. */
const tlsHandshake = 0x16;
/** An alert, fatal: handshake_failure (RFC 5246, 7.2). */
const handshakeFailure = Buffer.from([0x15, 3, 1, 0, 2, 2, 40]);
