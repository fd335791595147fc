// tier: server
import {expect, it} from 'vitest';
import {story as oddClients} from './stories/odd-clients.ts';
import {describeMoment, watchStory} from './watch-story.ts';

it('finds nothing on a healthy server with odd clients, in any reading of 20 s', async () => {
  const watched = await watchStory(oddClients);
  try {
    await watched.next(({seconds}) => seconds >= 20, 60);
    const alarms = watched.moments.filter(({assessment: {findings}}) => findings.length > 0);
    expect(alarms.map(describeMoment)).toEqual([]);
  } finally {
    await watched.end();
  }
});
