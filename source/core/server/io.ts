import type {IoCounter, IoRates, ProcessIo, ServerIo} from '../../model/server-work.ts';
import {lockRates} from './lock-rates.ts';

/** Max relations read, most-read first. */
export const mostRelations = 300;

const mostShown = 20;

/** null if there is no time between them, or the counters were reset meanwhile. */
export function ioRates(before: ServerIo, now: ServerIo): IoRates | null {
  const interval_ms = Date.parse(now.at) - Date.parse(before.at);
  if (!(interval_ms > 0)) return null;
  const seconds = interval_ms / 1000;
  const counters = now.counters && before.counters && processesOver(before.counters, now.counters, seconds);
  if (counters === 'reset') return null;
  const locks = lockRates(before.locks, now.locks, interval_ms);
  return {
    interval_ms,
    processes: counters,
    wal: walOver(before, now, seconds),
    relations: relationsOver(before, now).slice(0, mostShown),
    deadlocks_per_minute: (Math.max(0, now.deadlocks - before.deadlocks) / seconds) * 60,
    temp_bytes_per_second: Math.max(0, now.temp_bytes - before.temp_bytes) / seconds,
    ...(locks !== null && {locks}),
  };
}

/** A process that only writes has no reads that a reset would show. */
const monotonic = ['reads', 'writes', 'fsyncs'] as const;

function processesOver(
  before: readonly IoCounter[],
  now: readonly IoCounter[],
  seconds: number,
): ProcessIo[] | 'reset' {
  const keyOf = ({backend_type, object, context}: IoCounter) => `${backend_type}\0${object}\0${context}`;
  const earlier = new Map(before.map(each => [keyOf(each), each]));
  const sums = new Map<string, Sums>();
  for (const counter of now) {
    const since = earlier.get(keyOf(counter));
    if (since !== undefined && monotonic.some(name => since[name] > counter[name])) return 'reset';
    // A combination appears in the view with its first operation.
    const over = (read: (of: IoCounter) => number) => read(counter) - (since === undefined ? 0 : read(since));
    const sum = sums.get(counter.backend_type) ?? {...noSums};
    // WAL has its own figures.
    if (counter.object !== 'wal') {
      sum.reads += over(({reads}) => reads);
      sum.read_bytes += over(({read_bytes}) => read_bytes);
      sum.read_time_ms += over(({read_time_ms}) => read_time_ms);
      sum.write_bytes += over(({write_bytes}) => write_bytes);
      sum.extend_bytes += over(({extend_bytes}) => extend_bytes);
      sum.evictions += over(({evictions}) => evictions);
    }
    sum.fsyncs += over(({fsyncs}) => fsyncs);
    sums.set(counter.backend_type, sum);
  }
  return [...sums]
    .map(
      ([backend_type, {reads, read_bytes, read_time_ms, write_bytes, extend_bytes, evictions, fsyncs}]) => ({
        backend_type,
        read_bytes_per_second: read_bytes / seconds,
        write_bytes_per_second: write_bytes / seconds,
        extend_bytes_per_second: extend_bytes / seconds,
        read_ms: reads > 0 && read_time_ms > 0 ? read_time_ms / reads : null,
        evictions_per_second: evictions / seconds,
        fsyncs_per_second: fsyncs / seconds,
      }),
    )
    .sort((a, b) => bytesOf(b) - bytesOf(a));
}

type Sums = {
  reads: number;
  read_bytes: number;
  read_time_ms: number;
  write_bytes: number;
  extend_bytes: number;
  evictions: number;
  fsyncs: number;
};
const noSums: Sums = {
  reads: 0,
  read_bytes: 0,
  read_time_ms: 0,
  write_bytes: 0,
  extend_bytes: 0,
  evictions: 0,
  fsyncs: 0,
};

function bytesOf({
  read_bytes_per_second,
  write_bytes_per_second,
  extend_bytes_per_second,
}: ProcessIo): number {
  return read_bytes_per_second + write_bytes_per_second + extend_bytes_per_second;
}

function walOver(before: ServerIo, now: ServerIo, seconds: number): IoRates['wal'] {
  if (before.wal === null || now.wal === null || now.wal.bytes < before.wal.bytes) return null;
  const images = now.wal.full_page_images - before.wal.full_page_images;
  const records = now.wal.records - before.wal.records;
  return {
    bytes_per_second: (now.wal.bytes - before.wal.bytes) / seconds,
    full_page_share: records > 0 ? Math.min(1, images / records) : null,
    buffers_full_per_second: (now.wal.buffers_full - before.wal.buffers_full) / seconds,
  };
}

function relationsOver(before: ServerIo, now: ServerIo): IoRates['relations'] {
  const seconds = (Date.parse(now.relations_at) - Date.parse(before.relations_at)) / 1000;
  if (!(seconds > 0)) return [];
  const earlier = new Map(before.relations.map(each => [each.name, each]));
  // One that is new in a whole list was read for the first time; in a cut list it may have risen.
  const isWhole = before.relations.length < mostRelations;
  const over = now.relations.flatMap(({name, read_bytes, hit_bytes}) => {
    const since = earlier.get(name) ?? (isWhole ? {read_bytes: 0, hit_bytes: 0} : undefined);
    if (since === undefined || read_bytes <= since.read_bytes || hit_bytes < since.hit_bytes) return [];
    return [{name, read: read_bytes - since.read_bytes, hit: hit_bytes - since.hit_bytes}];
  });
  const all = over.reduce((sum, {read}) => sum + read, 0);
  return over
    .map(({name, read, hit}) => ({
      name,
      read_bytes_per_second: read / seconds,
      share: read / all,
      hit_ratio: hit / (hit + read),
    }))
    .sort((a, b) => b.read_bytes_per_second - a.read_bytes_per_second);
}
