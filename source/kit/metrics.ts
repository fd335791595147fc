import type {PoolStats} from './instrument.ts';

type Family = [
  name: string,
  type: 'gauge' | 'counter',
  unit: 'seconds' | null,
  help: string,
  read: (stats: PoolStats) => number | null,
];

const families: readonly Family[] = [
  ['poolctl_kit_pool_size', 'gauge', null, 'Most connections that the pool opens', ({size}) => size],
  ['poolctl_kit_pool_open', 'gauge', null, 'Open connections', ({open}) => open],
  ['poolctl_kit_pool_busy', 'gauge', null, 'Connections in use', ({busy}) => busy],
  ['poolctl_kit_pool_waiting', 'gauge', null, 'Checkouts that wait for a connection', ({waiting}) => waiting],
  [
    'poolctl_kit_pool_wait_p95_seconds',
    'gauge',
    'seconds',
    'Waits of the last minute, 95th percentile',
    ({waits}) => (waits.p95_ms === null ? null : waits.p95_ms / 1000),
  ],
  ['poolctl_kit_pool_checkouts', 'counter', null, 'Checkouts', ({totals}) => totals.checkouts],
  ['poolctl_kit_pool_waits', 'counter', null, 'Checkouts that had to wait', ({totals}) => totals.waits],
  [
    'poolctl_kit_pool_failed_waits',
    'counter',
    null,
    'Checkouts that waited and got no connection',
    ({totals}) => totals.failed_waits,
  ],
  [
    'poolctl_kit_pool_wait_seconds',
    'counter',
    'seconds',
    'Time that checkouts have waited',
    ({totals}) => totals.wait_ms / 1000,
  ],
  [
    'poolctl_kit_pool_timeouts',
    'counter',
    null,
    'Statements cancelled at their timeout',
    ({totals}) => totals.timeouts,
  ],
  [
    'poolctl_kit_pool_connection_errors',
    'counter',
    null,
    'Connections that the server or the network ended',
    ({totals}) => totals.connection_errors,
  ],
];

/** The pools of a process as OpenMetrics text, with `# EOF`. */
export function poolMetrics(pools: readonly {stats(): PoolStats}[]): string {
  const all = pools.map(pool => pool.stats());
  const lines = families.flatMap(([name, type, unit, help, read]) => {
    const suffix = type === 'counter' ? '_total' : '';
    const samples = all.flatMap((stats, index) => {
      const value = read(stats);
      const labels = `application="${escaped(stats.application)}",pool="${index + 1}"`;
      return value === null ? [] : [`${name}${suffix}{${labels}} ${value}`];
    });
    const unitLine = unit === null ? [] : [`# UNIT ${name} ${unit}`];
    return [`# TYPE ${name} ${type}`, ...unitLine, `# HELP ${name} ${help}`, ...samples];
  });
  return `${[...lines, '# EOF'].join('\n')}\n`;
}

function escaped(label: string): string {
  return label.replace(/[\\"]/g, '\\$&');
}
