import {expect, it} from 'vitest';
import {formatCount, formatMs, formatRatio} from '../../../source/core/text/format.ts';

it.each([
  [formatCount(0), '0'],
  [formatCount(0.01), '<0.1'],
  [formatCount(0.06), '0.1'],
  [formatCount(null), '-'],
  [formatMs(0), '0.00ms'],
  [formatMs(0.004), '<0.01ms'],
  [formatMs(0.006), '0.01ms'],
  [formatRatio(0), '0.0%'],
  [formatRatio(0.0001), '<0.1%'],
  [formatRatio(0.001, 0), '<1%'],
  [formatRatio(0.006, 0), '1%'],
])('a figure too small to show is not 0: %s', (shown, text) => expect(shown).toBe(text));
