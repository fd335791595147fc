import type {Facts} from '../facts.ts';
import type {Finding} from '../recipe.ts';
import type {Snapshot, Statement} from '../snapshot.ts';
import {countSuspects} from './n-plus-one.ts';

type Metric = {
  /** As a person reads it. */
  title: string;
  kind: 'ratio' | 'duration' | 'count';
  /** Which side of a limit is the wrong one: only what lies beyond it crosses it. */
  side: 'max' | 'min';
  /** Of its limit, in config.toml and in a rollout's plan; its flag is the same in kebab-case. */
  limit_name: string;
  /** What `Snapshot.unavailable` or the unread facts call its source. */
  source: string;
  warning: number | null;
  critical: number | null;
  /** Two readings: one cannot tell it. */
  needs_rates?: true;
  /** Only a watch over some time can tell it. */
  needs_time?: true;
  /** Over a watch its worst reading counts, not only its 95th percentile. */
  is_peak_judged?: true;
};

/** What a health check measures, in the order it is shown, and the limits it has where nobody says otherwise. */
export const metricTable = {
  used_ratio: {
    title: 'slots used',
    kind: 'ratio',
    side: 'max',
    limit_name: 'max_used',
    source: 'budget',
    warning: 0.8,
    critical: 0.9,
    is_peak_judged: true,
  },
  average_used_ratio: {
    title: 'slots used, on average',
    kind: 'ratio',
    side: 'max',
    limit_name: 'max_average_used',
    source: 'budget',
    warning: 0.7,
    critical: null,
    needs_time: true,
  },
  longest_idle_in_transaction_ms: {
    title: 'longest idle in transaction',
    kind: 'duration',
    side: 'max',
    limit_name: 'max_idle_in_transaction',
    source: 'backends',
    warning: 30_000,
    critical: 300_000,
    is_peak_judged: true,
  },
  longest_transaction_ms: {
    title: 'longest transaction',
    kind: 'duration',
    side: 'max',
    limit_name: 'max_transaction',
    source: 'backends',
    warning: 300_000,
    critical: 1_800_000,
    is_peak_judged: true,
  },
  // Locks are waited for all the time, by one or two for a moment; so many at once are a queue.
  blocked_sessions: {
    title: 'sessions waiting for a lock',
    kind: 'count',
    side: 'max',
    limit_name: 'max_blocked',
    source: 'backends',
    warning: 5,
    critical: 20,
  },
  slowest_mean_exec_time_ms: {
    title: 'slowest statement, on average',
    kind: 'duration',
    side: 'max',
    limit_name: 'max_mean',
    source: 'statements',
    warning: 100,
    critical: 1000,
  },
  cache_hit_ratio: {
    title: 'cache hit ratio',
    kind: 'ratio',
    side: 'min',
    limit_name: 'min_cache_hit',
    source: 'databases',
    warning: 0.99,
    critical: null,
  },
  index_hit_ratio: {
    title: 'index hit ratio',
    kind: 'ratio',
    side: 'min',
    limit_name: 'min_index_hit',
    source: 'index_hits',
    warning: 0.99,
    critical: null,
  },
  invalid_indexes: {
    title: 'invalid indexes',
    kind: 'count',
    side: 'max',
    limit_name: 'max_invalid_indexes',
    source: 'catalog',
    warning: 0,
    critical: null,
  },
  stale_tables: {
    title: 'tables with stale statistics',
    kind: 'count',
    side: 'max',
    limit_name: 'max_stale_tables',
    source: 'maintenance',
    warning: 0,
    critical: null,
  },
  // Each eviction throws out 5 % of all entries (entry_dealloc in pg_stat_statements.c).
  statement_evictions_per_minute: {
    title: 'statement evictions a minute',
    kind: 'count',
    side: 'max',
    limit_name: 'max_evictions',
    source: 'statements',
    warning: 1,
    critical: null,
    needs_rates: true,
  },
  // A statement that looks like it may be right to: a gate that cries wolf is switched off.
  n_plus_one_suspects: {
    title: 'N+1 suspects',
    kind: 'count',
    side: 'max',
    limit_name: 'max_n1',
    source: 'statements',
    warning: null,
    critical: null,
    needs_rates: true,
  },
  fatal_sessions_per_minute: {
    title: 'sessions ended by errors or timeouts a minute',
    kind: 'count',
    side: 'max',
    limit_name: 'max_fatal_sessions',
    source: 'databases',
    warning: 10,
    critical: null,
    needs_rates: true,
  },
  refused_connections_per_minute: {
    title: 'connections refused to poolctl (53300) a minute',
    kind: 'count',
    side: 'max',
    limit_name: 'max_refused',
    source: 'refused',
    warning: 0,
    critical: null,
    needs_time: true,
  },
  pooler_waiting_clients: {
    title: 'clients waiting in the pooler',
    kind: 'count',
    side: 'max',
    limit_name: 'max_pooler_waiting',
    source: 'pooler admin',
    warning: 5,
    critical: 50,
  },
  seen_ratio: {
    title: 'time the server could be read',
    kind: 'ratio',
    side: 'min',
    limit_name: 'min_seen',
    source: 'watch',
    warning: null,
    critical: 0.5,
    needs_time: true,
  },
} as const satisfies Record<string, Metric>;

