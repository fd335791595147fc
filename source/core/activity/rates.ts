import type {Database, Statement, StatementRates} from '../../model/snapshot.ts';
import {hasFallen, type Scanned, type StatementScan, scanGrowth} from './statement-scan.ts';

/** Counters at one time of the server's clock, and the times of their resets. */
export type StatementCounters = {
  at_ms: number;
  statements: readonly Statement[];
  /** Last reset of all statistics; null before extension 1.9. */
  stats_reset: string | null;
  /** All entries were read: a missing one did not exist. */
  is_complete: boolean;
  /** Of the entries that are hidden from this role, together; absent where unknown. */
  hidden_exec_time_ms?: number;
  /** A few figures of all entries, where `statements` are a part of them. */
  scan?: StatementScan;
};

/** The key of a pg_stat_statements entry. */
export function statementKey(statement: Pick<Statement, 'userid' | 'dbid' | 'queryid' | 'toplevel'>): string {
  return `${statement.userid}/${statement.dbid}/${statement.queryid}/${statement.toplevel}`;
}

/**
 * Adds to the statements of `current` their rates since `previous`, per second of the server's clock. A statement
 * whose counters were reset in between, or that `previous` did not cover, gets no rates: part of an interval would look
 * like all of it. poolctl never resets statistics.
 */
export function withStatementRates(previous: StatementCounters, current: StatementCounters): Statement[] {
  const interval_ms = current.at_ms - previous.at_ms;
  if (interval_ms <= 0 || previous.stats_reset !== current.stats_reset)
    return withoutRates(current.statements);
  const before = new Map(previous.statements.map(statement => [statementKey(statement), statement]));
  const deltas = current.statements.map(statement => {
    const key = statementKey(statement);
    const earlier = before.get(key) ?? (isNew(key, previous) ? fromNothing : null);
    if (earlier === null) return partOf(previous.scan?.get(key), statement);
    return isRestarted(earlier, statement) ? null : deltaOf(earlier, statement);
  });
  const growth = current.scan && previous.scan ? scanGrowth(previous.scan, current.scan) : null;
  const all = growth === null ? deltas : [...growth.values()];
  const hiddenExecMs = hiddenGrowth(previous, current);
  const totalExecMs = all.reduce((sum, delta) => sum + (delta?.total_exec_time_ms ?? 0), hiddenExecMs);
  return current.statements.map((statement, index) => {
    const delta = deltas[index];
    const {rates: _, ...counters} = statement;
    return delta ? {...counters, rates: ratesOf(delta, interval_ms, totalExecMs)} : counters;
  });
}

/** Unknown in an older recording, whose counters do not have it: then it is no part of shares. */
function hiddenGrowth(
  {hidden_exec_time_ms: before}: StatementCounters,
  {hidden_exec_time_ms: after}: StatementCounters,
): number {
  return before === undefined || after === undefined ? 0 : Math.max(0, after - before);
}

function isNew(key: string, {is_complete, scan}: StatementCounters): boolean {
  return is_complete || (scan !== undefined && !scan.has(key));
}

/** Of a statement that was only scanned before: what the scan does not have is unknown. */
function partOf(earlier: Scanned | undefined, later: Statement): PartialDelta | null {
  if (earlier === undefined || hasFallen(earlier, later)) return null;
  const calls = later.calls - earlier.calls;
  const total_exec_time_ms = Math.max(0, later.total_exec_time_ms - earlier.total_exec_time_ms);
  return {
    calls,
    total_exec_time_ms,
    rows: later.rows - earlier.rows,
    mean_exec_time_ms: calls === 0 ? 0 : total_exec_time_ms / calls,
    shared_blks_hit: null,
    shared_blks_read: null,
    temp_blks_read: null,
    temp_blks_written: null,
    wal_bytes: null,
    stddev_exec_time_ms: null,
  };
}

type Delta = Pick<
  Statement,
  | 'calls'
  | 'total_exec_time_ms'
  | 'rows'
  | 'shared_blks_hit'
  | 'shared_blks_read'
  | 'temp_blks_read'
  | 'temp_blks_written'
  | 'wal_bytes'
  | 'mean_exec_time_ms'
  | 'stddev_exec_time_ms'
>;

type PartialDelta = {
  [Name in keyof Delta]: Name extends keyof Scanned | 'mean_exec_time_ms' ? number : number | null;
};

/** A new entry: all counters start at zero, also after an eviction. */
const fromNothing: Earlier = {
  calls: 0,
  total_exec_time_ms: 0,
  rows: 0,
  shared_blks_hit: 0,
  shared_blks_read: 0,
  temp_blks_read: 0,
  temp_blks_written: 0,
  wal_bytes: 0,
  mean_exec_time_ms: 0,
  stddev_exec_time_ms: 0,
  stats_since: null,
  max_exec_time_ms: 0,
};

type Earlier = Delta & Pick<Statement, 'stats_since' | 'max_exec_time_ms'>;

/** From stats_since (1.11+); before that, from a counter or maximum that decreased. */
function isRestarted(earlier: Earlier, later: Statement): boolean {
  if (earlier.stats_since !== null) return earlier.stats_since !== later.stats_since;
  return (
    hasFallen(earlier, later) ||
    later.max_exec_time_ms < earlier.max_exec_time_ms ||
    later.shared_blks_hit < earlier.shared_blks_hit ||
    later.shared_blks_read < earlier.shared_blks_read
  );
}

