import {describe, expect, it} from 'vitest';
import {story as foreignKey} from '../../source/demo/stories/foreign-key.ts';
import {story as hotRow} from '../../source/demo/stories/hot-row.ts';
import {story as lockQueue} from '../../source/demo/stories/lock-queue.ts';
import {story as advisoryLock} from './stories/advisory-lock.ts';
import {story as ddlBehindIdle} from './stories/ddl-behind-idle-transaction.ts';
import {story as idleBlocker} from './stories/idle-blocker.ts';
import {story as preparedTransaction} from './stories/prepared-transaction.ts';
import {describeMoment, isRight, type Moment, watchStory} from './watch-story.ts';

const stories = [
  lockQueue,
  hotRow,
  foreignKey,
  advisoryLock,
  idleBlocker,
  preparedTransaction,
  ddlBehindIdle,
];

describe.each(stories)('$name', story => {
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
  const params = findings.flatMap(finding => [
    finding.params ?? {},
    ...(finding.acts ?? []).map(act => act.params),
  ]);
  const named = params.flatMap(({pid = '', application = ''}) => [...pid.split(','), application]);
  return innocents.filter(name =>
    snapshot.backends.some(
      ({application_name, pid}) =>
        application_name === name && (named.includes(String(pid)) || named.includes(name)),
    ),
  );
}
