import {describe, expect, it} from 'vitest';
import {quoteIdentifier} from '../../source/core/quote.ts';

describe('quoteIdentifier', () => {
  it.each([
    ['app', '"app"'],
    ['a"; DROP ROLE x; --', '"a""; DROP ROLE x; --"'],
    [' ', '" "'],
  ])('%s', (name, quoted) => expect(quoteIdentifier(name)).toBe(quoted));

  it('refuses what is none', () => {
    expect(() => quoteIdentifier('')).toThrow();
    expect(() => quoteIdentifier('a\0b')).toThrow();
  });
});
