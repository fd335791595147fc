import {afterAll, describe, expect, it, vi} from 'vitest';
import {samplesOf} from '../../../source/core/assessment/samples.ts';
import {limitsFor} from '../../../source/core/health/health.ts';
import {metricNames, metricOf} from '../../../source/core/health/metrics.ts';
import type {Threshold} from '../../../source/core/health/session-thresholds.ts';
import type {ThresholdName} from '../../../source/core/health/thresholds.ts';
import {writeDuration} from '../../../source/core/text/time.ts';
import type {RecipeData} from '../../../source/model/recipe-data.ts';
import type {Backend, Snapshot} from '../../../source/model/snapshot.ts';
import {createCatalog, createForeignKey, createIndex, createTable} from '../../helpers/catalog.ts';
import {createFound} from '../../helpers/found.ts';
import {createBackend, createSnapshot} from '../../helpers/snapshot.ts';
import {contextOf} from '../assessment/harms/jams.ts';

type Level = 'ok' | 'warning' | 'critical';

/** poolctl with changed thresholds: loads every module that reads the table again. */
async function load(change: (value: number, unit: string) => number) {
  vi.resetModules();
  const table = await import('../../../source/core/health/thresholds.ts');
  const rows: Record<string, Threshold> = table.thresholds;
  for (const row of Object.values(rows)) {
    if (row.warning !== undefined) row.warning = change(row.warning, row.unit);
    if (row.critical !== undefined) row.critical = change(row.critical, row.unit);
  }
  const {recipes} = await import('../../../recipes/index.ts');
  const {examineWaiting} = await import('../../../source/core/assessment/harms/waiting.ts');
  const {examineLongStatements} = await import('../../../source/core/assessment/harms/long-statements.ts');
  const {gaugeRole} = await import('../../../source/console/components/server-head.tsx');
  const {assessHealth} = await import('../../../source/core/health/health.ts');
  const {limitsFor} = await import('../../../source/core/health/health.ts');
  const {measure} = await import('../../../source/core/health/measure.ts');
  const {examineSlots} = await import('../../../source/core/assessment/harms/slots.ts');
  const {examinePools} = await import('../../../source/core/assessment/harms/pools.ts');
  const recipeOf = (id: string) => {
    const recipe = recipes.find(each => each.id === id);
    if (recipe === undefined) throw new Error(`no recipe ${id}`);
    return recipe;
  };
  return {
    rows,
    gauge: (used_ratio: number): Level => {
      const levels = {good: 'ok', warning: 'warning', danger: 'critical'} as const;
      return levels[gaugeRole(used_ratio)];
    },
    found: (id: string, snapshot: Snapshot, facts: RecipeData = {}): Level =>
      recipeOf(id).diagnose(snapshot, facts)[0]?.severity ?? 'ok',
    /** The severity of what is found in the last of some readings, with this cause if one is given. */
    examined: (readings: Snapshot[], cause?: string): Level => {
      const snapshot = readings.at(-1);
      if (snapshot === undefined) throw new Error('a reading');
      const context = {snapshot, samples: samplesOf(readings), facts: {}};
      const found = [...examineSlots(context), ...examinePools(context)];
      return found.find(each => cause === undefined || each.cause === cause)?.severity ?? 'ok';
    },
    waits: (snapshot: Snapshot): Level => examineWaiting(contextOf(snapshot))[0]?.severity ?? 'ok',
    runsLong: (snapshot: Snapshot): Level => examineLongStatements(contextOf(snapshot))[0]?.severity ?? 'ok',
    parameterDefault: (id: string, name: string) =>
      recipeOf(id).parameters.find(each => each.name === name)?.default,
    checked: (name: (typeof metricNames)[number], value: number) => {
      const snapshot = createSnapshot();
      const metrics = measure({snapshot, facts: {}, findings: [], pooler_waiting_clients: null});
      const health = assessHealth({...metrics, [name]: value}, limitsFor({}), createFound());
      return health.thresholds[name].level;
    },
  };
}

// Test files share their modules: restore the table for the next one.
afterAll(() => {
  vi.resetModules();
});

type Loaded = Awaited<ReturnType<typeof load>>;

