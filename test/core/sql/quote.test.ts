import {describe, expect, it} from 'vitest';
import {quoteIdentifier, quoteLiteral} from '../../../source/core/sql/quote.ts';

describe('quoteIdentifier', () => {
  it.each([
    ['app', '"app"'],
    ['a"; DROP ROLE x; --', '"a""; DROP ROLE x; --"'],
    [' ', '" "'],
  ])('%s', (name, quoted) => expect(quoteIdentifier(name)).toBe(quoted));

  it('refuses an invalid one', () => {
    expect(() => quoteIdentifier('')).toThrow();
    expect(() => quoteIdentifier('a\0b')).toThrow();
  });
});

describe('quoteLiteral', () => {
  it.each([
    ['app', "'app'"],
    ['', "''"],
    ["it's", "'it''s'"],
    ["\\'; DROP ROLE x", "E'\\\\''; DROP ROLE x'"],
  ])('%s', (text, quoted) => expect(quoteLiteral(text)).toBe(quoted));

  it('refuses an invalid one', () => expect(() => quoteLiteral('a\0b')).toThrow());
});
