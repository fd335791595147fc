import type {Finding, HarmKind} from '../../model/recipe.ts';

/** How heavy a harm is whatever the number of sessions: a server that takes no writes hurts all of them. */
const weightOfKind: Record<HarmKind, number> = {
  writes: 1000,
  failing: 100,
  waiting: 10,
  slots: 10,
  pool: 5,
  slow: 2,
  chatty: 2,
  vacuum: 1,
  disk: 1,
  soon: 1,
};

/**
 * The harm that a finding explains, in steps of about 40 %: findings do not change places with each reading. A finding of
 * a recipe names no harm; it comes after those that do.
 */
function weightOf({harm}: Finding): number {
  if (harm === undefined) return 0;
  return Math.round(2 * Math.log2(1 + weightOfKind[harm.kind] * (1 + harm.sessions * harm.share)));
}

/** Critical ones first, then by the harm that they explain. */
export function compareFindings(a: Finding, b: Finding): number {
  const isCritical = ({severity}: Finding) => Number(severity === 'critical');
  return isCritical(b) - isCritical(a) || weightOf(b) - weightOf(a);
}
