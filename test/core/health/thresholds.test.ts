import {expect, it} from 'vitest';
import {metricNames, metricOf} from '../../../source/core/health/metrics.ts';
import type {Threshold} from '../../../source/core/health/session-thresholds.ts';
import {
  describeDefault,
  type ThresholdName,
  thresholds,
  writeThreshold,
} from '../../../source/core/health/thresholds.ts';

it.each<[ThresholdName, string]>([
  ['used_ratio', '80%,90%'],
  ['longest_idle_in_transaction_ms', '30s,5min'],
  ['slowest_mean_exec_time_ms', '100ms,1s'],
  ['blocked_sessions', '5,20'],
  ['cache_hit_ratio', '99%, warning only'],
  ['availability_ratio', '50%, critical'],
  ['unused_index_age_ms', '30d, warning only'],
])('help describes the default of %s', (name, text) => {
  expect(describeDefault(name)).toBe(text);
});

it('docs/thresholds.md lists the table of thresholds', async () => {
  const written = (unit: Parameters<typeof writeThreshold>[0], value: number | undefined) =>
    value === undefined ? '' : writeThreshold(unit, value);
  const rows = Object.entries<Threshold>(thresholds).map(
    ([name, {unit, warning, critical, meaning, source}]) => {
      const flag = (metricNames as string[]).includes(name)
        ? `\`--${metricOf(name as (typeof metricNames)[number]).limit_name.replaceAll('_', '-')}\``
        : '';
      return `| \`${name}\` | ${unit} | ${written(unit, warning)} | ${written(unit, critical)} | ${flag} | ${meaning} | ${source} |`;
    },
  );
  await expect(
    [
      '# Thresholds',
      '',
      "Every threshold that findings, the console's colours, `poolctl check` and recipe parameters use, from",
      '`source/core/health/thresholds.ts`. A flag sets its threshold for one call; `[thresholds]` in config.toml and',
      "`thresholds` in a rollout plan set it by the flag's name in snake_case. `check` judges some metrics by findings, and by",
      'their limit only if it is given: `check --json` shows those with the default and `"judged_by": "findings"`.',
      '',
      '| name | unit | warning | critical | flag of check | meaning | source |',
      '|---|---|---|---|---|---|---|',
      ...rows,
      '',
    ].join('\n'),
  ).toMatchFileSnapshot('../../../docs/thresholds.md');
});
