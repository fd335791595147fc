import type {Snapshot} from '../../model/snapshot.ts';
import {groupBy} from '../group-by.ts';
import {formatMs, formatRatio} from '../text/format.ts';
import {presets} from './presets.ts';
import type {LoadReading} from './statement-load.ts';
import {waiting} from './statement-load.ts';
import type {Tuning} from './tuning.ts';
import {type ConnectionBudget, type Fit, fitOf, largestLimit, refusedOf} from './tuning.ts';

/** The budget as tables and a picture, at most 76 columns wide. */
export function tuningFigure(tuning: Tuning, snapshot: Snapshot, load: LoadReading): string[] {
  return [
    ...budgetLines(tuning, snapshot),
    '',
    ...holderLines(snapshot),
    ...pictureLines(tuning),
    '',
    ...limitLines(tuning),
    '',
    ...presetLines,
    '',
    ...instanceLines(tuning),
    ...waitLines(tuning, load),
  ];
}

function budgetLines({budget, choices}: Tuning, {budget: slots, target}: Snapshot): string[] {
  const {max_connections, superuser_reserved_connections, reserved_connections, usable} = slots;
  const line = (label: string, value: number | string) => `${label.padEnd(52)}${String(value).padStart(8)}`;
  const own = (limit: number | null) => limit ?? 'none';
  return [
    line('max_connections', max_connections),
    line('- superuser_reserved_connections', superuser_reserved_connections),
    line('- reserved_connections', reserved_connections),
    line('= usable', usable),
    ...(choices.role === null
      ? []
      : [line(cut(`role ${choices.role.name}, CONNECTION LIMIT`), own(budget.role_limit))]),
    line(cut(`database ${target.database}, CONNECTION LIMIT`), own(budget.database_limit)),
    line(`for all instances together (${boundText(budget)})`, budget.allotted),
  ];
}

function boundText({bound_by, usable_share}: ConnectionBudget): string {
  return bound_by === 'share' ? `usable x ${usable_share}` : `the ${bound_by}'s own limit`;
}

/** Current sessions by role and application, largest first. */
function holderLines({budget}: Snapshot): string[] {
  // Role x application is the holder: a fleet has an address for each of its instances.
  const holders = [
    ...groupBy(budget.groups, ({application_name, usename}) => `${application_name}/${usename}`),
  ];
  const most = holders
    .map(([, groups]) => ({
      groups,
      count: sumOf(groups.map(({count}) => count)),
      active: sumOfKnown(groups.map(({active}) => active)),
      idle: sumOfKnown(groups.map(({idle}) => idle)),
    }))
    .sort((a, b) => b.count - a.count)
    .slice(0, 4);
  if (most.length === 0) return [];
  const rows = most.map(({groups, count, active, idle}) => {
    const [first] = groups;
    const from = groups.length === 1 ? (first?.client_addr ?? 'local') : `${groups.length} addresses`;
    const who = `${first?.application_name || '(no name)'}/${first?.usename} ${from}`;
    return `${cut(who).padEnd(44)}${pad(count, 6)}${pad(active ?? '?', 8)}${pad(idle ?? '?', 8)}`;
  });
  return [`${'used now by'.padEnd(44)}${pad('slots', 6)}${pad('active', 8)}${pad('idle', 8)}`, ...rows, ''];
}

/** Bars on the scale of usable slots; `:` marks the allotted part, slots of others fill from the right. */
function pictureLines(tuning: Tuning): string[] {
  const {budget, instances, settings, choices} = tuning;
  if (choices.platform.id === 'pgbouncer') return pooledPicture(tuning);
  const limit = settings?.connection_limit ?? 1;
  return [
    `${`connection_limit=${limit}`.padEnd(labelWidth + 1)}0${' '.repeat(markAt(budget))}: ${budget.allotted}`,
    ...instanceCounts(instances).map(([name, count]) =>
      bar(`${name} ${count} x ${limit}`, count * limit, budget),
    ),
    ...legend(budget),
  ];
}

function pooledPicture({budget, pooler, instances, pooled}: Tuning): string[] {
  const clients = instances.deploy * pooled.connection_limit;
  return [
    `clients  ${clients} of max_client_conn ${pooler.max_client_conn}`,
    bar(`pools    ${pooler.max_db_connections}`, pooler.max_db_connections, budget),
    ...legend(budget),
  ];
}

function legend({others}: ConnectionBudget): string[] {
  return others === 0 ? [] : [`o: ${amount(others)} used by others; x: both`];
}

const labelWidth = 22;
const barWidth = 20;

function bar(label: string, connections: number, budget: ConnectionBudget): string {
  const {usable, others} = budget;
  const filled = cellsOf(connections, usable);
  const firstOfOthers = barWidth - cellsOf(others, usable);
  const cells = Array.from({length: barWidth}, (_, cell): string => {
    if (cell < filled) return cell >= firstOfOthers ? 'x' : '#';
    return cell >= firstOfOthers ? 'o' : '.';
  });
  const mark = markAt(budget);
  if (mark < barWidth) cells[mark] = ':';
  const end = connections > usable ? '>' : ']';
  const verdict = `${amount(connections)} ${fitText(connections, budget)}${becauseOfOthers(connections, budget)}`;
  return `${label.padEnd(labelWidth)} [${cells.join('')}${end} ${verdict}`.slice(0, 76);
}

