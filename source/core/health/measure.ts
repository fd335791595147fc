import type {Finding} from '../../model/recipe.ts';
import type {RecipeData} from '../../model/recipe-data.ts';
import type {Snapshot, Statement} from '../../model/snapshot.ts';
import {groupBy} from '../group-by.ts';
import {buildOf, mayBeBuilding} from '../indexes/index-catalog.ts';
import {poolWaitMs} from '../pool/reported-pool.ts';
import {isUnseen} from '../sessions/session.ts';
import {isWork} from '../sql/statement-name.ts';
import type {Metrics} from './metrics.ts';
import {minimumBlocks} from './thresholds.ts';

/** What metrics are measured from. */
export type Measurable = {
  snapshot: Snapshot;
  facts: RecipeData;
  findings: readonly Finding[];
  /** Clients waiting in PgBouncer, and the longest wait; null without --pooler. */
  pooler_waiting_clients: number | null;
  pooler_max_wait_ms?: number | null;
  /** Measure the interval since the previous snapshot, not since statistics were reset. */
  is_interval?: boolean;
};

/** The metrics of one snapshot; those of `check --for` are null. */
export function measure(measurable: Measurable): Metrics {
  const {snapshot, pooler_waiting_clients, pooler_max_wait_ms = null} = measurable;
  return {
    ...measureSessions(snapshot),
    ...measureStatements(measurable),
    ...measureDatabase(measurable),
    ...measureCatalog(measurable),
    pooler_waiting_clients,
    pooler_max_wait_ms,
    average_used_ratio: null,
    refused_connections_per_minute: null,
    availability_ratio: null,
  };
}

/** A statement and its mean execution time. */
export type SlowStatement = {statement: Statement; mean_exec_time_ms: number};

/**
 * The statement of `slowest_mean_exec_time_ms`; null if none was called. Left out is what does no work of an application: utility
 * and maintenance statements, and those that wait. Since the reset of the statistics, a statement called once is left
 * out, too: it may be typed by a person.
 */
export function slowestStatement(
  {statements}: Snapshot,
  {is_interval = false}: {is_interval?: boolean} = {},
): SlowStatement | null {
  let slowest: SlowStatement | null = null;
  for (const statement of statements) {
    const {calls, rates, query} = statement;
    const sinceReset = calls > 1 && !is_interval ? statement.mean_exec_time_ms : 0;
    const mean_exec_time_ms = rates?.mean_exec_time_ms ?? sinceReset;
    if (mean_exec_time_ms > (slowest?.mean_exec_time_ms ?? 0) && isWork(query))
      slowest = {statement, mean_exec_time_ms};
  }
  return slowest;
}

/** The connected database. */
function connectedDatabase({databases, target}: Snapshot) {
  return databases.find(({datname}) => datname === target.database);
}

/** What sessions do is unknown while some are hidden from this role; that they wait for a lock is not. */
function measureSessions({backends, budget}: Snapshot) {
  const {used_ratio} = budget;
  const blocked_sessions = backends.filter(({blocked_by}) => blocked_by.length > 0).length;
  const known = {used_ratio, blocked_sessions, pool_wait_ms: poolWaitMs(backends)};
  if (backends.some(isUnseen))
    return {...known, longest_idle_in_transaction_ms: null, longest_transaction_ms: null};
  const idle = backends.filter(({state}) => state?.startsWith('idle in transaction'));
  return {
    ...known,
    longest_idle_in_transaction_ms: Math.max(0, ...idle.map(({state_age_ms}) => state_age_ms ?? 0)),
    longest_transaction_ms: Math.max(0, ...backends.map(({xact_age_ms}) => xact_age_ms ?? 0)),
  };
}

