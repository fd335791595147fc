// tier: server
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {describe, expect, it} from 'vitest';
import {story as chatty} from '../../source/demo/stories/chatty.ts';
import {story as fullColumn} from '../../source/demo/stories/full-column.ts';
import {story as lockQueue} from '../../source/demo/stories/lock-queue.ts';
import {story as outsideCall} from '../../source/demo/stories/outside-call.ts';
import {story as silentClients} from '../../source/demo/stories/silent-clients.ts';
import {describeMoment, innocentsOffered, isQuiet, isRight, type Moment} from './moment.ts';
import {momentsOf, writeRecording} from './recordings.ts';
import {story as batchJob} from './stories/batch-job.ts';
import {story as oddClients} from './stories/odd-clients.ts';
import {watchStory} from './watch-story.ts';

// One of each kind. All of them are in recordings.test.ts; `npm run bench:incidents` brings all of them up.

/** A summary is one line of a wide terminal. */
const mostCharacters = 190;

describe('the first finding is the cause', () => {
  it.concurrent.each(
    [lockQueue, silentClients, outsideCall, chatty, fullColumn].map(story => [story.name, story] as const),
  )('%s: in time, without an innocent, and quiet after the cure', async (_, story) => {
    const watched = await watchStory(story);
    try {
      const {assessment} = await watched.next(isRight(story), story.first.within_seconds);
      expect(assessment.findings[0]?.summary.length).toBeLessThanOrEqual(mostCharacters);
      await story.cure(watched.stage);
      await watched.next(isQuiet, (watched.moments.at(-1)?.seconds ?? 0) + 60);
      for (const moment of watched.moments)
        expect(innocentsOffered(moment, story.innocents), describeMoment(moment)).toEqual([]);
    } finally {
      await watched.end();
    }
    await expectRecordedAlike(watched.moments);
  });
});

describe('a healthy server has no finding', () => {
  it.concurrent.each([oddClients, batchJob].map(story => [story.name, story] as const))(
    '%s',
    async (_, story) => {
      const watched = await watchStory(story);
      try {
        await watched.next(({seconds}) => seconds > 12, 60);
        for (const moment of watched.moments)
          expect(moment.assessment.findings, describeMoment(moment)).toEqual([]);
      } finally {
        await watched.end();
      }
      await expectRecordedAlike(watched.moments);
    },
  );
});

/** What was found live is found again in a recording of it, in each reading. */
async function expectRecordedAlike(moments: readonly Moment[]): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'poolctl-story-'));
  const file = join(folder, 'story.poolctl');
  await writeRecording(file, moments);
  const recorded = await momentsOf(file).finally(() => rm(folder, {recursive: true}));
  // Of two readings at the same time the recording keeps the second, which has the statements.
  const live = moments.filter(({snapshot}, index) => snapshot.at !== moments[index + 1]?.snapshot.at);
  expect(recorded.map(found)).toEqual(live.map(found));
}

function found({snapshot: {at}, assessment}: Moment) {
  const of = ({findings, also}: Moment['assessment']) =>
    [...findings, ...also].map(({recipe, cause, severity, subject, summary, harm}) => ({
      ...{recipe, cause, severity, subject, summary},
      since: harm?.since,
    }));
  return {at, found: of(assessment)};
}
