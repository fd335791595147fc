import {describe, it} from 'vitest';
import {story as foreignKey} from '../../source/demo/stories/foreign-key.ts';
import {story as hotRow} from '../../source/demo/stories/hot-row.ts';
import {story as lockQueue} from '../../source/demo/stories/lock-queue.ts';
import {expectCauseFirst} from './cause-first.ts';
import {story as advisoryLock} from './stories/advisory-lock.ts';
import {story as ddlBehindIdle} from './stories/ddl-behind-idle-transaction.ts';
import {story as idleBlocker} from './stories/idle-blocker.ts';
import {story as preparedTransaction} from './stories/prepared-transaction.ts';

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
  it('has its cause first, offers no innocent, and is quiet after the cure', () => expectCauseFirst(story));
});