const one = (overrides: Partial<Backend>, others: Partial<Backend>[] = []) =>
  createSnapshot({
    backends: [overrides, ...others].map((each, index) => createBackend({pid: index + 1, ...each})),
  });

/** 1000 usable slots, `used_ratio` of them taken by active sessions. */
const slots = (used_ratio: number, overrides: (index: number) => Partial<Backend> = () => ({})) =>
  createSnapshot({
    max_connections: 1003,
    backends: Array.from({length: Math.round(used_ratio * 1000)}, (_, index) =>
      createBackend({pid: index + 1, state: 'active', ...overrides(index)}),
    ),
  });

const ownLimit = (used_ratio: number): Snapshot => {
  const snapshot = createSnapshot();
  const role_and_database_limits = [
    {kind: 'role' as const, name: 'app', connection_limit: 1000, used: Math.round(used_ratio * 1000)},
  ];
  return {...snapshot, budget: {...snapshot.budget, role_and_database_limits}};
};

const waiting = (wait_age_ms: number, waiters = 1) =>
  createSnapshot({
    backends: [
      createBackend({pid: 1, state: 'active'}),
      ...Array.from({length: waiters}, (_, index) =>
        createBackend({pid: index + 2, state: 'active', blocked_by: [1], wait_event_type: 'Lock'}),
      ),
    ],
    lock_waits: Array.from({length: waiters}, (_, index) => ({
      pid: index + 2,
      blocked_by: [1],
      locktype: 'transactionid',
      mode: 'ShareLock',
      relation: 'orders',
      wait_age_ms,
    })),
  });

const upkeep = (rows: number): RecipeData => ({
  maintenance: {
    tables: [
      {
        oid: '16400',
        schema: 'public',
        name: 'orders',
        live_rows: 1_000_000,
        dead_rows: 0,
        rows_changed_since_analyze: rows,
        analyze_threshold: 1,
        vacuum_threshold: 1,
        is_autovacuum_enabled: true,
        analyze_age_ms: 1000,
        vacuum_age_ms: 1000,
        analyze_count: 0,
        may_analyze: true,
      },
    ],
    xmin_holders: [],
  },
});

/** The same table, whose autovacuum threshold is 100,000 rows. */
function upkeepOfTimes(times: number): RecipeData {
  const facts = upkeep(times * 100_000);
  for (const table of facts.maintenance?.tables ?? []) table.analyze_threshold = 100_000;
  return facts;
}

const migrating = (state_age_ms: number): [Snapshot, RecipeData] => [
  one({state_age_ms}),
  {
    advisory_locks: [{pid: 1, database: 'shop', mode: 'ExclusiveLock', is_granted: true, wait_age_ms: null}],
  },
];

const unindexed = (estimated_rows: number): RecipeData => ({
  catalog: createCatalog({
    indexes: [],
    tables: [createTable({estimated_rows})],
    foreign_keys: [createForeignKey()],
  }),
});

const unused = (size_bytes: number, stats_age_ms = 400 * 86_400_000): RecipeData => ({
  catalog: createCatalog({stats_age_ms, indexes: [createIndex({scans: 0, size_bytes})]}),
});

const idle = (state_age_ms: number, count: number, used = 1) =>
  slots(used, index =>
    index < count ? {application_name: 'batch', state: 'idle', state_age_ms} : {state_age_ms: 0},
  );

const role = {roles: [], databases: [], overrides: []};
const roleSettings: RecipeData = {
  role_settings: {
    ...role,
    roles: [
      {
        oid: '1',
        name: 'shop_app',
        is_superuser: false,
        can_login: true,
        connection_limit: -1,
        valid_until: null,
      },
    ],
  },
};

const warningIf = (isFound: boolean): Level => (isFound ? 'warning' : 'ok');

const leaking = (state_age_ms: number) => () => ({state: 'idle in transaction' as const, state_age_ms});

/** Half of the sessions are of a silent client, the others of one that works. */
const silent = (silent_ms: number, usual_ms: number) => (index: number) =>
  index % 2 === 0
    ? {state: 'idle' as const, client_addr: '10.0.0.1', state_age_ms: silent_ms}
    : {state: 'idle' as const, client_addr: '10.0.0.2', state_age_ms: usual_ms};

