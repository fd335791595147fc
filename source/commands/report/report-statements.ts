import {type StatementCounters, statementKey} from '../../core/activity/rates.ts';
import {
  costliestStatements,
  countersOf,
  type StatementRow,
  statementsOver,
} from '../../core/activity/statement-window.ts';
import type {Snapshot} from '../../model/snapshot.ts';

/** The statements with most execution time in a period. */
export type ReportStatements = {
  /** The readings of pg_stat_statements that the figures are between. */
  from_ms: number;
  to_ms: number;
  /** Why that is less than the period; null if it is not. */
  reset_at: string | null;
  rows: StatementRow[];
};

/** Collects the counters of snapshots; a reset starts over, because what was counted before it is unknown. */
export function periodStatements(): {add(snapshot: Snapshot): void; costliest(): ReportStatements | null} {
  const texts = new Map<string, string>();
  let base: StatementCounters | null = null;
  let dealloc = 0;
  let wasReset = false;
  let last: Snapshot | null = null;
  return {
    add(snapshot) {
      const {statements, statements_info: info} = snapshot;
      if (info === null) return;
      for (const each of statements) if (each.query !== null) texts.set(statementKey(each), each.query);
      last = snapshot;
      if (base !== null && base.stats_reset === info.stats_reset) return;
      wasReset = base !== null;
      base = countersOf(snapshot);
      dealloc = info.dealloc;
    },
    costliest() {
      const info = last?.statements_info;
      if (last === null || base === null || !info) return null;
      const {at_ms: to_ms} = countersOf(last);
      if (to_ms <= base.at_ms) return null;
      const named = last.statements.map(each => ({
        ...each,
        query: each.query ?? texts.get(statementKey(each)) ?? null,
      }));
      const lossy = {...info, is_evicting: info.dealloc > dealloc};
      const {rows} = statementsOver('60min', {...last, statements: named, statements_info: lossy}, base);
      const reset_at = wasReset ? info.stats_reset : null;
      return {from_ms: base.at_ms, to_ms, reset_at, rows: costliestStatements(rows)};
    },
  };
}
