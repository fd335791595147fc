// tier: server
import {describe, expect, it} from 'vitest';
import {recipes} from '../../recipes/index.ts';
import {story as outsideCall} from '../../source/demo/stories/outside-call.ts';
import {story as silentClients} from '../../source/demo/stories/silent-clients.ts';
import type {Story} from '../../source/demo/stories/story.ts';
import type {Act} from '../../source/model/recipe.ts';
import type {Snapshot} from '../../source/model/snapshot.ts';
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
import {describeMoment, isRight, type Moment, watchStory} from './watch-story.ts';

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

/** Acts that end sessions; one that may not end any of `innocents`. */
function ended({assessment, snapshot}: Moment): string[] {
  const acts = assessment.findings.flatMap(({recipe, params = {}, acts = [{recipe, params} as Act]}) => acts);
  return acts.flatMap(act => sessionsOf(act, snapshot));
}

function sessionsOf({recipe: id, params}: Act, snapshot: Snapshot): string[] {
  if (id === null || !['kill-idle-sessions', 'terminate-sessions', 'release-blockers'].includes(id))
    return [];
  const plan = recipes
    .find(recipe => recipe.id === id)
    ?.plan?.(snapshot, params, {prepared_transactions: []});
  return (plan?.steps ?? []).map(({subject}) => {
    const backend = snapshot.backends.find(({pid}) => subject === `backend:${pid}`);
    return backend?.application_name ?? subject ?? '';
  });
}

describe('the first finding is the cause', () => {
  it.each(stories.map(story => [story.name, story] as [string, Story]))(
    '%s',
    async (_, story) => {
      const watched = await watchStory(story);
      try {
        const moment = await watched.next(isRight(story), story.first.within_seconds);
        const [finding] = moment.assessment.findings;
        expect(moment.seconds).toBeLessThanOrEqual(story.first.within_seconds);
        expect(finding?.summary.length).toBeLessThanOrEqual(190);
        await story.cure(watched.stage);
        await watched.next(({assessment: {findings}}) => findings.length === 0, moment.seconds + 75);
        for (const each of watched.moments) {
          expect([each.seconds, ended(each).filter(name => story.innocents.includes(name))]).toEqual([
            each.seconds,
            [],
          ]);
        }
      } finally {
        await watched.end();
      }
    },
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
