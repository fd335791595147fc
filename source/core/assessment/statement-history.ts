import type {Sample} from '../../model/assessment.ts';
import type {StatementSample} from '../../model/change-log.ts';
import type {Statement} from '../../model/snapshot.ts';
import {statementKey} from '../activity/rates.ts';
import type {Context} from './context.ts';

/** What a statement did between the first and the last reading of its counters. */
export type StatementHistory = {
  statement: Statement;
  interval_ms: number;
  calls: number;
  exec_ms: number;
  rows: number;
  calls_per_second: number;
  /** Sessions that run it at the same time, on average. */
  active: number;
  mean_ms: number;
  /** It was called in the last quarter of the assessed time, too. */
  is_running: boolean;
  /** Calls in each interval between two readings of the counters, oldest first. Counted when asked for. */
  callsByInterval(): number[];
};

const histories = new WeakMap<Context, StatementHistory[]>();

/** Of the statements that were called in the assessed time, the costliest first; [] before the counters were read twice. */
export function statementHistories(context: Context): StatementHistory[] {
  const known = histories.get(context);
  if (known !== undefined) return known;
  const made = make(context);
  histories.set(context, made);
  return made;
}

/** poolctl's own statements are not in the snapshot. */
function make({samples, snapshot}: Context): StatementHistory[] {
  const read = samples.filter(({statements}) => statements !== null);
  const [first] = read;
  const last = read.at(-1);
  if (first === undefined || last === undefined || first === last) return [];
  const interval_ms = last.at_ms - first.at_ms;
  if (interval_ms <= 0) return [];
  const [earliest, latest] = [byId(first), byId(last)];
  const lately = byId(read[read.length - 1 - Math.ceil((read.length - 1) / 4)] ?? first);
  return snapshot.statements
    .flatMap(statement => {
      const id = statementKey(statement);
      const end = latest.get(id);
      const start = earliest.get(id) ?? firstOf(read, id);
      if (!start || !end || end.calls <= start.calls) return [];
      const calls = end.calls - start.calls;
      const exec_ms = Math.max(0, end.total_exec_time_ms - start.total_exec_time_ms);
      return [
        {
          statement,
          interval_ms,
          calls,
          exec_ms,
          rows: end.rows - start.rows,
          calls_per_second: (calls * 1000) / interval_ms,
          active: exec_ms / interval_ms,
          mean_ms: exec_ms / calls,
          // Fewer than before: its entry was evicted and made again.
          is_running: end.calls !== lately.get(id)?.calls,
          callsByInterval: once(() => increments(read.map(sample => byId(sample).get(id) ?? null))),
        },
      ];
    })
    .sort((a, b) => b.exec_ms - a.exec_ms);
}

function once<Value>(make: () => Value): () => Value {
  let made: Value | undefined;
  return () => (made ??= make());
}

const maps = new WeakMap<Sample, Map<string, StatementSample>>();

/** Made once for each sample. */
function byId(sample: Sample): Map<string, StatementSample> {
  const known = maps.get(sample);
  if (known !== undefined) return known;
  const map = new Map((sample.statements ?? []).map(each => [each.id, each]));
  maps.set(sample, map);
  return map;
}

/** Of a statement that the first reading did not have. */
function firstOf(read: readonly Sample[], id: string): StatementSample | undefined {
  const sample = read.find(each => byId(each).has(id));
  return sample && byId(sample).get(id);
}

function increments(points: readonly (StatementSample | null)[]): number[] {
  return points
    .slice(1)
    .map((point, index) => Math.max(0, (point?.calls ?? 0) - (points[index]?.calls ?? 0)));
}

const lately_ms = 10_000;

/** Sessions that ran it at the same time in about the last ten seconds, on average: what has ended is no harm any more. */
export function activeLately({samples}: Pick<Context, 'samples'>, {statement}: StatementHistory): number {
  const read = samples.filter(({statements}) => statements !== null);
  const last = read.at(-1);
  const before =
    read.findLast(sample => last !== undefined && last.at_ms - sample.at_ms >= lately_ms) ?? read[0];
  if (last === undefined || before === undefined || before === last) return 0;
  const id = statementKey(statement);
  const [start, end] = [byId(before).get(id), byId(last).get(id)];
  const exec_ms = (end?.total_exec_time_ms ?? 0) - (start?.total_exec_time_ms ?? 0);
  return exec_ms / (last.at_ms - before.at_ms);
}

/** Mean execution time before the assessed time; null for a statement without earlier calls. */
export function meanBefore({statement, calls, exec_ms}: StatementHistory): number | null {
  const before = statement.calls - calls;
  return before <= 0 ? null : Math.max(0, statement.total_exec_time_ms - exec_ms) / before;
}

/**
 * How long a statement can have existed: since its entry began (extension 1.11), else as long as its calls take at the
 * present rate. At most that of the statistics.
 */
export function existsFor_ms(
  {statement, calls_per_second}: StatementHistory,
  {snapshot}: Pick<Context, 'snapshot'>,
): {ms: number; isExact: boolean} {
  const at_ms = Date.parse(snapshot.at);
  if (statement.stats_since !== null) return {ms: at_ms - Date.parse(statement.stats_since), isExact: true};
  return {ms: (statement.calls / calls_per_second) * 1000, isExact: false};
}

/** Age of the statistics; null before extension 1.9. */
export function statisticsAge_ms({snapshot}: Pick<Context, 'snapshot'>): number | null {
  const reset = snapshot.statements_info?.stats_reset ?? null;
  return reset === null ? null : Date.parse(snapshot.at) - Date.parse(reset);
}

/** The tables of a statement's FROM, JOIN, UPDATE, INTO: without schema and quotes. */
export function tablesOf(query: string | null): Set<string> {
  return namesAfter(/\b(?:from|join|update|into)\s+(?:only\s+)?(?:"?[\w$]+"?\.)?"?([\w$]+)"?/gi, query);
}

/** The same without the table that it only inserts into: the planner asks nothing of its rows. */
export function tablesReadBy(query: string | null): Set<string> {
  return namesAfter(/\b(?:from|join|update)\s+(?:only\s+)?(?:"?[\w$]+"?\.)?"?([\w$]+)"?/gi, query);
}

function namesAfter(pattern: RegExp, query: string | null): Set<string> {
  const names = new Set<string>();
  for (const [, name] of (query ?? '').matchAll(pattern)) if (name !== undefined) names.add(name);
  return names;
}
