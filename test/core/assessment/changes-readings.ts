import {addSample} from '../../../source/core/assessment/samples.ts';
import type {Sample} from '../../../source/model/assessment.ts';
import type {AssessmentFacts} from '../../../source/model/assessment-facts.ts';
import type {Backend, Snapshot, Statement} from '../../../source/model/snapshot.ts';
import {createBackend, createSnapshot, createStatement} from '../../helpers/snapshot.ts';

export const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 12, 0, second)).toISOString();

export const sessions = (count: number, overrides: Partial<Backend> = {}) =>
  Array.from({length: count}, (_, index) => createBackend({pid: 100 + index, ...overrides}));

export type Reading = Partial<Snapshot> & {facts?: AssessmentFacts};

/** The log over readings, `seconds` apart; a line for each change: its time from the first reading, and its sentence. */
export function logOf(readings: readonly Reading[], seconds = 10): string[] {
  const samples = readings.reduce<Sample[]>(
    (before, {facts, ...reading}, index) =>
      addSample(before, createSnapshot({at: at(index * seconds), backends: [], ...reading}), facts ?? {}),
    [],
  );
  return (samples.at(-1)?.log.entries ?? []).map(({at: time, what}) => `${time.slice(14, 19)} ${what}`);
}

export const orders = createStatement({stats_since: '2025-12-01T00:00:00.000000Z'});

export const added = (overrides: Partial<Statement> = {}) =>
  createStatement({
    queryid: '77',
    query: 'UPDATE orders SET n = $1',
    stats_since: at(5),
    calls: 3,
    total_exec_time_ms: 1,
    ...overrides,
  });

export const info = (overrides: Partial<NonNullable<Snapshot['statements_info']>> = {}) => ({
  statements_info: {
    dealloc: 0,
    stats_reset: null,
    entries: 1,
    max_entries: 5000,
    is_evicting: false,
    ...overrides,
  },
});

export const set = (value: string, name = 'work_mem'): AssessmentFacts => ({
  setting_overrides: [{role: 'app', database: 'shop', name, value}],
});

export const settings = (values: Record<string, string | null>, loaded_at = at(4)): AssessmentFacts => ({
  server_settings: {loaded_at, values},
});
