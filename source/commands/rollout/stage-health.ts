import type {HealthReport} from '../../cli/health/health-report.ts';
import {formatMetric} from '../../cli/health/health-text.ts';
import {AbortError, exitCodes} from '../../core/errors.ts';
import {metricNames, metricOf} from '../../core/health/metrics.ts';
import type {WatchedHealth} from '../../core/health/watching.ts';
import {compareServers, serverDifference} from '../../core/server/server-identity.ts';
import {counted} from '../../core/text/format.ts';
import type {ServerIdentity} from '../../model/target.ts';
import {findingKey, type RolloutStage} from '../../rollout/state.ts';

/**
 * What sends a stage back: a limit that is critical, at once or in the end, a critical finding that was not there
 * before it was promoted, and what is worse than the baseline. Warnings are shown, and nothing is undone for them.
 */
export function healthProblem(
  {health, comparison}: HealthReport & {health: WatchedHealth},
  known: readonly string[],
): string | null {
  const early = health.watch.failed_early;
  const critical = metricNames.filter(name => health.thresholds[name].level === 'critical' && name !== early);
  const found = health.findings.filter(
    each => each.severity === 'critical' && !known.includes(findingKey(each)),
  );
  const slower = comparison?.slower.length ?? 0;
  const problems = [
    ...(early === null ? [] : [`${metricOf(early).title} stayed critical`]),
    ...critical.map(name => `${metricOf(name).title} ${formatMetric(name, health.metrics[name])}`),
    ...found.map(({summary}) => summary),
    ...(slower === 0 ? [] : [counted(slower, 'slower statement')]),
    ...(comparison?.errors.is_worse ? ['more is rolled back'] : []),
  ];
  return problems.length === 0 ? null : problems.join('; ');
}

/** A stage is promoted and watched on one server. Throws AbortError (exit 6) where its address leads to another now. */
export function requireServer(
  {name}: RolloutStage,
  expected: ServerIdentity | null,
  found: ServerIdentity | undefined,
): void {
  if (expected === null || found === undefined || compareServers(expected, found) !== 'other') return;
  throw new AbortError(`${name}: ${serverDifference(expected, found)}; the rollout stops here`, {
    hint: 'The same call goes on when the address leads to the first one again.',
    exitCode: exitCodes.drift,
  });
}
