import type {Recipe} from '../source/model/recipe.ts';
import analyzeStaleTables from './analyze-stale-tables.ts';
import applyIndexes from './apply-indexes.ts';
import cancelRunawayStatements from './cancel-runaway-statements.ts';
import cancelStatements from './cancel-statements.ts';
import controlPgBouncer from './control-pgbouncer.ts';
import dropReplicationSlot from './drop-replication-slot.ts';
import dropUnusedIndexes from './drop-unused-indexes.ts';
import enableStatementStatistics from './enable-statement-statistics.ts';
import killIdleSessions from './kill-idle-sessions.ts';
import prismaMigrateLock from './prisma-migrate-lock.ts';
import releaseBlockers from './release-blockers.ts';
import repairInvalidIndexes from './repair-invalid-indexes.ts';
import replayEndpoint from './replay-endpoint.ts';
import resetRoleSetting from './reset-role-setting.ts';
import setTimeouts from './set-timeouts.ts';
import terminateSessions from './terminate-sessions.ts';
import tuneConnectionLimit from './tune-connection-limit.ts';
import widenColumn from './widen-column.ts';

/** Every recipe, in the order in which they are listed. */
export const recipes: Recipe[] = [
  tuneConnectionLimit,
  replayEndpoint,
  killIdleSessions,
  applyIndexes,
  dropUnusedIndexes,
  repairInvalidIndexes,
  releaseBlockers,
  cancelRunawayStatements,
  setTimeouts,
  resetRoleSetting,
  widenColumn,
  analyzeStaleTables,
  dropReplicationSlot,
  controlPgBouncer,
  prismaMigrateLock,
  enableStatementStatistics,
  cancelStatements,
  terminateSessions,
];
