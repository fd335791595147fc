import type {WalState} from '../../model/server-state.ts';

/** Rates are over at most this much. */
const longest_ms = 600_000;

/** Of earlier readings, those that a later one can be compared with: of the same counters, at most ten minutes old. */
export function comparable(earlier: readonly WalState[], now: WalState): WalState[] {
  return earlier.filter(
    each =>
      Date.parse(now.at) - Date.parse(each.at) <= longest_ms &&
      each.checkpoints.stats_reset === now.checkpoints.stats_reset &&
      (each.recovery === null) === (now.recovery === null) &&
      countersOf(each).every((value, index) => value <= (countersOf(now)[index] ?? 0)),
  );
}

/** pg_stat_reset_shared and pg_stat_reset set some of them to 0. */
function countersOf({written_bytes, next_xid, checkpoints, archive, recovery}: WalState): number[] {
  return [
    written_bytes,
    next_xid,
    checkpoints.timed,
    checkpoints.requested,
    archive?.archived_count ?? 0,
    archive?.failed_count ?? 0,
    conflictsOf({recovery}),
  ];
}

/** What grew between two readings. */
export function walRates(first: WalState | undefined, now: WalState): Pick<WalState, 'rates'> {
  if (first === undefined) return {};
  const interval_ms = Date.parse(now.at) - Date.parse(first.at);
  if (interval_ms <= 0) return {};
  const per_second = (growth: number) => Number(((growth * 1000) / interval_ms).toFixed(3));
  // Multixact ids wrap around after 2^32.
  const multixacts = (now.next_multixact - first.next_multixact + 2 ** 32) % 2 ** 32;
  const archived = (count: 'archived_count' | 'failed_count') =>
    (now.archive?.[count] ?? 0) - (first.archive?.[count] ?? 0);
  return {
    rates: {
      interval_ms,
      written_bytes_per_second: per_second(now.written_bytes - first.written_bytes),
      xids_per_second: per_second(now.next_xid - first.next_xid),
      multixacts_per_second: per_second(multixacts),
      checkpoints_timed: now.checkpoints.timed - first.checkpoints.timed,
      checkpoints_requested: now.checkpoints.requested - first.checkpoints.requested,
      archived_count: archived('archived_count'),
      failed_count: archived('failed_count'),
      conflicts: conflictsOf(now) - conflictsOf(first),
    },
  };
}

/** All causes together. */
export function conflictsOf({recovery}: Pick<WalState, 'recovery'>): number {
  return Object.values(recovery?.conflicts ?? {}).reduce((sum, count) => sum + count, 0);
}
