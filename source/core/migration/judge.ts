import type {LockHolder, PreflightStatement, Verdict} from '../../model/preflight.ts';
import {counted, formatAge, formatBytes, formatCount, formatSpan} from '../text/format.ts';
import type {Effect, Lock} from './effect.ts';
import {blocksReads, blocksWrites, conflictsWith, strongest} from './lock-mode.ts';

/** What sessions do at the moment, over the last `window_ms`. */
export type Reading = {
  held: (LockHolder & {oid: string})[];
  /** Transactions with a snapshot, which CONCURRENTLY waits for. */
  snapshots: LockHolder[];
  /** Null if statements cannot be counted. */
  traffic: Traffic[] | null;
  /** Relations that sessions used in the window, by their own counters: not all of it may be in `traffic`. */
  used: string[];
  window_ms: number;
};

/** One statement of pg_stat_statements. */
type Traffic = {reads: string[]; writes: string[]; calls_per_second: number};

/** A lock that an earlier statement of the same transaction took: it is held to the end. */
export type Held = {lock: Lock; line: number};

/** A lock held for less does not show: a request takes as long. */
const brief_ms = 1000;
/** CONCURRENTLY blocks no session while it waits: only what keeps it for long matters. */
const snapshot_wait_ms = 60_000;

/**
 * Assumed speeds in MiB per second, from a busy disk to memory: reading a table (an index build, too), changing its rows, and
 * rewriting it with its indexes. docs/preflight.md has a measurement.
 */
const mebi = 2 ** 20;
const speeds = {scan: [100, 1024], copy: [5, 50], rows: [5, 50], rewrite: [20, 150]} as const;

/** An estimate from the size of what is read or written; null without one. */
export function durationOf({work, worked}: Effect): PreflightStatement['duration_ms'] {
  if (work === 'none') return null;
  const sizes = worked.map(({found}) => found?.size_bytes);
  if (work === 'unknown' || sizes.length === 0 || sizes.some(size => size == null)) return null;
  const bytes = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
  const [slow, fast] = speeds[work].map(speed => speed * mebi) as [number, number];
  const verb = {scan: 'read', copy: 'copied', rows: 'changed', rewrite: 'written'}[work];
  return {
    low: Math.round((bytes / fast) * 1000),
    high: Math.round((bytes / slow) * 1000),
    basis: `${formatBytes(bytes)} ${verb} at ${formatBytes(slow)} to ${formatBytes(fast)} per second`,
  };
}

function isLong(effect: Effect): boolean {
  if (effect.work === 'none') return false;
  const duration = durationOf(effect);
  return duration === null || duration.high > brief_ms;
}

type Circumstances = {
  held: readonly Held[];
  reading: Reading | null;
  /** Whether its transaction has other statements. */
  shared: boolean;
  /** Whether names were looked up on a server. */
  is_checked: boolean;
};

export function blocksOthers({mode, only_read = false}: Lock): boolean {
  return blocksReads(mode) || (blocksWrites(mode) && !only_read);
}

type Judgement = Pick<PreflightStatement, 'verdict' | 'reasons' | 'holders' | 'queue_per_second'>;

export function judge(effect: Effect, {held, reading, shared, is_checked}: Circumstances): Judgement {
  const blocking = effect.locks.filter(blocksOthers);
  const all = [...held.map(({lock}) => lock), ...blocking];
  const queue = queueBehind(all, reading);
  const holders = reading === null ? null : holdersOf(effect, reading);
  const unsafe =
    shared && !effect.in_transaction
      ? ['cannot run in a transaction: it must be alone in its file, as Prisma Migrate runs a file as one']
      : [
          ...effect.failures,
          ...(is_checked ? effect.locks.flatMap(missing) : []),
          ...longReasons(effect, {blocking, held, queue, reading}),
        ];
  const waits = waitReasons(effect, holders ?? []);
  const verdict: Verdict = unsafe.length > 0 ? 'unsafe' : waits.length > 0 ? 'wait' : 'safe';
  return {
    verdict,
    reasons: [...unsafe, ...waits],
    holders,
    queue_per_second: blocking.length === 0 && !isLong(effect) ? (reading?.traffic ? 0 : null) : queue,
  };
}

function missing({relation}: Lock): string[] {
  const isThere = relation.found !== null || relation.is_new;
  return isThere ? [] : [`${relation.label} does not exist on this server`];
}

const verbs = {
  none: '',
  scan: 'reads',
  copy: 'reads and copies',
  rows: 'changes rows of',
  rewrite: 'rewrites',
  unknown: 'may rewrite',
};

type Blocked = Pick<Circumstances, 'held' | 'reading'> & {blocking: readonly Lock[]; queue: number | null};

