// tier: server
import {describe, expect, it} from 'vitest';
import {story as outsideCall} from '../../source/demo/stories/outside-call.ts';
import {story as silentClients} from '../../source/demo/stories/silent-clients.ts';
import type {Story} from '../../source/demo/stories/story.ts';
import {expectCauseFirst} from './cause-first.ts';
import {story as batchJob} from './stories/batch-job.ts';
import {story as connectWave} from './stories/connect-wave.ts';
import {story as deployOverlap} from './stories/deploy-overlap.ts';
import {story as harmlessTransaction} from './stories/harmless-transaction.ts';
import {story as idlePoolers} from './stories/idle-poolers.ts';
import {story as idlePools} from './stories/idle-pools.ts';
import {story as leakedSessions} from './stories/leaked-sessions.ts';
import {story as listenSessions} from './stories/listen-sessions.ts';
import {story as roleLimit} from './stories/role-limit.ts';
import {story as saturated} from './stories/saturated-by-slow-statement.ts';
import {describeMoment, watchStory} from './watch-story.ts';

const stories = [
  outsideCall,
  silentClients,
  leakedSessions,
  idlePools,
  connectWave,
  deployOverlap,
  roleLimit,
  saturated,
];

describe('the first finding is the cause', () => {
  it.each(stories.map(story => [story.name, story] as [string, Story]))(
    '%s',
    (_, story) => expectCauseFirst(story),
    150_000,
  );
});

describe('healthy', () => {
  it.concurrent.each(
    [idlePoolers, listenSessions, batchJob, harmlessTransaction].map(story => [story.name, story] as const),
  )(
    '%s',
    async (_, story) => {
      const watched = await watchStory(story);
      try {
        await watched.next(({seconds}) => seconds > 12, 60);
        expect(watched.moments.map(describeMoment).filter(text => text.includes('*'))).toEqual([]);
      } finally {
        await watched.end();
      }
    },
    120_000,
  );
});
