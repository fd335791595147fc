import type {PoolCounts, PoolSample, Sample} from '../../model/assessment.ts';
import type {AssessmentFacts} from '../../model/assessment-facts.ts';
import type {Finding} from '../../model/recipe.ts';
import type {Backend, Snapshot} from '../../model/snapshot.ts';
import {groupBy} from '../group-by.ts';
import {countedOf} from './pool-counts.ts';
import {poolIn, poolKey} from './sample.ts';

/** What harm is looked for in: the last reading, and the samples of the last minute. */
export type Context = {
  snapshot: Snapshot;
  /** Oldest first; the last one is of `snapshot`. */
  samples: readonly Sample[];
  facts: AssessmentFacts;
};

/**
 * Looks for one kind of harm and what explains it. Pure. A finding names the harm, its cause and the acts; one without
 * `harm` explains none and is listed below, without acts.
 */
export type Examine = (context: Context) => Finding[];

/** Length of the assessed time; 0 for one reading. */
export function windowMs({samples}: Pick<Context, 'samples'>): number {
  return (samples.at(-1)?.at_ms ?? 0) - (samples[0]?.at_ms ?? 0);
}

/** The server's time of a sample as findings have it. */
export function timeOf(sample: Pick<Sample, 'at_ms'>): string {
  return new Date(sample.at_ms).toISOString();
}

/**
 * Since when `isSeen` has held without a gap of more than one sample, up to now. null: it held in the first sample already, so
 * it began before. undefined: it does not hold now.
 */
export function heldSince(
  samples: readonly Sample[],
  isSeen: (sample: Sample) => boolean,
): string | null | undefined {
  const last = samples.at(-1);
  if (last === undefined || !isSeen(last)) return undefined;
  let first = samples.length - 1;
  for (let index = first - 1, misses = 0; index >= 0 && misses <= 1; index--) {
    const sample = samples[index];
    if (sample === undefined) break;
    if (isSeen(sample)) [first, misses] = [index, 0];
    else misses++;
  }
  const sample = samples[first];
  return first === 0 || sample === undefined ? null : timeOf(sample);
}

/** Share of the samples in which `isSeen` held, 0 to 1. */
export function shareOf(samples: readonly Sample[], isSeen: (sample: Sample) => boolean): number {
  return samples.length === 0 ? 0 : samples.filter(isSeen).length / samples.length;
}

export function averageOf<Of>(items: readonly Of[], read: (item: Of) => number): number {
  return items.length === 0 ? 0 : items.reduce((sum, item) => sum + read(item), 0) / items.length;
}

/** One application's sessions over the samples. */
export type PoolHistory = {
  key: string;
  last: PoolSample;
  /** Of the samples in which it had a session, oldest first. */
  samples: {at_ms: number; pool: PoolSample}[];
  /** What it did in the last five minutes, or the longer time that was asked for. */
  counted: PoolCounts;
  /** Its sessions in the last reading. */
  sessions: Backend[];
};

const byPool = new WeakMap<Snapshot, ReadonlyMap<string, Backend[]>>();

/** Sessions by `poolKey`; the map is made once for each snapshot, as every refresh asks for it several times. */
export function sessionsByPool(snapshot: Snapshot): ReadonlyMap<string, Backend[]> {
  let map = byPool.get(snapshot);
  if (map === undefined) {
    map = groupBy(snapshot.backends, poolKey);
    byPool.set(snapshot, map);
  }
  return map;
}

/** Applications that have a session now and that `isWanted` accepts. */
export function poolHistories(
  {samples, snapshot}: Context,
  isWanted: (pool: PoolSample) => boolean = () => true,
): PoolHistory[] {
  const own = sessionsByPool(snapshot);
  const latest = samples.at(-1);
  return (latest?.pools ?? []).filter(isWanted).flatMap(last => {
    const key = poolKey(last);
    const counted = latest && countedOf(latest, key);
    if (!counted) return [];
    const history = samples.flatMap(sample => {
      const pool = poolIn(sample, key);
      return pool === undefined ? [] : [{at_ms: sample.at_ms, pool}];
    });
    return {key, last, samples: history, counted, sessions: own.get(key) ?? []};
  });
}

/** `application:web/role:app`. */
export function poolSubject({
  application_name,
  usename,
}: {
  application_name: string;
  usename: string | null;
}): string {
  return `application:${application_name}/role:${usename ?? ''}`;
}

type PoolName = Pick<PoolSample, 'application_name' | 'usename' | 'datname'>;

/** With its database, `.../database:shop`, where the application works in several as this role. */
export function poolSubjectIn({samples}: Pick<Context, 'samples'>, pool: PoolName): string {
  const isOther = ({application_name, usename, datname}: PoolName) =>
    application_name === pool.application_name && usename === pool.usename && datname !== pool.datname;
  const isInOne = !samples.at(-1)?.pools.some(isOther);
  return isInOne ? poolSubject(pool) : `${poolSubject(pool)}/database:${pool.datname}`;
}

/** `web/app`, as summaries name an application. */
export function poolName({
  application_name,
  usename,
}: {
  application_name: string;
  usename: string | null;
}): string {
  return `${application_name || '(no name)'}/${usename ?? '?'}`;
}