/** Six readings of a pool whose sessions are always in another transaction, idle for a second. */
function calling(sessions: number, state_age_ms: number): Snapshot[] {
  return Array.from({length: 6}, (_, reading) => ({
    ...createSnapshot({
      backends: Array.from({length: sessions}, (_, index) =>
        createBackend({
          pid: index + 1,
          state: 'idle in transaction',
          state_age_ms,
          xact_start: `x${reading}`,
        }),
      ),
    }),
    at: second(reading),
  }));
}

const second = (index: number) => `2026-01-01T00:01:${String(index).padStart(2, '0')}.000000Z`;

const running = (query_age_ms: number) => one({state: 'active', query_age_ms});
const inTransaction = (state_age_ms: number) => one({state: 'idle in transaction', state_age_ms});
const long_ms = 1e9;

/** What each threshold decides; `value` is the measured value. */
const cases: [
  name: ThresholdName,
  level: 'warning' | 'critical',
  what: string,
  (poolctl: Loaded, value: number) => string,
][] = [
  ['used_ratio', 'warning', 'gauge', ({gauge}, value) => gauge(value)],
  ['used_ratio', 'critical', 'gauge', ({gauge}, value) => gauge(value)],
  ['used_ratio', 'warning', 'slots', ({examined}, value) => examined([slots(value)])],
  ['used_ratio', 'critical', 'slots', ({examined}, value) => examined([slots(value)])],
  ['used_ratio', 'warning', 'own limit', ({examined}, value) => examined([ownLimit(value)])],
  ['used_ratio', 'critical', 'own limit', ({examined}, value) => examined([ownLimit(value)])],
  [
    'unused_session_ms',
    'warning',
    'idle pools',
    ({examined}, value) => warningIf(examined([idle(value, 600)], 'idle-pools') !== 'ok'),
  ],
  [
    'idle_group_ratio',
    'warning',
    'idle pools',
    ({examined}, value) =>
      warningIf(examined([idle(long_ms, Math.round(value * 1000))], 'idle-pools') !== 'ok'),
  ],
  [
    'idle_group_sessions',
    'warning',
    'idle pools',
    ({examined}, value) => {
      // One more than it needs for its client.
      const backends = Array.from({length: value + 1}, (_, index) =>
        createBackend({pid: index + 1, state_age_ms: long_ms}),
      );
      const full = {...createSnapshot({backends}).budget, usable: 5, used: 5, used_ratio: 1};
      return warningIf(examined([{...createSnapshot({backends}), budget: full}], 'idle-pools') !== 'ok');
    },
  ],
  [
    'leak_while_short_ms',
    'warning',
    'leaks',
    ({examined}, value) => warningIf(examined([slots(1, leaking(value))], 'leaked-sessions') !== 'ok'),
  ],
  [
    'longest_idle_in_transaction_ms',
    'warning',
    'leaks',
    ({examined}, value) => examined([inTransaction(value)], 'leaked-sessions'),
  ],
  [
    'silent_client_ms',
    'warning',
    'silent clients',
    ({examined}, value) => warningIf(examined([slots(1, silent(value, 0))], 'silent-clients') !== 'ok'),
  ],
  [
    'silent_times',
    'warning',
    'silent clients',
    ({examined, rows}, value) => {
      const usual_ms = (rows.silent_client_ms?.warning ?? 0) / 2;
      const backends = slots(1, silent(value * usual_ms, usual_ms));
      return warningIf(examined([backends], 'silent-clients') !== 'ok');
    },
  ],
  [
    'pool_sessions',
    'warning',
    'outside calls',
    ({examined}, value) => examined(calling(value, long_ms), 'outside-call'),
  ],
  [
    'longest_idle_in_transaction_ms',
    'warning',
    'waiting',
    ({waits}, value) => {
      const [blocker, ...waiters] = waiting(0).backends;
      const backends = [
        createBackend({...blocker, state: 'idle in transaction', state_age_ms: value}),
        ...waiters,
      ];
      return waits({...waiting(0), backends}) === 'ok' ? 'ok' : 'warning';
    },
  ],
  [
    'longest_idle_in_transaction_ms',
    'critical',
    'set-timeouts',
    ({found}, value) =>
      found('set-timeouts', inTransaction(value), roleSettings) === 'ok' ? 'ok' : 'critical',
  ],
  ['report_statement_ms', 'warning', 'long statements', ({runsLong}, value) => runsLong(running(value))],
  ['lock_wait_ms', 'warning', 'waiting', ({waits}, value) => waits(waiting(value))],
  ['lock_wait_ms', 'critical', 'waiting', ({waits}, value) => waits(waiting(value))],
  [
    'blocker_waiters',
    'critical',
    'waiting',
    ({waits, rows}, value) => waits(waiting(rows.lock_wait_ms?.warning ?? 0, value)),
  ],
  [
    'migrate_lock_idle_ms',
    'warning',
    'prisma-migrate-lock',
    ({found}, value) => found('prisma-migrate-lock', ...migrating(value)),
  ],
  [
    'autovacuum_threshold_times',
    'warning',
    'analyze-stale-tables',
    ({found}, value) => found('analyze-stale-tables', createSnapshot(), upkeepOfTimes(value)),
  ],
  [
    'changed_rows',
    'warning',
    'analyze-stale-tables',
    ({found}, value) => found('analyze-stale-tables', createSnapshot(), upkeep(value)),
  ],
  [
    'unindexed_table_rows',
    'warning',
    'apply-indexes',
    ({found}, value) => found('apply-indexes', createSnapshot(), unindexed(value)),
  ],
  [
    'unused_index_bytes',
    'warning',
    'drop-unused-indexes',
    ({found}, value) => found('drop-unused-indexes', createSnapshot(), unused(value)),
  ],
  [
    'unused_index_age_ms',
    'warning',
    'drop-unused-indexes',
    ({found}, value) => found('drop-unused-indexes', createSnapshot(), unused(long_ms, value)),
  ],
  ...metricNames.flatMap(name =>
    (['warning', 'critical'] as const).flatMap((level): (typeof cases)[number][] =>
      (limitsFor({})[name]?.[level] ?? null) === null
        ? []
        : [[name as ThresholdName, level, 'check', ({checked}, value) => checked(name, value)]],
    ),
  ),
];

