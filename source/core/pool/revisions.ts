import type {Backend} from '../../model/snapshot.ts';
import {instancesOf} from './clients.ts';

/** How long before the new ones the old ones must have begun: a rollout starts its processes within seconds of each other. */
const leastGapMs = 5000;
/** A revision that is older than that has been there for good. */
const longestDeployMs = 1_800_000;

/**
 * Sessions of the instances that began first, and of those that began well after them; null: there is no such gap. The age of a
 * session is not that of its process: where an older instance has opened one since, its pool closes idle sessions (node-postgres
 * after 10 s), and so may those that look new.
 */
export function twoGenerations(own: readonly Backend[]) {
  if (own.some(({backend_age_ms}) => backend_age_ms === null)) return null;
  const clients = instancesOf(own).sort((a, b) => oldestMs(b) - oldestMs(a));
  const gaps = clients.slice(1).map((client, index) => oldestMs(clients[index] ?? []) - oldestMs(client));
  const gap_ms = Math.max(0, ...gaps);
  const split = gaps.indexOf(gap_ms) + 1;
  const [before, after] = [clients.slice(0, split), clients.slice(split)];
  const [newest] = after;
  if (newest === undefined || gap_ms < leastGapMs || oldestMs(newest) > longestDeployMs) return null;
  if (before.flat().some(({backend_age_ms}) => (backend_age_ms ?? 0) < gap_ms)) return null;
  const spread_ms = oldestMs(newest) - oldestMs(after.at(-1) ?? []);
  return gap_ms < 2 * spread_ms ? null : {before: before.flat(), after: after.flat(), gap_ms};
}

export function oldestMs(sessions: readonly Backend[]): number {
  return Math.max(0, ...sessions.map(({backend_age_ms}) => backend_age_ms ?? 0));
}

/** The instances of one application at work, and the factor by which a deploy multiplies them now; 1 without one. */
export function instancesAtWork(sessions: readonly Backend[]): {instances: number; overlap: number} {
  const generations = twoGenerations(sessions);
  if (generations === null) return {instances: instancesOf(sessions).length, overlap: 1};
  const [before, after] = [instancesOf(generations.before).length, instancesOf(generations.after).length];
  const instances = Math.max(before, after);
  // To one place, as deploy_overlap is written.
  return {instances, overlap: Math.ceil(((before + after) / instances) * 10) / 10};
}
