import {expect, it} from 'vitest';
import {crashLoop} from './crash-loop.ts';

// `npm run crash -- 200` goes through every stage of each file; these are its first and the most telling ones.
it('loses nothing that was acknowledged, wherever it is killed', async () => {
  const {killed, acknowledged, losses} = await crashLoop(48);
  expect(losses).toEqual([]);
  expect(killed).toBeGreaterThan(30);
  expect(acknowledged).toBeGreaterThan(30);
});
