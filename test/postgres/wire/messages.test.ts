import {describe, expect, it} from 'vitest';
import {createMessageReader, message} from '../../../source/postgres/wire/messages.ts';

const stream = Buffer.concat([
  message('T', Buffer.from('fields')),
  message('D', Buffer.from('a row that is skipped')),
  message('1', Buffer.alloc(0)),
  message('C', Buffer.from('SELECT 1')),
  message('L', Buffer.from('longer than is kept')),
  message('Z', Buffer.from('I')),
]);

describe('createMessageReader', () => {
  it.each(Array.from(stream.keys(), size => size + 1))('reads the same from chunks of %d bytes', size => {
    const seen: [string, string, number][] = [];
    const asked: string[] = [];
    const read = createMessageReader({
      keep(type) {
        asked.push(type);
        return type === 'D' ? 0 : type === 'L' ? 6 : 100;
      },
      onMessage: (type, body, length) => seen.push([type, body.toString(), length]),
    });
    for (let at = 0; at < stream.length; at += size) read(stream.subarray(at, at + size));
    expect(seen).toEqual([
      ['T', 'fields', 6],
      ['1', '', 0],
      ['C', 'SELECT 1', 8],
      ['L', 'longer', 19],
      ['Z', 'I', 1],
    ]);
    expect(asked.join('')).toBe('TD1CLZ');
  });
});
