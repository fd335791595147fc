import {expect, it} from 'vitest';
import {crashLoop} from './crash-loop.ts';

// `npm run crash -- 200` covers every operation; these are the first and most revealing ones.
it('a journal loses no acknowledged entry, whatever the process was doing when it was killed', async () => {
  const {killed, acknowledged, losses} = await crashLoop(48);
  expect(losses).toEqual([]);
  expect(killed).toBeGreaterThan(30);
  expect(acknowledged).toBeGreaterThan(30);
});
