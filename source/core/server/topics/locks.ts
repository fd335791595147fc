import type {LockCounters, LockRates} from '../../../model/server-work.ts';
import type {Snapshot} from '../../../model/snapshot.ts';
import {isActive} from '../../sessions/session.ts';
import {counted, formatCount, formatMs, formatRatio, formatSpan} from '../../text/format.ts';
import {type Part, type TopicRow, topic} from './topic.ts';

/** What sessions waited for locks, and whether locks find their fast path; absent before PostgreSQL 19, which counts both. */
export const locks = topic({
  name: 'locks',
  reads: [],
  rows({io}, snapshot) {
    if (io?.locks === undefined) return [];
    const {locks: counters, rates} = io;
    if (rates?.locks === undefined)
      return [
        {
          ...{id: 'waits', verdict: 'unknown', page: () => []},
          text: 'lock waits are available after the next refresh',
        },
      ];
    const page = () => pageOf(counters, rates.locks ?? {wait_share: null, types: []}, rates.interval_ms);
    return [
      waitsRow(counters, rates.locks, rates.interval_ms, page),
      ...fastPathRow(counters, rates.locks, snapshot, page),
    ];
  },
});

/** Of the time that sessions were active, of sessions on average, and of waits that ended: a single one on a quiet server is no load. */
const muchShare = 0.5;
const muchWaiting = 1;
const manyWaits = 3;

function waitsRow(
  {deadlock_timeout_ms}: LockCounters,
  {types, wait_share}: LockRates,
  interval_ms: number,
  page: () => Part[],
): TopicRow {
  const limit = `deadlock_timeout (${formatSpan(deadlock_timeout_ms)})`;
  const waited = types.filter(({waits_per_second}) => waits_per_second > 0);
  const [most] = waited;
  const base = {id: 'waits', page};
  if (most === undefined)
    return {
      ...base,
      verdict: 'ok',
      text: `no session got a lock after waiting longer than ${limit}, over ${formatSpan(interval_ms)}`,
    };
  const average = sumOf(waited, each => each.average_waiting);
  const per_second = sumOf(waited, each => each.waits_per_second);
  const waited_ms = sumOf(waited, waitedMs);
  const share = waitedMs(most) / waited_ms;
  const text = `${formatCount(per_second)} lock waits/s longer than ${limit}, ${formatMs(waited_ms / per_second)} each, ${formatRatio(share, 0)} of it for ${most.locktype}`;
  const isLoad = Math.round((per_second * interval_ms) / 1000) >= manyWaits;
  const isMuch = wait_share !== null && wait_share >= muchShare && average >= muchWaiting && isLoad;
  return {
    ...base,
    verdict: isMuch ? 'warning' : 'ok',
    text: isMuch
      ? `${text}: ${formatRatio(wait_share, 0)} of the time of active sessions over ${formatSpan(interval_ms)}`
      : text,
  };
}

/** Milliseconds in each second. */
function waitedMs({wait_ms, waits_per_second}: LockRates['types'][number]): number {
  return (wait_ms ?? 0) * waits_per_second;
}

/** Locks per second that have to go through the shared table: below, it costs little. */
const manyExceeded = 10_000;

/** Sessions that wait for that table just now, to be worth a warning, if they are half of the busy ones. */
const manyWaiting = 3;

function fastPathRow(
  {max_locks_per_transaction}: LockCounters,
  {types}: LockRates,
  {backends}: Snapshot,
  page: () => Part[],
): TopicRow[] {
  const rate = sumOf(types, each => each.fastpath_exceeded_per_second);
  if (rate === 0) return [];
  const busy = backends.filter(isActive);
  const waiting = busy.filter(
    ({wait_event_type, wait_event}) => wait_event_type === 'LWLock' && wait_event === 'LockManager',
  ).length;
  const isWaiting = waiting >= manyWaiting && waiting * 2 >= busy.length;
  const isMuch = rate >= manyExceeded || isWaiting;
  const who =
    waiting === 0
      ? ''
      : `; ${waiting} of ${counted(busy.length, 'busy session')} ${waiting === 1 ? 'waits' : 'wait'} for LWLock:LockManager`;
  return [
    {
      ...{id: 'fast-path', page},
      verdict: isMuch ? 'warning' : 'ok',
      text: `${formatCount(rate)} locks/s of tables and indexes found no fast-path slot (max_locks_per_transaction = ${max_locks_per_transaction})${isMuch ? ': statements that lock many partitions or indexes' : ''}${who}`,
    },
  ];
}

function pageOf(
  {max_locks_per_transaction}: LockCounters,
  {types, wait_share}: LockRates,
  interval_ms: number,
): Part[] {
  return [
    {
      heading: 'by type of lock',
      properties: types.map((each): [string, string] => [
        each.locktype,
        [
          `${formatCount(each.waits_per_second)} waits/s`,
          ...(each.wait_ms === null ? [] : [`${formatMs(each.wait_ms)} each`]),
          `${formatCount(each.average_waiting)} sessions waiting on average`,
          ...(each.fastpath_exceeded_per_second === 0
            ? []
            : [`${formatCount(each.fastpath_exceeded_per_second)} without a fast-path slot/s`]),
        ].join(', '),
      ]),
      text: types.length === 0 ? ['no wait ended, and no fast-path slot was missing'] : [],
    },
    {
      heading: 'how it is counted',
      text: [
        `Rates are over ${formatSpan(interval_ms)}; waits are ${formatRatio(wait_share, 0)} of the time that sessions were active.`,
        'PostgreSQL counts a wait when it ends with the lock, and only one longer than deadlock_timeout: the view Locks has those that last.',
      ],
    },
    {
      heading: 'fast path',
      text: [
        `A session keeps the first ${max_locks_per_transaction} or so weak locks of tables and indexes to itself (max_locks_per_transaction, at a restart); each one beyond goes through the shared lock table.`,
        'Fewer partitions or indexes in a statement need fewer: a condition on the partition key, plans that prune, indexes that are used.',
      ],
    },
  ];
}

function sumOf<T>(values: readonly T[], read: (of: T) => number): number {
  return values.reduce((sum, each) => sum + read(each), 0);
}