function measureStatements({snapshot, is_interval = false}: Measurable) {
  const {statements, statements_info, unavailable} = snapshot;
  const isReadable = !unavailable.some(({section}) => section === 'statements');
  const hasRates = statements.some(({rates}) => rates !== undefined);
  const hasHidden = (statements_info?.hidden_entries ?? 0) > 0;
  const isMeasured = isReadable && (hasRates || !is_interval);
  return {
    slowest_mean_exec_time_ms: isMeasured
      ? (slowestStatement(snapshot, {is_interval})?.mean_exec_time_ms ?? (hasHidden ? null : 0))
      : null,
    statement_evictions_per_minute: statements_info?.evictions_per_minute ?? null,
    n_plus_one_suspects: hasRates ? countSuspects(statements) : null,
  };
}

function measureDatabase({snapshot, is_interval = false}: Measurable) {
  const database = connectedDatabase(snapshot);
  const {rates} = database ?? {};
  const fatal = snapshot.databases.flatMap(({rates: each}) => each?.fatal_sessions_per_second ?? []);
  const perSecond = (rates?.blks_hit_per_second ?? 0) + (rates?.blks_read_per_second ?? 0);
  const hasEnoughBlocks = rates && (perSecond * rates.interval_ms) / 1000 >= minimumBlocks.per_ratio;
  const interval_ratio = hasEnoughBlocks ? rates.blks_hit_per_second / perSecond : null;
  return {
    cache_hit_ratio: is_interval ? interval_ratio : (database?.cache_hit_ratio ?? null),
    index_hit_ratio: database?.index_hit_ratio ?? null,
    fatal_sessions_per_minute: fatal.length === 0 ? null : fatal.reduce((sum, each) => sum + each, 0) * 60,
  };
}

/** Stale tables are counted by the recipe's finding. */
function measureCatalog({facts: {catalog, maintenance}, findings}: Measurable) {
  const invalid = catalog?.indexes.filter(each => !each.is_valid && buildOf(catalog, each) === null) ?? [];
  const isKnown = catalog !== undefined && !invalid.some(each => mayBeBuilding(catalog, each));
  const stale = findings.find(
    each => each.recipe === 'analyze-stale-tables' && each.subject === 'statistics',
  );
  return {
    invalid_indexes: isKnown ? invalid.length : null,
    stale_tables: maintenance === undefined ? null : Number(stale?.evidence.tables ?? 0),
  };
}

/** An N+1 query shows as very many fast calls that return few rows each. */
const suspect = {
  calls_per_second: 20,
  calls: 50,
  most_mean_exec_time_ms: 2,
  most_rows_per_call: 3,
  /** Multiple of the calls of the median statement of the same role and database. */
  times_the_others: 10,
} as const;

/** Statements that look like an N+1 query between two snapshots; a busy lookup looks the same. */
function countSuspects(statements: readonly Statement[]): number {
  return [...byApplication(statements).values()].reduce((count, own) => count + suspectsAmong(own), 0);
}

function byApplication(statements: readonly Statement[]): Map<string, Statement[]> {
  const called = statements.filter(
    statement => statement.toplevel && (statement.rates?.calls_per_second ?? 0) !== 0,
  );
  return groupBy(called, ({userid, dbid}) => `${userid}/${dbid}`);
}

/** A single statement cannot be compared with others. */
function suspectsAmong(statements: readonly Statement[]): number {
  const callRates = statements.map(callsPerSecond).sort((a, b) => a - b);
  const median = callRates[(callRates.length - 1) >> 1] ?? 0;
  if (statements.length < 2) return 0;
  return statements.filter(statement => {
    const {rates} = statement;
    const callRate = callsPerSecond(statement);
    return (
      rates !== undefined &&
      callRate >= suspect.calls_per_second &&
      (callRate * rates.interval_ms) / 1000 >= suspect.calls &&
      callRate >= median * suspect.times_the_others &&
      rates.mean_exec_time_ms <= suspect.most_mean_exec_time_ms &&
      rates.rows_per_second <= callRate * suspect.most_rows_per_call
    );
  }).length;
}

function callsPerSecond({rates}: Statement): number {
  return rates?.calls_per_second ?? 0;
}
