import type {Recipe} from '../source/core/recipe.ts';
import blockedSessions from './blocked-sessions.ts';
import cancelStatements from './cancel-statements.ts';
import killIdleSessions from './kill-idle-sessions.ts';
import slotsNearlyFull from './slots-nearly-full.ts';
import terminateSessions from './terminate-sessions.ts';

/** Every recipe, in the order in which they are listed. */
export const recipes: Recipe[] = [
  killIdleSessions,
  blockedSessions,
  slotsNearlyFull,
  cancelStatements,
  terminateSessions,
];
