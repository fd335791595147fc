import {readdir} from 'node:fs/promises';
import {fileURLToPath} from 'node:url';
import {expect, test} from 'vitest';
import {type Claim, claims} from './claims.ts';
import {verdictOf} from './verdict.ts';

const queries: Claim = {endpoint: 'x', figure: 'queries', before: [50, 100], after: [2, 3]};
const time: Claim = {endpoint: 'x', figure: 'time_ms', before: [2000, 3000], after: [200, 300]};

test.each([
  [queries, {before: 53, after: 2}, true],
  [queries, {before: 500, after: 3.2}, true],
  [queries, {before: 49, after: 2}, false],
  [queries, {before: 53, after: 4}, false],
  [time, {before: 100, after: 15}, true],
  [time, {before: 100, after: 16}, false],
  [time, {before: 0, after: 0}, false],
])('the claim %j, measured as %j, gets the right verdict', (claim, measured, holds) => {
  expect(verdictOf(claim, measured).holds).toBe(holds);
});

test('every demo endpoint has a claim', async () => {
  const folder = fileURLToPath(new URL('../../../recipes/endpoints', import.meta.url));
  const files = (await readdir(folder)).filter(name => name.endsWith('.ts'));
  const named = new Set(claims.map(claim => claim.endpoint));
  expect(files.map(name => name.replace('.ts', '')).sort()).toEqual([...named].sort());
});
