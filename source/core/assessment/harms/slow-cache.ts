import type {Act} from '../../../model/recipe.ts';
import type {Snapshot} from '../../../model/snapshot.ts';
import {thresholds} from '../../health/thresholds.ts';
import {formatAge, formatBytes, formatCount, formatRatio} from '../../text/format.ts';
import type {Context} from '../context.ts';
import {meanBefore, type StatementHistory} from '../statement-history.ts';

/** A statement that reads more from outside shared buffers than it did. */
export type ColdCache = {
  /** It touches more blocks than before, too: not the cache, its plan has changed. */
  isPlan: boolean;
  text: string;
  reason: string;
  advice: string;
};

/**
 * A statement that is slower because it reads many more blocks for each call, mostly from outside shared buffers: its plan touches more,
 * the server was restarted, or others push out what it needs. null if that is not so, or not known.
 */
export function coldCache(history: StatementHistory, {target, at}: Snapshot): ColdCache | null {
  const {statement, calls, mean_ms} = history;
  const {rates, shared_blks_read, shared_blks_hit} = statement;
  const before_calls = statement.calls - calls;
  const mean_before_ms = meanBefore(history);
  if (!rates || rates.calls_per_second === 0 || before_calls < leastCalls || mean_before_ms === null)
    return null;
  const {shared_blks_read_per_second, shared_blks_hit_per_second, calls_per_second} = rates;
  if (shared_blks_read_per_second === null || shared_blks_hit_per_second === null) return null;
  const read = shared_blks_read_per_second / calls_per_second;
  const hit = shared_blks_hit_per_second / calls_per_second;
  // The counters include the calls of the assessed time, at about this rate.
  const readBefore = Math.max(0, shared_blks_read - read * calls) / before_calls;
  const hitBefore = Math.max(0, shared_blks_hit - hit * calls) / before_calls;
  const times = thresholds.slower_than_before_times.warning;
  if (mean_ms < mean_before_ms * times) return null;
  const isPlan = read + hit >= Math.max(leastReadBlocks, (readBefore + hitBefore) * times);
  const isCold = read >= Math.max(leastReadBlocks, readBefore * times);
  if (!isPlan && !isCold) return null;
  const started_at = target.server?.started_at ?? null;
  const up_ms = started_at === null ? Infinity : Date.parse(at) - Date.parse(started_at);
  const isRestarted = up_ms < warmUpMs;
  const why = isPlan
    ? 'its plan touches more blocks than before'
    : isRestarted
      ? `the server was started ${formatAge(up_ms)} ago, its cache fills again`
      : 'what it reads no longer stays in shared buffers';
  const size = (blocks: number) => formatBytes(blocks * blockBytes);
  return {
    isPlan,
    text: isCold
      ? `it reads ${size(read)} per call from outside shared buffers, much more than before; ${why}`
      : `${why}: ${formatCount(Math.round(read + hit))} per call, ${formatCount(Math.round(readBefore + hitBefore))} before`,
    reason: `A call touches ${formatCount(Math.round(read + hit))} blocks.`,
    advice: isRestarted
      ? 'wait, or warm the tables that it reads (pg_prewarm)'
      : 'find out what reads or loads much since then (a report, a bulk load), or enlarge shared_buffers',
  };
}

/** What a statement's reads are of the load. */
export type DiskLoad = {
  /** Busy sessions on average. */
  sessions: number;
  /** Of the busy sessions, those that wait for a block to be read, 0 to 1. */
  share: number;
  /** Of those, the ones in this statement. */
  own: number;
  /** What most of them wait for: `IO:DataFileRead`. */
  event: string;
  blocks_per_call: number;
};

/** null where the load does not wait for reads, or not for those of this statement, or that is not known (query ids: PG14). */
export function diskLoad(
  {statement}: StatementHistory,
  {samples}: Pick<Context, 'samples'>,
): DiskLoad | null {
  const {rates} = statement;
  const read = rates?.shared_blks_read_per_second ?? null;
  if (!rates || read === null || rates.calls_per_second === 0) return null;
  const blocks_per_call = Math.round(read / rates.calls_per_second);
  const events = new Map<string, number>();
  let [all, reading, own] = [0, 0, 0];
  for (const {activity} of samples)
    for (const {event, query_id, sessions} of activity) {
      all += sessions;
      if (event === null || !blockRead.test(event)) continue;
      reading += sessions;
      events.set(event, (events.get(event) ?? 0) + sessions);
      if (query_id === statement.queryid) own += sessions;
    }
  const [most] = [...events].sort((a, b) => b[1] - a[1]);
  if (most === undefined || blocks_per_call < leastReadBlocks) return null;
  if (reading / all < thresholds.disk_load_ratio.warning || own * 2 < reading) return null;
  const sessions = all / samples.length;
  return {sessions, share: reading / all, own: own / reading, event: most[0], blocks_per_call};
}

/** Waits for a block of a table or index; from 18 on most are for asynchronous I/O (wait_event_names.txt). */
const blockRead = /^IO:(?:DataFileRead|DataFilePrefetch|Aio\w+)$/;

export function diskReason(load: DiskLoad | null): string[] {
  if (load === null) return [];
  const {share, event, own, sessions} = load;
  return [
    `${formatRatio(share, 0)} of ${sessions.toFixed(1)} busy sessions wait for ${event}, ${formatRatio(own, 0)} of them in this statement.`,
  ];
}

export const diskAdvice: Act = {
  recipe: null,
  params: {},
  title: 'enlarge shared_buffers, or put the data on a faster disk',
  frees: null,
  costs: 'shared_buffers takes a restart',
};

const leastCalls = 5;
const leastReadBlocks = 50;
const blockBytes = 8192;
/** After a restart; later reads are no longer attributed to the cold cache. */
const warmUpMs = 1_800_000;
