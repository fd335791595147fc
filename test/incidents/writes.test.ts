// tier: server
import {describe, expect, it} from 'vitest';
import {story as fullColumn} from '../../source/demo/stories/full-column.ts';
import {story as readOnlyRole} from '../../source/demo/stories/read-only-role.ts';
import type {Story} from '../../source/demo/stories/story.ts';
import {expectCauseFirst} from './cause-first.ts';
import {story as abortedTransactions} from './stories/aborted-transactions.ts';
import {story as readOnlyDatabase} from './stories/read-only-database.ts';
import {story as readOnlyServer} from './stories/read-only-server.ts';
import {story as sequenceEnd} from './stories/sequence-end.ts';
import {story as sqlalchemyRollback} from './stories/sqlalchemy-rollback.ts';
import {story as syncStandbyMissing} from './stories/sync-standby-missing.ts';
import {story as uniqueStorm} from './stories/unique-storm.ts';
import {story as wrapFar} from './stories/wrap-far.ts';
import {describeMoment, watchStory} from './watch-story.ts';

const incidents = [
  readOnlyRole,
  fullColumn,
  sequenceEnd,
  readOnlyServer,
  readOnlyDatabase,
  syncStandbyMissing,
  uniqueStorm,
  abortedTransactions,
];

describe('the first finding is the cause', () => {
  it.each(incidents.map(story => [story.name, story] as [string, Story]))('%s', (_, story) =>
    expectCauseFirst(story),
  );
});

describe('a healthy server has no finding', () => {
  it.each([sqlalchemyRollback, wrapFar].map(story => [story.name, story] as const))(
    '%s',
    async (_, story) => {
      const watched = await watchStory(story);
      try {
        await watched.next(({seconds}) => seconds > 12, 20);
        for (const moment of watched.moments)
          expect(moment.assessment.findings, describeMoment(moment)).toEqual([]);
      } finally {
        await watched.end();
      }
    },
  );
});
