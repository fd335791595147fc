import {existsSync} from 'node:fs';
import {expect, it} from 'vitest';
import {longest} from './longest-first.ts';

it.each(longest)('%s is a test file', file => {
  expect(existsSync(file)).toBe(true);
});
