import {story as chatty} from './chatty.ts';
import {story as deployOverlap} from './deploy-overlap.ts';
import {story as foreignKey} from './foreign-key.ts';
import {story as fullColumn} from './full-column.ts';
import {story as horizon} from './horizon.ts';
import {story as hotRow} from './hot-row.ts';
import {story as lockQueue} from './lock-queue.ts';
import type {StoryName} from './names.ts';
import {story as outsideCall} from './outside-call.ts';
import {story as readOnlyRole} from './read-only-role.ts';
import {story as silentClients} from './silent-clients.ts';
import {story as staleStatistics} from './stale-statistics.ts';
import {story as starvedPool} from './starved-pool.ts';
import type {Story} from './story.ts';

/** The stories of `poolctl demo --story`. Only their names are loaded at poolctl's start. */
export const stories: Readonly<Record<StoryName, Story>> = {
  'lock-queue': lockQueue,
  'hot-row': hotRow,
  'foreign-key': foreignKey,
  'silent-clients': silentClients,
  'deploy-overlap': deployOverlap,
  'read-only-role': readOnlyRole,
  'full-column': fullColumn,
  'outside-call': outsideCall,
  'starved-pool': starvedPool,
  'stale-statistics': staleStatistics,
  horizon,
  chatty,
};
