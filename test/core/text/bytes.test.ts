import {describe, expect, it} from 'vitest';
import {mulberry32} from '../../../source/core/random.ts';
import {decodeBytes, encodeBytes} from '../../../source/core/text/bytes.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('decodeBytes and encodeBytes', () => {
  it.each([
    ['plain text', '61 62', 'ab'],
    ['UTF-8', 'c3 a9 e2 82 ac f0 9f 98 80', 'é€😀'],
    ['a byte order mark', 'ef bb bf 61', '\ufeffa'],
    ['Latin-1', '61 e9 62', 'a\udce9b'],
    ['a truncated sequence', 'f0 9f 98', '\udcf0\udc9f\udc98'],
    ['an overlong form', 'c0 af e0 80 af', '\udcc0\udcaf\udce0\udc80\udcaf'],
    ['a surrogate', 'ed b2 80', '\udced\udcb2\udc80'],
    ['a code point above U+10FFFF', 'f4 90 80 80', '\udcf4\udc90\udc80\udc80'],
    ['a stray byte after a pair', 'f0 9f 98 80 80', '😀\udc80'],
    ['NUL', '00', '\0'],
  ])('restore %s', (_, bytes, text) => {
    expect(decodeBytes(hex(bytes))).toBe(text);
    expect(Buffer.from(encodeBytes(text))).toEqual(hex(bytes));
  });

  it('restore any bytes, also through JSON', () => {
    const bits = mulberry32(7);
    const random = () => bits() / 2 ** 32;
    // First bytes and continuations often enough to make sequences, and to break them.
    const pool = [0x0a, 0x41, 0x80, 0x9f, 0xa0, 0xbf, 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xff];
    for (let round = 0; round < 5000; round++) {
      const bytes = Buffer.from(
        Array.from({length: Math.floor(random() * 12)}, () => pool[Math.floor(random() * pool.length)] ?? 0),
      );
      const text: string = JSON.parse(JSON.stringify(decodeBytes(bytes)));
      expect(Buffer.from(encodeBytes(text)).toString('hex')).toBe(bytes.toString('hex'));
    }
  });
});