function cellsOf(connections: number, usable: number): number {
  return Math.min(barWidth, Math.round((connections / Math.max(1, usable)) * barWidth));
}

function markAt({allotted, usable}: ConnectionBudget): number {
  return cellsOf(allotted, usable);
}

function becauseOfOthers(connections: number, budget: ConnectionBudget): string {
  const isTheirs = connections <= budget.allotted && refusedOf(connections, budget) > 0;
  return isTheirs ? `: ${amount(budget.others)} used by others` : '';
}

function fitText(connections: number, budget: ConnectionBudget): string {
  const fit = fitOf(connections, budget);
  return fit === 'overflows' ? `OVER by ${amount(refusedOf(connections, budget))}` : fit;
}

/** Connections for each limit now, at peak and during a deploy. */
function limitLines({budget, instances, pools, settings, today, choices}: Tuning): string[] {
  const own = [
    // Of pools that differ, the mean: its product with their number is what they may open together.
    ...(today === null ? [] : [{name: 'today', limit: sumOf(today) / today.length, shown: today.join('+')}]),
    ...(settings === null ? [] : [{name: 'proposed', limit: settings.connection_limit}]),
  ];
  const all: {name: string; limit: number; shown?: string}[] = [
    ...own,
    ...presets.map(({id, connection_limit}) => ({name: id, limit: connection_limit})),
  ];
  const title = choices.platform.id === 'pgbouncer' ? 'without PgBouncer' : 'connections';
  const cell = (count: number, limit: number) => {
    const mark: Record<Fit, string> = {fits: 'fits', tight: 'tight', overflows: 'OVER'};
    const total = Math.round(count * limit);
    return `${amount(total)} ${mark[fitOf(total, budget)].padEnd(5)}`.padStart(16);
  };
  const head = (first: string, cells: string[]) =>
    `${first.padEnd(26)}${cells.map(each => each.padStart(15).padEnd(16)).join('')}`.trimEnd();
  return [
    head(
      title,
      instanceCounts(instances).map(([name]) => name),
    ),
    head(
      pools === 1 ? 'instances' : 'pools',
      instanceCounts(instances).map(([, count]) => amount(count)),
    ),
    ...all.map(({name, limit, shown = String(limit)}) =>
      `${name.padEnd(14)}${shown.padStart(8)}    ${instanceCounts(instances)
        .map(([, count]) => cell(count, limit))
        .join('')}`.trimEnd(),
    ),
  ];
}

const presetLines = [
  'preset       limit/pool_timeout/connect_timeout, reason',
  ...presets.map(({id, connection_limit, pool_timeout_s, connect_timeout_s, reason}) => {
    const settings = `${connection_limit}/${pool_timeout_s}/${connect_timeout_s}`;
    return `${id.padEnd(13)}${settings.padEnd(9)}${reason}`;
  }),
];

function instanceLines({budget, settings, pooled}: Tuning): string[] {
  const limit = (settings ?? pooled).connection_limit;
  return [
    `        instances   largest limit that fits       with connection_limit=${limit}`,
    ...[1, 10, 100, 1000].map(count => {
      const largest = largestLimit(budget, count);
      const fits =
        largest > 0
          ? `${largest} (${count} x ${largest} = ${count * largest})`
          : `none, ${count} x 1 > ${budget.allotted}: a pooler`;
      const total = count * limit;
      return `${pad(amount(count), 17)}   ${fits.padEnd(30)}${amount(total)} ${fitText(total, budget)}`;
    }),
  ];
}

/** Estimated waits at each limit, for one of the current instances. */
function waitLines({instances, settings}: Tuning, load: LoadReading): string[] {
  if (load.basis === 'none') return [];
  const limits = [...new Set([1, 2, 3, 5, 10, 20, settings?.connection_limit ?? 1])].sort((a, b) => a - b);
  const queue = {per_second: load.per_second / instances.now, service_ms: load.mean_exec_time_ms};
  const rows = limits.map(servers => {
    const {busy_ratio, wait_ratio, mean_wait_ms, p95_wait_ms} = waiting({...queue, servers});
    if (busy_ratio >= 1)
      return `${pad(servers, 16)}${pad(formatRatio(busy_ratio, 0), 8)}   the queue grows without limit`;
    const times = [mean_wait_ms, p95_wait_ms].map(ms => pad(formatMs(ms), 14));
    return `${pad(servers, 16)}${pad(formatRatio(busy_ratio, 0), 8)}${pad(formatRatio(wait_ratio, 1), 10)}${times.join('')}`;
  });
  const head = `${'connection_limit'}${pad('busy', 8)}${pad('wait', 10)}${pad('mean wait', 14)}${pad('95% within', 14)}`;
  return ['', 'estimated wait for a connection per instance (M/M/c queue)', head, ...rows];
}

function instanceCounts({now, peak, deploy}: Tuning['instances']): [name: string, count: number][] {
  return [
    ['now', now],
    ['at peak', peak],
    ['in a deploy', deploy],
  ];
}

/** null if one is unknown. */
function sumOfKnown(values: readonly (number | null)[]): number | null {
  return values.reduce(
    (sum, value) => (sum === null || value === null ? null : sum + value),
    0 as number | null,
  );
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function amount(count: number): string {
  return count.toLocaleString('en-US');
}

function pad(value: number | string, width: number): string {
  return String(value).padStart(width);
}

function cut(text: string): string {
  return text.length > 43 ? `${text.slice(0, 42)}~` : text;
}
