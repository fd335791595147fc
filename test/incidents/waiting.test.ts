import {describe, expect, it} from 'vitest';
import {story as foreignKey} from '../../source/demo/stories/foreign-key.ts';
import {story as hotRow} from '../../source/demo/stories/hot-row.ts';
import {story as lockQueue} from '../../source/demo/stories/lock-queue.ts';
import {describeMoment, isRight, type Moment, watchStory} from './watch-story.ts';

describe.each([lockQueue, hotRow, foreignKey])('$name', story => {
  it('has its cause first, offers no innocent, and is quiet after the cure', async () => {
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
