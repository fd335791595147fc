import type {Snapshot, Statement} from '../../model/snapshot.ts';
import {withStatementRates} from '../reading/rates.ts';
import type {Sample} from './significance.ts';

/** What a statement's calls within some time took. */
export type Calls = Sample & {statement: Statement};

/** The calls of each statement within some time. */
export type Period = {
  calls: Calls[];
  commits: number;
  rollbacks: number;
};

/** Everything a reading has counted. */
export function countedBy(snapshot: Snapshot): Period {
  const {databases, statements} = snapshot;
  return {
    calls: statements.map(statement => ({
      statement,
      n: statement.calls,
      mean: statement.mean_exec_time_ms,
      deviation: statement.stddev_exec_time_ms,
    })),
    commits: sum(databases.map(({xact_commit}) => xact_commit)),
    rollbacks: sum(databases.map(({xact_rollback}) => xact_rollback)),
  };
}

/** What was counted from one reading of a server to a later one; all of it where its counters began anew. */
export function countedBetween(earlier: Snapshot, later: Snapshot): Period {
  const all = countedBy(later);
  if (!isSameServer(earlier, later)) return all;
  const counters = ({at, statements, statements_info}: Snapshot, is_complete: boolean) => ({
    at_ms: Date.parse(at),
    statements,
    stats_reset: statements_info?.stats_reset ?? null,
    is_complete,
  });
  const rated = withStatementRates(counters(earlier, false), counters(later, false));
  const before = countedBy(earlier);
  const isContinued = all.commits >= before.commits && all.rollbacks >= before.rollbacks;
  return {
    calls: rated.flatMap((statement, index) => callsSince(statement, all.calls[index])),
    commits: isContinued ? all.commits - before.commits : all.commits,
    rollbacks: isContinued ? all.rollbacks - before.rollbacks : all.rollbacks,
  };
}

export function isSameServer(a: Snapshot, b: Snapshot): boolean {
  return a.target.id === b.target.id && a.target.server_version_num === b.target.server_version_num;
}

function callsSince({rates, ...statement}: Statement, all: Calls | undefined): Calls[] {
  if (rates === undefined) return all === undefined ? [] : [all];
  const n = Math.round((rates.calls_per_second * rates.interval_ms) / 1000);
  return [{statement, n, mean: rates.mean_exec_time_ms, deviation: rates.stddev_exec_time_ms}];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
