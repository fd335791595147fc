import {describe, expect, it} from 'vitest';
import {createReadOnlySession} from '../../../source/replay/read-only/session.ts';

/** A message of the protocol without content. */
function messageOf(type: string): Buffer {
  return Buffer.from([type.charCodeAt(0), 0, 0, 0, 4]);
}

describe('a read-only session', () => {
  it.each([
    // A function by its oid, which no transaction is put around.
    ['a function call', 'F'],
    ['a message it does not know', 'z'],
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

  it.each(['X', 'd', 'c', 'f'])('passes on the end of a session and the rows of a COPY: %s', type => {
    const session = createReadOnlySession({write: () => {}, refuse: () => {}});
    expect(session.take([messageOf(type)])).toEqual(messageOf(type));
  });
});
