import {slotForecast} from '../../core/activity/budget.ts';
import {thresholds} from '../../core/health/thresholds.ts';
import {formatAge, formatBytes, formatCount, formatRatio} from '../../core/text/format.ts';
import type {Budget, Database, Snapshot} from '../../model/snapshot.ts';
import {type Line, type Span, span} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import type {ConsoleState} from '../state/state.ts';
import {drawGauge, gaugeRole} from './gauge.ts';

/** Four lines: slots, sessions by state, throughput and hit ratios, and when the slots run out. */
export function drawServerHead(
  snapshot: Snapshot,
  history: ConsoleState['history'],
  width: number,
  theme: Theme,
): Line[] {
  const {budget} = snapshot;
  return [
    {spans: [span('slots ', 'strong'), ...drawGauge(budget, width - 6, theme).spans]},
    slotsLine(budget, history),
    statesLine(budget),
    throughputLine(snapshot),
  ];
}

function slotsLine(budget: Budget, history: ConsoleState['history']): Line {
  const reserved = budget.superuser_reserved_connections + budget.reserved_connections;
  const spans: Span[] = [
    span('      '),
    span(
      `${budget.used} of ${budget.usable} used (${formatRatio(budget.used_ratio, 0)})`,
      gaugeRole(budget.used_ratio),
    ),
    span(`, ${budget.headroom} free, ${reserved} reserved, max_connections ${budget.max_connections}`),
  ];
  const forecast = slotForecast(history, budget.usable);
  if (forecast.full_in_ms !== null)
    spans.push(span(`, full in ~${formatAge(forecast.full_in_ms)}`, 'danger'));
  return {spans};
}

function statesLine(budget: Budget): Line {
  const count = (state: string) => budget.by_state[state] ?? 0;
  const aborted = count('idle in transaction (aborted)');
  const inTransaction = count('idle in transaction') + aborted;
  const spans: Span[] = [
    span('      '),
    span(`active ${count('active')}`, 'good'),
    span(`  idle ${count('idle')}`),
    span(
      `  idle in transaction ${inTransaction}${aborted > 0 ? ` (${aborted} aborted)` : ''}`,
      inTransaction > 0 ? 'warning' : 'plain',
    ),
  ];
  if (count('hidden') > 0) spans.push(span(`  hidden ${count('hidden')}`, 'muted'));
  return {spans};
}

function throughputLine(snapshot: Snapshot): Line {
  const sum = (read: (rates: NonNullable<Database['rates']>) => number) =>
    snapshot.databases.reduce((total, {rates}) => total + (rates ? read(rates) : 0), 0);
  const own = snapshot.databases.find(({datname}) => datname === snapshot.target.database);
  const cacheHit = ratioOf(
    snapshot.databases,
    db => db.blks_hit,
    db => db.blks_hit + db.blks_read,
  );
  const hasRates = snapshot.databases.some(({rates}) => rates);
  const perSecond = (value: number) => (hasRates ? formatCount(value) : '-');
  const deadlocks = sum(rates => rates.deadlocks_per_second);
  return {
    spans: [
      span('      '),
      span(
        `${perSecond(sum(r => r.commits_per_second))} commits/s  ${perSecond(sum(r => r.rollbacks_per_second))} rollbacks/s  `,
      ),
      span(deadlocks > 0 ? `deadlocks ${formatCount(deadlocks)}/s  ` : '', 'danger'),
      span(`temp ${hasRates ? formatBytes(sum(r => r.temp_bytes_per_second)) : '-'}/s  `),
      hitSpan('cache hit', cacheHit, thresholds.cache_hit_ratio.warning),
      span('  '),
      hitSpan('index hit', own?.index_hit_ratio ?? null, thresholds.index_hit_ratio.warning),
    ],
  };
}

function hitSpan(title: string, ratio: number | null, warning: number): Span {
  return span(`${title} ${formatRatio(ratio)}`, ratio !== null && ratio < warning ? 'warning' : 'plain');
}

function ratioOf(
  databases: Database[],
  part: (db: Database) => number,
  whole: (db: Database) => number,
): number | null {
  const total = databases.reduce((sum, db) => sum + whole(db), 0);
  return total === 0 ? null : databases.reduce((sum, db) => sum + part(db), 0) / total;
}
