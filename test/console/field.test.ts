import {describe, expect, it} from 'vitest';
import {aroundCursor} from '../../source/console/components/field.tsx';
import {textWidth} from '../../source/console/screen/cell-width.ts';

describe('the text around the cursor', () => {
  it.each([
    ['abc', 1, 10, 'a', 'bc'],
    ['abcdefghij', 10, 10, 'abcdefghij', ''],
    ['abcdefghijk', 11, 10, '…cdefghijk', ''],
    ['abcdefghijk', 0, 10, '', 'abcdefghi…'],
    ['abcdefghijklmnopqrstuvwxyz', 13, 10, '…hijklm', 'no…'],
    ['日本日本日本', 6, 7, '…本日本', ''],
  ])('of %s at %i in %i cells', (text, cursor, width, before, after) => {
    expect(aroundCursor({text, cursor}, width)).toEqual({before, after});
  });

  it('never takes more cells than available, at any cursor position', () => {
    const text = 'ab日本👍🏽e\u0301cd'.repeat(3);
    for (let cursor = 0; cursor <= text.length; cursor++) {
      for (let width = 2; width < 20; width++) {
        const {before, after} = aroundCursor({text, cursor}, width);
        expect(textWidth(before) + textWidth(after)).toBeLessThanOrEqual(width);
      }
    }
  });
});