export type MetricName = keyof typeof metricTable;

export const metricNames = Object.keys(metricTable) as MetricName[];

export function metricOf(name: MetricName): Metric {
  return metricTable[name];
}

/** null: it could not be read, or there is nothing to measure yet. */
export type Metrics = Record<MetricName, number | null>;

/** A reading and what belongs to it. */
export type Measurable = {
  snapshot: Snapshot;
  facts: Facts;
  findings: readonly Finding[];
  /** Clients waiting in the pooler; null where nobody was asked. */
  pooler_waiting_clients: number | null;
  /** Of the time since the reading before alone, not since the counters began. */
  is_interval?: boolean;
};

/** What a reading measures. What only time can tell is null. */
export function measure(measurable: Measurable): Metrics {
  const {snapshot, pooler_waiting_clients} = measurable;
  return {
    ...measureSessions(snapshot),
    ...measureStatements(measurable),
    ...measureDatabase(measurable),
    ...measureCatalog(measurable),
    pooler_waiting_clients,
    average_used_ratio: null,
    refused_connections_per_minute: null,
    seen_ratio: null,
  };
}

/** A statement and its mean execution time. */
export type SlowStatement = {statement: Statement; mean_exec_time_ms: number};

/**
 * The statement that `slowest_mean_exec_time_ms` is of; null where none was called. Since the counters began, a
 * single call is a migration or a person's, and would be held up for ever.
 */
export function slowestStatement(
  {statements}: Snapshot,
  {is_interval = false}: {is_interval?: boolean} = {},
): SlowStatement | null {
  const sinceBegin = ({calls, mean_exec_time_ms}: Statement) =>
    calls > 1 && !is_interval ? mean_exec_time_ms : 0;
  let slowest: SlowStatement | null = null;
  for (const statement of statements) {
    const mean_exec_time_ms = statement.rates?.mean_exec_time_ms ?? sinceBegin(statement);
    if (mean_exec_time_ms > (slowest?.mean_exec_time_ms ?? 0)) slowest = {statement, mean_exec_time_ms};
  }
  return slowest;
}

/** Of the database connected to. */
export function connectedDatabase({databases, target}: Snapshot) {
  return databases.find(({datname}) => datname === target.database);
}

function measureSessions({backends, budget}: Snapshot) {
  const idle = backends.filter(({state}) => state?.startsWith('idle in transaction'));
  return {
    used_ratio: budget.used_ratio,
    longest_idle_in_transaction_ms: Math.max(0, ...idle.map(({state_age_ms}) => state_age_ms ?? 0)),
    longest_transaction_ms: Math.max(0, ...backends.map(({xact_age_ms}) => xact_age_ms ?? 0)),
    blocked_sessions: backends.filter(({blocked_by}) => blocked_by.length > 0).length,
  };
}

function measureStatements({snapshot, is_interval = false}: Measurable) {
  const {statements, statements_info, unavailable} = snapshot;
  const isReadable = !unavailable.some(({section}) => section === 'statements');
  const hasRates = statements.some(({rates}) => rates !== undefined);
  const isTold = isReadable && (hasRates || !is_interval);
  return {
    slowest_mean_exec_time_ms: isTold
      ? (slowestStatement(snapshot, {is_interval})?.mean_exec_time_ms ?? 0)
      : null,
    statement_evictions_per_minute: statements_info?.evictions_per_minute ?? null,
    n_plus_one_suspects: hasRates ? countSuspects(statements) : null,
  };
}

/** Of fewer blocks in an interval a ratio says what was asked for, not how it caches. */
const tellingIntervalBlocks = 1000;

function measureDatabase({snapshot, is_interval = false}: Measurable) {
  const database = connectedDatabase(snapshot);
  const {rates} = database ?? {};
  const fatal = snapshot.databases.flatMap(({rates: each}) => each?.fatal_sessions_per_second ?? []);
  const perSecond = (rates?.blks_hit_per_second ?? 0) + (rates?.blks_read_per_second ?? 0);
  const isTelling = rates && (perSecond * rates.interval_ms) / 1000 >= tellingIntervalBlocks;
  const interval_ratio = isTelling ? rates.blks_hit_per_second / perSecond : null;
  return {
    cache_hit_ratio: is_interval ? interval_ratio : (database?.cache_hit_ratio ?? null),
    index_hit_ratio: database?.index_hit_ratio ?? null,
    fatal_sessions_per_minute: fatal.length === 0 ? null : fatal.reduce((sum, each) => sum + each, 0) * 60,
  };
}

/** Which tables are stale is the recipe's to say. */
function measureCatalog({facts: {catalog, maintenance}, findings}: Measurable) {
  const building = new Set(catalog?.builds.map(({index_oid}) => index_oid));
  const stale = findings.find(
    each => each.recipe === 'analyze-stale-tables' && each.subject === 'statistics',
  );
  return {
    invalid_indexes:
      catalog?.indexes.filter(({is_valid, oid}) => !is_valid && !building.has(oid)).length ?? null,
    stale_tables: maintenance === undefined ? null : Number(stale?.evidence.tables ?? 0),
  };
}