/** Another value of each unit, in the same order. */
const changedBy: Record<string, (value: number) => number> = {
  ratio: value => value * 0.75,
  ms: value => value * 3,
  count: value => value + 2,
  rows: value => value * 2,
  bytes: value => value * 2,
  times: value => value * 2,
};

describe.each<[string, (value: number, unit: string) => number]>([
  ['with its defaults', value => value],
  ['with every value changed', (value, unit) => changedBy[unit]?.(value) ?? value],
])('the table %s', (_, change) => {
  it('decides what is found, shown and checked, exactly at each threshold', {timeout: 120_000}, async () => {
    const poolctl = await load(change);
    for (const [name, level, what, levelAt] of cases) {
      const {unit, [level]: value} = poolctl.rows[name] ?? {unit: 'count' as const};
      if (value === undefined) throw new Error(`${name} has no ${level} value`);
      const step = unit === 'ratio' ? 0.002 : unit === 'times' ? 0.01 : 1;
      const side = (metricNames as string[]).includes(name) ? metricOf(name as 'used_ratio').side : 'max';
      const [inside, beyond] = side === 'max' ? [value - step, value + step] : [value + step, value - step];
      const levels = [levelAt(poolctl, inside), levelAt(poolctl, beyond)];
      expect({name, level, what, isReported: levels.map(each => each === level)}).toEqual({
        name,
        level,
        what,
        isReported: [false, true],
      });
    }
    expect(poolctl.parameterDefault('kill-idle-sessions', 'older_than')).toBe(
      writeDuration(poolctl.rows.longest_idle_in_transaction_ms?.critical ?? 0),
    );
    expect(poolctl.parameterDefault('release-blockers', 'waited_for')).toBe(
      writeDuration(poolctl.rows.lock_wait_ms?.warning ?? 0),
    );
    expect(poolctl.parameterDefault('prisma-migrate-lock', 'idle_for')).toBe(
      writeDuration(poolctl.rows.migrate_lock_idle_ms?.warning ?? 0),
    );
    expect(poolctl.parameterDefault('drop-unused-indexes', 'stats_age')).toBe(
      writeDuration(poolctl.rows.unused_index_age_ms?.warning ?? 0),
    );
  });
});
