import type {Examine} from '../context.ts';
import {examineChatty} from './chatty.ts';
import {examineFailing} from './failing.ts';
import {examineDeadlocks} from './failing-deadlocks.ts';
import {examineUncounted} from './failing-uncounted.ts';
import {examineUnplanned} from './failing-unplanned.ts';
import {examineForeignKeys} from './foreign-key.ts';
import {examineHorizon} from './horizon.ts';
import {examineInstances} from './instances.ts';
import {examineLockTable} from './lock-table.ts';
import {examineLogins} from './logins.ts';
import {examineLongStatements} from './long-statements.ts';
import {examineLwlocks} from './lwlocks.ts';
import {examinePooler} from './pooler.ts';
import {examinePools} from './pools.ts';
import {examineSlots} from './slots.ts';
import {examineSlow} from './slow.ts';
import {examineStandby} from './standby.ts';
import {examineWaiting} from './waiting.ts';
import {examineWrites} from './writes.ts';

/** Every kind of harm that is looked for. The order does not matter: findings are ranked by the harm they explain. */
export const examinations: readonly Examine[] = [
  examineFailing,
  examineDeadlocks,
  examineUncounted,
  examineUnplanned,
  examineLogins,
  examineHorizon,
  examineSlow,
  examineChatty,
  examineWaiting,
  examineForeignKeys,
  examineLongStatements,
  examineLwlocks,
  examineWrites,
  examineLockTable,
  examineStandby,
  examineSlots,
  examinePools,
  examinePooler,
  examineInstances,
];
