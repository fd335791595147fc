import {Box} from 'ink';
import {countSeen, slotForecast} from '../../core/activity/budget.ts';
import {thresholds} from '../../core/health/thresholds.ts';
import {
  counted,
  formatAge,
  formatBytes,
  formatCount,
  formatRatio,
  formatSpan,
} from '../../core/text/format.ts';
import type {Budget, Database, Snapshot} from '../../model/snapshot.ts';
import type {ConsoleState} from '../state/state.ts';
import {useTheme} from './context.ts';
import {Measured} from './measured.tsx';
import {Text} from './text.tsx';

type History = ConsoleState['history'];

/** Four rows: slots, sessions by state, throughput and hit ratios, and when the slots run out. */
export function ServerHead({snapshot, history}: {snapshot: Snapshot; history: History}) {
  return (
    <Box flexDirection="column" flexShrink={0}>
      <Box>
        <Text role="strong">{'slots '}</Text>
        <Gauge budget={snapshot.budget} />
      </Box>
      <Slots snapshot={snapshot} history={history} />
      <States snapshot={snapshot} />
      <Throughput snapshot={snapshot} />
    </Box>
  );
}

/** `[█████░░░▒▒]`: slots used and free, and at the right the zone only reserved roles can enter. */
function Gauge({budget}: {budget: Budget}) {
  const {used, usable, max_connections} = budget;
  return (
    <Measured
      name="gauge"
      height={1}
      aria-label={`${used} of ${usable} slots used, max_connections ${max_connections}`}
    >
      {({width}) => <Bar budget={budget} width={width - 2} />}
    </Measured>
  );
}

function Bar({budget: {used, usable, used_ratio, max_connections}, width}: {budget: Budget; width: number}) {
  const {full, empty, reserved} = useTheme().symbols;
  const inner = Math.max(1, width);
  const perSlot = inner / Math.max(1, max_connections);
  const usableCells = Math.round(usable * perSlot);
  const usedCells = Math.min(inner, Math.round(used * perSlot));
  return (
    <Text>
      [<Text role={gaugeRole(used_ratio)}>{full.repeat(Math.min(usedCells, usableCells))}</Text>
      <Text role="muted">{empty.repeat(Math.max(0, usableCells - usedCells))}</Text>
      <Text role="danger">{full.repeat(Math.max(0, usedCells - usableCells))}</Text>
      <Text role="reserved">{reserved.repeat(Math.max(0, inner - Math.max(usedCells, usableCells)))}</Text>]
    </Text>
  );
}

export function gaugeRole(usedRatio: number): 'good' | 'warning' | 'danger' {
  const {warning, critical} = thresholds.used_ratio;
  if (usedRatio >= critical) return 'danger';
  return usedRatio >= warning ? 'warning' : 'good';
}

/** Below the gauge. */
const margin = ' '.repeat('slots '.length);

function Slots({snapshot: {budget, backends}, history}: {snapshot: Snapshot; history: History}) {
  const {used, usable, used_ratio, headroom, max_connections} = budget;
  const reserved = budget.superuser_reserved_connections + budget.reserved_connections;
  const {full_in_ms} = slotForecast(history, usable);
  const superusers = backends.filter(({is_superuser}) => is_superuser).length;
  // Only superusers and members of pg_use_reserved_connections get in once the others are used.
  const rest =
    used > usable
      ? `, ${used - usable} of ${reserved} reserved (${counted(superusers, 'superuser')})`
      : `, ${headroom} free, ${reserved} reserved`;
  return (
    <Text>
      {margin}
      <Text role={gaugeRole(used_ratio)}>{`${used} of ${usable} used (${formatRatio(used_ratio, 0)})`}</Text>
      {`${rest}, max_connections ${max_connections}`}
      {full_in_ms !== null && headroom > 0 && (
        <Text role="danger">{`, full in ~${formatAge(full_in_ms)}`}</Text>
      )}
    </Text>
  );
}

/** Of those that are seen: what hidden ones do is unknown. */
function States({snapshot: {backends, budget}}: {snapshot: Snapshot}) {
  const counts = countSeen(backends);
  const count = (state: string) => counts[state] ?? 0;
  const aborted = count('idle in transaction (aborted)');
  const inTransaction = count('idle in transaction') + aborted;
  const own = budget.used - backends.length;
  const unseen = [
    ...(count('hidden') > 0 ? [`${count('hidden')} hidden`] : []),
    ...(count('disabled') > 0 ? [`${count('disabled')} unknown: track_activities is off`] : []),
  ];
  return (
    <Text>
      {margin}
      {unseen.length > 0 && 'seen: '}
      <Text role="good">{`active ${count('active')}`}</Text>
      {`  idle ${count('idle')}`}
      <Text role={inTransaction > 0 ? 'warning' : 'plain'}>
        {`  idle in transaction ${inTransaction}${aborted > 0 ? ` (${aborted} aborted)` : ''}`}
      </Text>
      {own > 0 && <Text role="muted">{`  poolctl ${own}`}</Text>}
      {unseen.length > 0 && <Text role="warning">{`; ${unseen.join(', ')}`}</Text>}
    </Text>
  );
}

function Throughput({snapshot: {databases, target}}: {snapshot: Snapshot}) {
  const sum = (read: (rates: NonNullable<Database['rates']>) => number) =>
    databases.reduce((total, {rates}) => total + (rates ? read(rates) : 0), 0);
  const own = databases.find(({datname}) => datname === target.database);
  // Both of the connected database and over the same time.
  const recent = own?.recent_hits;
  const hits = recent ?? own;
  const over = recent === undefined ? 'since reset' : formatSpan(recent.interval_ms);
  const interval_ms = databases.find(({rates}) => rates)?.rates?.interval_ms;
  const perSecond = (value: number) => (interval_ms === undefined ? '-' : formatCount(value));
  const deadlocks = sum(rates => rates.deadlocks_per_second);
  const temp = sum(rates => rates.temp_bytes_per_second);
  return (
    <Text>
      {margin}
      {interval_ms !== undefined && `over ${formatSpan(interval_ms)}: `}
      {`${perSecond(sum(r => r.commits_per_second))} commits/s  ${perSecond(sum(r => r.rollbacks_per_second))} rollbacks/s  `}
      {deadlocks > 0 && <Text role="danger">{`deadlocks ${formatCount(deadlocks)}/s  `}</Text>}
      {temp > 0 && `temp ${formatBytes(temp)}/s  `}
      {`hits ${over}: `}
      {hitRatio('cache', hits?.cache_hit_ratio ?? null, thresholds.cache_hit_ratio.warning)}
      {'  '}
      {hitRatio('index', hits?.index_hit_ratio ?? null, thresholds.index_hit_ratio.warning)}
    </Text>
  );
}

function hitRatio(title: string, ratio: number | null, warning: number) {
  return (
    <Text role={ratio !== null && ratio < warning ? 'warning' : 'plain'}>
      {`${title} ${formatRatio(ratio)}`}
    </Text>
  );
}