function deltaOf(earlier: Delta, later: Delta): Delta {
  const calls = later.calls - earlier.calls;
  const total_exec_time_ms = Math.max(0, later.total_exec_time_ms - earlier.total_exec_time_ms);
  return {
    calls,
    total_exec_time_ms,
    rows: later.rows - earlier.rows,
    shared_blks_hit: later.shared_blks_hit - earlier.shared_blks_hit,
    shared_blks_read: later.shared_blks_read - earlier.shared_blks_read,
    temp_blks_read: later.temp_blks_read - earlier.temp_blks_read,
    temp_blks_written: later.temp_blks_written - earlier.temp_blks_written,
    wal_bytes: later.wal_bytes - earlier.wal_bytes,
    mean_exec_time_ms: calls === 0 ? 0 : total_exec_time_ms / calls,
    stddev_exec_time_ms: intervalDeviation(earlier, later),
  };
}

/**
 * The standard deviation of the calls between two snapshots. With n calls, mean m and deviation s, the sum of squared
 * distances is n*s^2 (pg_stat_statements divides by n, not n-1); that of the interval is the later sum minus
 * the earlier one, minus a term for the distance between both means (Chan, Golub and LeVeque). The textbook formula
 * n*(s^2 + m^2) loses precision, because it subtracts two huge numbers.
 */
function intervalDeviation(earlier: Delta, later: Delta): number {
  const calls = later.calls - earlier.calls;
  if (calls <= 1) return 0;
  const mean = (later.total_exec_time_ms - earlier.total_exec_time_ms) / calls;
  const earlierMean = earlier.calls === 0 ? 0 : earlier.total_exec_time_ms / earlier.calls;
  const between = ((mean - earlierMean) ** 2 * earlier.calls * calls) / later.calls;
  const squares = (of: Delta) => of.calls * of.stddev_exec_time_ms ** 2;
  return Math.sqrt(Math.max(0, squares(later) - squares(earlier) - between) / calls);
}

function ratesOf(delta: PartialDelta, interval_ms: number, totalExecMs: number): StatementRates {
  const perSecond = (amount: number) => (amount * 1000) / interval_ms;
  const ifKnown = (amount: number | null) => (amount === null ? null : perSecond(amount));
  const {temp_blks_read, temp_blks_written} = delta;
  return {
    interval_ms,
    calls_per_second: perSecond(delta.calls),
    exec_ms_per_second: perSecond(delta.total_exec_time_ms),
    exec_share_ratio: totalExecMs === 0 ? 0 : delta.total_exec_time_ms / totalExecMs,
    rows_per_second: perSecond(delta.rows),
    shared_blks_hit_per_second: ifKnown(delta.shared_blks_hit),
    shared_blks_read_per_second: ifKnown(delta.shared_blks_read),
    temp_blks_per_second:
      temp_blks_read === null || temp_blks_written === null
        ? null
        : perSecond(temp_blks_read + temp_blks_written),
    wal_bytes_per_second: ifKnown(delta.wal_bytes),
    mean_exec_time_ms: delta.mean_exec_time_ms,
    stddev_exec_time_ms: delta.stddev_exec_time_ms,
  };
}

function withoutRates(statements: readonly Statement[]): Statement[] {
  return statements.map(({rates: _, ...counters}) => counters);
}

export type DatabaseCounters = {
  at_ms: number;
  databases: readonly Database[];
  /** poolctl's own commits that earlier counters have not counted, and in which database. */
  own?: {datname: string; commits: number};
};

/**
 * The same for databases, whose counters restart with `stats_reset`, a crash or a restore; without poolctl's own commits.
 */
export function withDatabaseRates(previous: DatabaseCounters, current: DatabaseCounters): Database[] {
  const interval_ms = current.at_ms - previous.at_ms;
  const before = new Map(previous.databases.map(database => [database.datname, database]));
  const ownCommits = ({datname}: Database) =>
    datname === current.own?.datname ? ownCommitsIn(previous, current) : 0;
  return current.databases.map(database => {
    const {rates: _, ...counters} = database;
    const earlier = before.get(database.datname);
    if (interval_ms <= 0 || earlier === undefined || hasDatabaseRestarted(earlier, database)) return counters;
    const perSecond = (read: (of: Database) => number, own = 0) =>
      ((read(database) - read(earlier) - own) * 1000) / interval_ms;
    return {
      ...counters,
      rates: {
        interval_ms,
        commits_per_second: perSecond(of => of.xact_commit, ownCommits(database)),
        rollbacks_per_second: perSecond(of => of.xact_rollback),
        deadlocks_per_second: perSecond(of => of.deadlocks),
        temp_bytes_per_second: perSecond(of => of.temp_bytes),
        blks_hit_per_second: perSecond(of => of.blks_hit),
        blks_read_per_second: perSecond(of => of.blks_read),
        ...(database.sessions_fatal !== undefined && {
          fatal_sessions_per_second: perSecond(of => of.sessions_fatal ?? 0),
        }),
      },
    };
  });
}

/**
 * How many of the commits between two readings are poolctl's own. A session's are counted up to ten seconds after it made
 * them, or when it ends (pgstat_report_stat): the rest comes later.
 */
export function ownCommitsIn(previous: DatabaseCounters, {databases, own}: DatabaseCounters): number {
  const commitsOf = (counters: readonly Database[]) =>
    counters.find(({datname}) => datname === own?.datname)?.xact_commit ?? 0;
  const all = commitsOf(databases) - commitsOf(previous.databases);
  return Math.max(0, Math.min(own?.commits ?? 0, all));
}

function hasDatabaseRestarted(earlier: Database, later: Database): boolean {
  return (
    earlier.stats_reset !== later.stats_reset ||
    later.xact_commit < earlier.xact_commit ||
    later.xact_rollback < earlier.xact_rollback ||
    later.blks_hit < earlier.blks_hit ||
    later.blks_read < earlier.blks_read
  );
}
