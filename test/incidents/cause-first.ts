import {expect} from 'vitest';
import type {Story} from '../../source/demo/stories/story.ts';
import {innocentsOffered} from './innocents.ts';
import {describeMoment, isRight, type Moment, watchStory} from './watch-story.ts';

/** A summary is one line of a wide terminal. */
const mostCharacters = 190;

/** Its cause is the first finding in time, no innocent is offered in any reading, and within a minute after the cure nothing is found. */
export async function expectCauseFirst(story: Story): Promise<void> {
  const watched = await watchStory(story);
  try {
    const {assessment} = await watched.next(isRight(story), story.first.within_seconds);
    expect(assessment.findings[0]?.summary.length).toBeLessThanOrEqual(mostCharacters);
    await story.cure(watched.stage);
    const cured = watched.moments.length;
    const {seconds} = await watched.next(
      moment => watched.moments.indexOf(moment) >= cured && isQuiet(moment),
      (watched.moments.at(-1)?.seconds ?? 0) + 60,
    );
    expect(seconds).toBeGreaterThan(0);
    for (const moment of watched.moments)
      expect(innocentsOffered(moment, story.innocents), describeMoment(moment)).toEqual([]);
  } finally {
    await watched.end();
  }
}

function isQuiet({assessment: {findings}}: Moment): boolean {
  return findings.length === 0;
}
