import {expect, it} from 'vitest';
import {effectLines} from '../../../source/core/engine/measures.ts';

it.each<[string, string, string | null, string | null, string[]]>([
  [
    "the planner's costs",
    'plan of 7',
    'Limit  (cost=5995.14..5995.15 rows=4 width=43)\n  ->  Sort  (cost=1.00..2.00 rows=5 width=43)',
    'Index Scan using i on t  (cost=0.29..8.31 rows=1 width=4)',
    ['plan cost of 7: 6.0k -> 8'],
  ],
  [
    'the calls since, not all calls ever',
    'time of 7',
    '100 calls, 13200.000 ms in all',
    '104 calls, 13202.000 ms in all',
    ['time of 7: mean 132ms over 100 calls before, mean 0.50ms over 4 calls since the build began'],
  ],
  [
    'that there was none',
    'time of -7',
    '1 calls, 5.000 ms in all',
    '1 calls, 5.000 ms in all',
    ['time of -7: mean 5.00ms over 1 call before, no call since'],
  ],
  [
    'nothing after a reset',
    'time of 7',
    '10 calls, 50.000 ms in all',
    '2 calls, 1.000 ms in all',
    ['time of 7: mean 5.00ms over 10 calls before, unknown since'],
  ],
  ['nothing of older journals', 'time of 7', '1 calls, mean 5.000 ms', '2 calls, mean 4.000 ms', []],
  ['nothing that was not read', 'plan of 7', null, 'x  (cost=0.29..8.31 rows=1 width=4)', []],
  ['nothing of other measures', 'idx_scan', '', '0', []],
])('the effect of a step is %s', (_what, name, before, after, lines) => {
  expect(effectLines([{name, before, after}])).toEqual(lines);
});
