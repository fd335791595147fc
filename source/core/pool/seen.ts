import type {ApplicationPool} from '../../model/application-pool.ts';
import type {ParameterValues} from '../../model/recipe.ts';
import type {Backend} from '../../model/snapshot.ts';
import {instancesAtWork} from './revisions.ts';

/** The parameters of tune-connection-limit that sessions show: of a deploy under way both revisions. */
export function seenInstances(sessions: readonly Backend[]): {instances: string; deploy_overlap?: string} {
  const {instances, overlap} = instancesAtWork(sessions);
  return {instances: String(instances), ...(overlap > 1 && {deploy_overlap: String(overlap)})};
}

/** The same parameters, with what the readings of some minutes show of one application. */
export function seenOfPool(
  {instances, most_instances, most_busy, may_be}: ApplicationPool,
  sessions: readonly Backend[],
): ParameterValues {
  const seen = seenInstances(sessions);
  return {
    ...(instances !== null && {
      ...seen,
      max_instances: String(Math.max(most_instances ?? 0, Number(seen.instances))),
    }),
    // Where requests may wait, what was busy shows the pool's size, not what the application needs.
    ...(may_be === null && most_busy !== null && most_busy > 0 && {most_busy: String(most_busy)}),
  };
}