function longReasons(effect: Effect, {blocking, held, queue, reading}: Blocked): string[] {
  const isUnknown = effect.work === 'unknown' && effect.locks.length === 0;
  if (effect.is_opaque || isUnknown) return ['what it locks is unknown'];
  if (!isLong(effect)) return [];
  // Row locks block other writers of the same rows.
  const own = effect.work === 'rows' ? effect.locks : blocking;
  if (own.length + held.length === 0) return [];
  if (queue === 0 && effect.work !== 'rows') return [];
  const what = verbs[effect.work];
  const waiting = trafficText(queue, reading);
  const isOwn = (relation: string) => own.some(each => each.relation.label === relation);
  const earlier = held.filter(({lock}) => !isOwn(lock.relation.label));
  const [first] = earlier;
  return [
    ...(own.length === 0 ? [] : [`${what} the whole table while ${blockedBy(own)} wait${waiting}`]),
    ...(first === undefined
      ? []
      : [
          `${what} a whole table while ${blockedBy(earlier.map(({lock}) => lock))} wait: the lock of line ${first.line} is held to the end of the transaction`,
        ]),
  ];
}

function trafficText(queue: number | null, reading: Reading | null): string {
  if (reading === null) return '';
  const window = ` (measured over ${formatSpan(reading.window_ms)})`;
  return queue === null ? '' : `: ${formatCount(queue)} statements per second${window}`;
}

/** `reads and writes of public.orders` */
function blockedBy(locks: readonly Lock[]): string {
  const isAll = locks.some(({mode}) => blocksReads(mode));
  const [first, ...more] = new Set(locks.map(({relation}) => relation.label));
  const rest = more.length === 0 ? '' : ` and ${more.length} more`;
  return `${isAll ? 'reads and writes' : 'writes'} of ${first ?? ''}${rest}`;
}

/** Statements per second that need a lock which conflicts; null if they were not counted. */
function queueBehind(locks: readonly Lock[], reading: Reading | null): number | null {
  const traffic = reading?.traffic ?? null;
  if (traffic === null) return null;
  const labels = (isBlocked: (mode: Lock['mode']) => boolean) =>
    new Set(locks.filter(({mode}) => isBlocked(mode)).map(({relation}) => relation.label));
  const [all, written] = [labels(blocksReads), labels(blocksWrites)];
  const waiting = traffic.filter(
    ({reads, writes}) => reads.some(each => all.has(each)) || writes.some(each => written.has(each)),
  );
  const isMissed = (reading?.used ?? []).some(each => all.has(each) || written.has(each));
  if (waiting.length === 0 && isMissed) return null;
  return waiting.reduce((sum, {calls_per_second}) => sum + calls_per_second, 0);
}

/** One entry for each session and relation, with the strongest of its locks that conflict. */
function holdersOf({locks, waits_for_snapshots}: Effect, {held, snapshots}: Reading): LockHolder[] {
  const conflicting = new Map<string, LockHolder>();
  for (const {relation, mode} of locks)
    for (const {oid, ...holder} of held) {
      const isInWay = oid === relation.found?.oid && holder.mode !== null && conflictsWith(mode, holder.mode);
      if (!isInWay) continue;
      const key = `${holder.pid} ${oid}`;
      const modes = [holder.mode, conflicting.get(key)?.mode].filter(each => each != null);
      conflicting.set(key, {...holder, mode: strongest(modes)});
    }
  const found = [...conflicting.values()];
  const others = waits_for_snapshots
    ? snapshots.filter(({pid}) => found.every(each => each.pid !== pid))
    : [];
  return [...found, ...others].toSorted((a, b) => (b.xact_age_ms ?? 0) - (a.xact_age_ms ?? 0));
}

function waitReasons({waits_for_snapshots}: Effect, holders: readonly LockHolder[]): string[] {
  const late = holders.filter(
    ({relation, xact_age_ms}) => relation !== null || (xact_age_ms ?? 0) >= snapshot_wait_ms,
  );
  const named = new Map(late.map(holder => [holder.pid, describeHolder(holder)]));
  if (named.size === 0) return [];
  const what = waits_for_snapshots ? 'waits, blocking no session, for' : 'waits for';
  const rest = named.size > 3 ? ` and ${named.size - 3} more` : '';
  return [`${what} ${counted(named.size, 'session')}: ${[...named.values()].slice(0, 3).join(', ')}${rest}`];
}

/** `4711 web, 3m12s` */
function describeHolder({pid, application_name, xact_age_ms, state}: LockHolder): string {
  const who = pid === null ? 'a prepared transaction' : `${pid} ${application_name || '(no name)'}`;
  return [who, state ?? '', formatAge(xact_age_ms)].filter(Boolean).join(' ');
}
