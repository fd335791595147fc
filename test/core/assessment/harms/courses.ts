import type {Context} from '../../../../source/core/assessment/context.ts';
import {samplesOf} from '../../../../source/core/assessment/samples.ts';
import type {AssessmentFacts} from '../../../../source/model/assessment-facts.ts';
import type {TableUpkeep} from '../../../../source/model/maintenance.ts';
import type {Backend, Statement} from '../../../../source/model/snapshot.ts';
import {createBackend, createSnapshot, createStatement, noRates} from '../../../helpers/snapshot.ts';

/** Calls and execution time of a statement, per second, up to `until` (seconds). */
export type Course = Partial<Statement> & {
  per_second?: number;
  ms_per_call?: number;
  until?: number;
  before?: number;
};

/** Twenty readings, one second apart. */
export function contextOf(
  courses: readonly Course[],
  {facts = {}, backends = [createBackend()]}: {facts?: AssessmentFacts; backends?: Backend[]} = {},
): Context {
  const snapshots = Array.from({length: 20}, (_, second) =>
    createSnapshot({
      at: new Date(Date.UTC(2026, 0, 1, 12, 0, second)).toISOString(),
      backends,
      statements_info: {
        at: new Date(Date.UTC(2026, 0, 1, 12, 0, second)).toISOString(),
        dealloc: 0,
        stats_reset: '2026-01-01T00:00:00Z',
        entries: 2,
        max_entries: 5000,
        is_evicting: false,
      },
      statements: courses.map(
        ({per_second = 0, ms_per_call = 0.1, until = 20, before = 0, ...rest}, index) => {
          const calls = before + per_second * Math.min(second, until);
          return createStatement({
            queryid: String(index + 1),
            calls,
            rows: calls,
            total_exec_time_ms: calls * ms_per_call,
            ...(second > 0 && {rates: {...noRates, calls_per_second: second <= until ? per_second : 0}}),
            ...rest,
          });
        },
      ),
    }),
  );
  const snapshot = snapshots.at(-1);
  if (snapshot === undefined) throw new Error('twenty snapshots');
  return {snapshot, samples: samplesOf(snapshots), facts};
}

export const listings: TableUpkeep = {
  oid: '16400',
  schema: 'public',
  name: 'listings',
  live_rows: 320_000,
  dead_rows: 0,
  rows_changed_since_analyze: 300_000,
  analyze_threshold: 2050,
  vacuum_threshold: 4050,
  is_autovacuum_enabled: false,
  analyze_age_ms: 3_600_000,
  vacuum_age_ms: null,
  analyze_count: 1,
  may_analyze: true,
};
