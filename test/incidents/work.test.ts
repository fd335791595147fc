import {describe, expect, it} from 'vitest';
import {story as chatty} from '../../source/demo/stories/chatty.ts';
import {story as staleStatistics} from '../../source/demo/stories/stale-statistics.ts';
import {describeMoment, isRight, watchStory} from './watch-story.ts';

describe.each([chatty, staleStatistics])('$name', story => {
  it('has its cause first, offers no innocent, and is quiet after the cure', async () => {
    const watched = await watchStory(story);
    try {
      await watched.next(isRight(story), story.first.within_seconds);
      await story.cure(watched.stage);
      const cured = watched.moments.length;
      await watched.next(
        moment =>
          watched.moments.indexOf(moment) > cured &&
          moment.assessment.findings.every(({cause}) => cause !== story.first.cause),
        130,
      );
    } finally {
      console.log(
        watched.moments
          .filter((_, index) => index % 5 === 0)
          .map(describeMoment)
          .join('\n'),
      );
      await watched.end();
    }
    expect(watched.moments.length).toBeGreaterThan(2);
  });
});
