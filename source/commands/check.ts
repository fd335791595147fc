import {diagnoseAll} from '../core/diagnose.ts';
import {AbortError, type ExitCode, exitCodes} from '../core/errors.ts';
import type {FactNeeds, Facts} from '../core/facts.ts';
import {formatMs, formatRatio} from '../core/format.ts';
import {assessHealth, type Health, type MetricName, metricNames, slowestStatement} from '../core/health.ts';
import type {Output} from '../core/ports.ts';
import type {Recipe} from '../core/recipe.ts';
import {sanitise} from '../core/sanitise.ts';
import type {Snapshot} from '../core/snapshot.ts';
import {gatherWatched} from '../core/watched-facts.ts';
import {type FlagName, flagAsTyped} from './usage.ts';

export type CheckPorts = {
  recipes: readonly Recipe[];
  /** One whole reading; with `rates_over_ms`, of two that far apart. */
  read(options: {rates_over_ms: number | null}): Promise<Snapshot>;
  /** What diagnoses rest on beyond the reading. Throws AbortError for what cannot be read. */
  gather(needs: FactNeeds): Promise<Facts>;
  output: Output;
};

export type CheckFlags = {
  /** Limits that take the place of the default ones: ratios from 0 to 1, times in milliseconds. */
  limits: Partial<Record<MetricName, number>>;
  rates_over_ms: number | null;
  json: boolean;
};

/**
 * The health gate: every recipe's diagnosis and every limit. Exit 0 where all is well, 1 where anything is not.
 * What could not be read is said on stderr; throws AbortError (exit 5) where a limit was asked for on it.
 */
export async function check(
  {recipes, read, gather, output}: CheckPorts,
  flags: CheckFlags,
): Promise<ExitCode> {
  const snapshot = await read({rates_over_ms: flags.rates_over_ms});
  const {facts, unread} = await gatherWatched(recipes, gather);
  const {findings, failed} = diagnoseAll(recipes, snapshot, facts);
  const health = assessHealth(snapshot, findings, flags.limits);
  requireMeasured(health, snapshot, flags.limits);
  output.data(flags.json ? JSON.stringify(health, null, 2) : healthText(health, snapshot));
  for (const {section, reason, remedy} of snapshot.unavailable) {
    output.talk(sanitise(`poolctl: not checked in full, ${section}: ${reason}. ${remedy}`));
  }
  const gaps = [...unread, ...failed.map(({recipe, reason}) => ({fact: recipe, reason}))];
  for (const {fact, reason} of gaps) {
    output.talk(sanitise(`poolctl: not checked in full, ${fact}: ${reason}`));
  }
  return health.status === 'ok' ? exitCodes.ok : exitCodes.findings;
}

const formats = {
  ratio: (ratio: number) => formatRatio(ratio, 2).replace(/\.?0+%$/, '%'),
  duration: (ms: number) => formatMs(ms).replace(/\.0+(?=[a-z])/, ''),
  count: String,
};

/** The flag that sets each metric's limit, what people call the metric, and the section it is read from. */
export const measures = {
  used_ratio: {flag: 'maxUsed', title: 'slots used', kind: 'ratio', section: 'budget'},
  longest_idle_in_transaction_ms: {
    flag: 'maxIdleInTransaction',
    title: 'longest idle in transaction',
    kind: 'duration',
    section: 'backends',
  },
  longest_transaction_ms: {
    flag: 'maxTransaction',
    title: 'longest transaction',
    kind: 'duration',
    section: 'backends',
  },
  blocked_sessions: {
    flag: 'maxBlocked',
    title: 'sessions waiting for a lock',
    kind: 'count',
    section: 'backends',
  },
  slowest_mean_exec_time_ms: {
    flag: 'maxMean',
    title: 'slowest statement, on average',
    kind: 'duration',
    section: 'statements',
  },
  cache_hit_ratio: {flag: 'minCacheHit', title: 'cache hit ratio', kind: 'ratio', section: 'databases'},
  index_hit_ratio: {flag: 'minIndexHit', title: 'index hit ratio', kind: 'ratio', section: 'index_hits'},
} as const satisfies Record<
  MetricName,
  {flag: FlagName; title: string; kind: keyof typeof formats; section: string}
>;

/** A limit that was asked for and cannot be measured is no pass. */
function requireMeasured(
  {thresholds}: Health,
  {unavailable}: Snapshot,
  given: Partial<Record<MetricName, number>>,
): void {
  for (const name of metricNames) {
    const {flag, section} = measures[name];
    const lack = unavailable.find(each => each.section === section);
    if (given[name] === undefined || thresholds[name].is_crossed || lack === undefined) continue;
    throw new AbortError(`${flagAsTyped(flag)} cannot be checked: ${lack.reason}`, {
      hint: lack.remedy,
      exitCode: exitCodes.privilege,
    });
  }
}

function healthText(health: Health, snapshot: Snapshot): string {
  const findings = health.findings.map(({severity, recipe, summary}) => [severity, recipe, summary]);
  return [
    `${health.status}: ${snapshot.target.id}`,
    ...(findings.length > 0 ? ['', ...aligned(findings)] : []),
    '',
    ...aligned(metricNames.map(name => metricRow(name, health, snapshot))),
  ]
    .map(sanitise)
    .join('\n');
}

/** `CROSSED  slots used  95%  at most 80%  --max-used`, and of which statement a mean is. */
function metricRow(name: MetricName, {metrics, thresholds}: Health, snapshot: Snapshot): string[] {
  const {flag, title, kind} = measures[name];
  const format = formats[kind];
  const threshold = thresholds[name];
  const [word, limit] = 'max' in threshold ? ['at most', threshold.max] : ['at least', threshold.min];
  const value = metrics[name];
  const verdict = threshold.is_crossed ? 'CROSSED' : value === null || limit === null ? '-' : 'ok';
  const slowest = name === 'slowest_mean_exec_time_ms' ? slowestStatement(snapshot) : null;
  return [
    verdict,
    title,
    value === null ? 'unknown' : format(value),
    limit === null ? 'no limit' : `${word} ${format(limit)}`,
    flagAsTyped(flag),
    ...(threshold.is_crossed && slowest ? [`queryid ${slowest.statement.queryid}`] : []),
  ];
}

/** Columns as wide as their widest cell; the last of a row is free text. */
function aligned(rows: readonly string[][]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map(row => (column < row.length - 1 ? (row[column]?.length ?? 0) : 0))),
  );
  return rows.map(row =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
