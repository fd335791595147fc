import {expect, it} from 'vitest';
import {story} from '../../source/demo/stories/horizon.ts';
import {isRight, watchStory} from './watch-story.ts';

it('the slot that holds back vacuum is first, and no session is offered', async () => {
  const watched = await watchStory(story);
  try {
    await watched.next(isRight(story), story.first.within_seconds);
    await story.cure(watched.stage);
    await watched.next(({assessment}) => assessment.findings.every(({cause}) => cause !== 'horizon'), 90);
    for (const {assessment} of watched.moments)
      expect(
        assessment.findings.flatMap(({acts = []}) => acts.flatMap(({params}) => params.pid ?? [])),
      ).toEqual([]);
  } finally {
    await watched.end();
  }
});
