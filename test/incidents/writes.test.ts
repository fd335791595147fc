// tier: server
import {describe, expect, it} from 'vitest';
import {story as fullColumn} from '../../source/demo/stories/full-column.ts';
import {story as readOnlyRole} from '../../source/demo/stories/read-only-role.ts';
import type {Story} from '../../source/demo/stories/story.ts';
import {story as abortedTransactions} from './stories/aborted-transactions.ts';
import {story as readOnlyDatabase} from './stories/read-only-database.ts';
import {story as readOnlyServer} from './stories/read-only-server.ts';
import {story as sequenceEnd} from './stories/sequence-end.ts';
import {story as sqlalchemyRollback} from './stories/sqlalchemy-rollback.ts';
import {story as syncStandbyMissing} from './stories/sync-standby-missing.ts';
import {story as uniqueStorm} from './stories/unique-storm.ts';
import {story as wrapFar} from './stories/wrap-far.ts';
import {describeMoment, isRight, type Moment, watchStory} from './watch-story.ts';

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
  it.each(incidents.map(story => [story.name, story] as [string, Story]))('%s', async (_, story) => {
    const watched = await watchStory(story);
    try {
      await watched.next(isRight(story), story.first.within_seconds);
      await story.cure(watched.stage);
      const cured = watched.moments.length;
      await watched.next(moment => watched.moments.indexOf(moment) >= cured && isQuiet(moment), 60);
      for (const moment of watched.moments)
        expect(offered(moment, story.innocents), describeMoment(moment)).toEqual([]);
    } finally {
      await watched.end();
    }
  });
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

function isQuiet({assessment: {findings}}: Moment): boolean {
  return findings.length === 0;
}

/** Innocent applications whose sessions an act would end or change. */
function offered({assessment: {findings}, snapshot}: Moment, innocents: readonly string[]): string[] {
  const pids = findings
    .flatMap(({params, acts = []}) => [params ?? {}, ...acts.map(act => act.params)])
    .flatMap(({pid = '', application = ''}) => [...pid.split(','), application]);
  return innocents.filter(name =>
    snapshot.backends.some(
      ({application_name, pid}) =>
        application_name === name && (pids.includes(String(pid)) || pids.includes(name)),
    ),
  );
}
