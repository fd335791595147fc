import {describe, expect, it} from 'vitest';
import {createReadOnlySession, createReadOnlyWire} from '../../../source/replay/read-only/session.ts';

/** A message of the protocol without content. */
function messageOf(type: string): Buffer {
  return Buffer.from([type.charCodeAt(0), 0, 0, 0, 4]);
}

describe('a read-only session', () => {
  it.each([
    // Calls a function by its OID, outside any added transaction.
    ['a function call', 'F'],
    ['an unknown message', 'z'],
  ])('refuses %s, and sends nothing after it', (_, type) => {
    const written: Buffer[] = [];
    const refused: string[] = [];
    const session = createReadOnlySession({
      write: bytes => written.push(bytes),
      refuse: why => refused.push(why),
    });
    expect(session.take([messageOf(type), messageOf('S')])).toHaveLength(0);
    expect(session.take([messageOf('S')])).toHaveLength(0);
    expect([written, refused]).toEqual([[], [`a message of type ${type}`]]);
  });

  it.each(['X', 'd', 'c', 'f'])('forwards the end of a session and the rows of a COPY: %s', type => {
    const session = createReadOnlySession({write: () => {}, refuse: () => {}});
    expect(session.take([messageOf(type)])).toEqual(messageOf(type));
  });
});

describe('a read-only session over a socket', () => {
  const open = () => {
    const refused: string[] = [];
    const wire = createReadOnlyWire({write: () => {}, refuse: why => refused.push(why)});
    return {wire, refused};
  };
  const bytes = Buffer.concat(['d', 'c', 'X'].map(messageOf));

  it.each([1, 3, 5, 7])('joins messages of the client that arrive in chunks of %i bytes', size => {
    const {wire} = open();
    const sent: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) sent.push(wire.send(bytes.subarray(at, at + size)));
    expect(Buffer.concat(sent)).toEqual(bytes);
  });

  it.each([1, 3, 5, 7])('forwards rows of the server that arrive in chunks of %i bytes', size => {
    const {wire} = open();
    const row = Buffer.concat([Buffer.from([0x44, 0, 0, 0, 24]), Buffer.alloc(20, 7)]);
    const rows = Buffer.concat([row, messageOf('n'), row]);
    const received: Buffer[] = [];
    for (let at = 0; at < rows.length; at += size)
      received.push(Buffer.from(wire.receive(Buffer.from(rows.subarray(at, at + size)))));
    expect(Buffer.concat(received)).toEqual(rows);
  });

  it.each(['send', 'receive'] as const)('refuses a message shorter than its own length: %s', side => {
    const {wire, refused} = open();
    const malformed = Buffer.from([0x44, 0, 0, 0, 0]);
    expect(wire[side](malformed)).toHaveLength(0);
    expect(wire[side](messageOf('d'))).toHaveLength(0);
    expect(refused).toEqual(['a message shorter than its own length']);
  });
});
