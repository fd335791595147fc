import type {Database, Snapshot} from '../../model/snapshot.ts';

/** What the charts keep of a reading. */
export type HistorySample = {
  /** The server's clock, milliseconds since 1970. */
  at_ms: number;
  used: number;
  active: number;
  idle: number;
  /** Aborted transactions included. */
  idle_in_transaction: number;
  /** Over all databases; null until there are two readings. */
  commits_per_second: number | null;
  rollbacks_per_second: number | null;
  /** Of the blocks asked for within the interval; null where none was. */
  cache_hit_ratio: number | null;
  /** Of the database connected to, since its counters were reset. */
  index_hit_ratio: number | null;
};

/** Ten minutes at 1 s. */
export const historyLength = 600;

/**
 * The history with one more reading, the oldest forgotten beyond `historyLength`. A reading of the same moment
 * (its statements came later) replaces the one before; a clock that was set back starts anew.
 */
export function pushSample(history: readonly HistorySample[], snapshot: Snapshot): HistorySample[] {
  const sample = toSample(snapshot);
  const latest = history.at(-1);
  if (latest !== undefined && sample.at_ms < latest.at_ms) return [sample];
  const kept = latest?.at_ms === sample.at_ms ? history.slice(0, -1) : history;
  return [...kept.slice(-(historyLength - 1)), sample];
}

function toSample({at, budget, databases, target}: Snapshot): HistorySample {
  const count = (state: string) => budget.by_state[state] ?? 0;
  return {
    at_ms: Date.parse(at),
    used: budget.used,
    active: count('active') + count('fastpath function call'),
    idle: count('idle'),
    idle_in_transaction: count('idle in transaction') + count('idle in transaction (aborted)'),
    commits_per_second: sumRates(databases, rates => rates.commits_per_second),
    rollbacks_per_second: sumRates(databases, rates => rates.rollbacks_per_second),
    cache_hit_ratio: intervalHitRatio(databases),
    index_hit_ratio: databases.find(({datname}) => datname === target.database)?.index_hit_ratio ?? null,
  };
}

type Rates = NonNullable<Database['rates']>;

function sumRates(databases: readonly Database[], read: (rates: Rates) => number): number | null {
  const known = databases.flatMap(({rates}) => (rates ? [read(rates)] : []));
  return known.length === 0 ? null : known.reduce((sum, rate) => sum + rate, 0);
}

function intervalHitRatio(databases: readonly Database[]): number | null {
  const hit = sumRates(databases, rates => rates.blks_hit_per_second) ?? 0;
  const read = sumRates(databases, rates => rates.blks_read_per_second) ?? 0;
  return hit + read === 0 ? null : hit / (hit + read);
}
