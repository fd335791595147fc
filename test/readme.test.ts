import {expect, it} from 'vitest';
import {readmeWithKeys} from './helpers/readme-keys.ts';

it('lists the keys as the keymap has them (npm run keys)', async () => {
  const {current, expected} = await readmeWithKeys();
  expect(current).toBe(expected);
});
