// tier: server
import {describe, it} from 'vitest';
import {story as chatty} from '../../source/demo/stories/chatty.ts';
import {story as horizon} from '../../source/demo/stories/horizon.ts';
import {story as staleStatistics} from '../../source/demo/stories/stale-statistics.ts';
import {expectCauseFirst} from './cause-first.ts';

describe.each([chatty, staleStatistics, horizon])('$name', story => {
  it('has its cause first, offers no innocent, and is quiet after the cure', () => expectCauseFirst(story));
});
