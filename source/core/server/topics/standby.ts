import type {WalState} from '../../../model/server-state.ts';
import type {Snapshot} from '../../../model/snapshot.ts';
import {thresholds} from '../../health/thresholds.ts';
import {utcClock} from '../../text/clock.ts';
import {counted, formatAge, formatBytes, formatCount, formatSpan} from '../../text/format.ts';
import {conflictsOf} from '../wal-rates.ts';
import {type Part, type TopicRow, unknownTo} from './topic.ts';

type Recovery = NonNullable<WalState['recovery']>;

/** Of a standby itself: what it receives and replays, a promotion, and the queries that replay has cancelled. */
export function standbyRows(wal: WalState | undefined, snapshot: Snapshot): TopicRow[] {
  if (wal?.recovery == null) return [];
  const {recovery} = wal;
  return [...promotionRows(recovery), receiverRow(recovery, snapshot), conflictsRow(wal, recovery)];
}

function promotionRows(recovery: Recovery): TopicRow[] {
  if (!recovery.replay?.promote_triggered) return [];
  return [
    {
      id: 'promotion',
      verdict: 'warning',
      text: `a promotion is under way: this standby replays what it has (${behindOf(recovery)}), then it takes writes`,
      page: () => [replayPart(recovery)],
    },
  ];
}

function behindOf({replay_lag_bytes}: Recovery): string {
  return replay_lag_bytes === 0
    ? 'all that it received is replayed'
    : `${formatBytes(replay_lag_bytes)} received and not replayed`;
}

function receiverRow(recovery: Recovery, snapshot: Snapshot): TopicRow {
  const {receiver, is_paused, replay_lag_bytes, replay} = recovery;
  const behind = behindOf(recovery);
  const isLate = replay_lag_bytes >= thresholds.safe_wal_bytes.warning;
  const last = replay?.last_xact_at == null ? '' : ` at the transaction of ${utcClock(replay.last_xact_at)}`;
  const paused =
    replay?.pause_state === 'pause requested'
      ? 'replay pauses at the next record'
      : `replay is paused${last}`;
  return {
    id: 'receiver',
    verdict:
      is_paused || receiver === null || isLate ? 'warning' : receiver.status === null ? 'unknown' : 'ok',
    text: is_paused
      ? `${paused}: ${behind}; pg_wal_replay_resume() ends it`
      : receiver === null
        ? `this standby receives nothing: no WAL receiver; it replays what its archive has (${behind})`
        : receiver.status === null
          ? `this standby receives WAL: ${behind}; from where is ${unknownTo(snapshot)}`
          : `this standby receives from ${receiver.sender ?? '?'}: ${behind}`,
    page: () => [
      {
        heading: 'this standby',
        properties: [
          [
            'receives',
            receiver === null ? 'nothing: no WAL receiver' : (receiver.status ?? unknownTo(snapshot)),
          ],
          ['from', receiver === null ? '-' : (receiver.sender ?? unknownTo(snapshot))],
          ['slot', receiver?.slot ?? 'none'],
        ],
      },
      replayPart(recovery),
      conflictsPart(recovery),
    ],
  };
}

function replayPart(recovery: Recovery): Part {
  const {is_paused, last_replayed_age_ms, replay} = recovery;
  return {
    heading: 'replay',
    properties: [
      ['state', is_paused ? (replay?.pause_state ?? 'paused') : behindOf(recovery)],
      ['last commit', `${formatAge(last_replayed_age_ms)} ago, which grows while its primary writes nothing`],
      ...(replay == null ? [] : positionOf(replay)),
    ],
  };
}

function positionOf(replay: NonNullable<Recovery['replay']>): [name: string, value: string][] {
  const {last_replayed_end_lsn, last_replayed_tli, replay_end_lsn, chunk_started_at} = replay;
  const isBusy = replay_end_lsn !== last_replayed_end_lsn;
  return [
    ['position', `${last_replayed_end_lsn} of timeline ${last_replayed_tli}`],
    ['record', isBusy ? `replays the one that ends at ${replay_end_lsn}` : 'none is being replayed'],
    ['WAL', chunk_started_at === null ? '?' : `received by ${utcClock(chunk_started_at)}`],
  ];
}

function conflictsRow(wal: WalState, recovery: Recovery): TopicRow {
  const all = conflictsOf(wal);
  if (all === 0)
    return {id: 'conflicts', verdict: 'ok', text: 'no query was cancelled by replay', page: () => []};
  const {rates} = wal;
  const lately =
    rates === undefined
      ? ''
      : `, ${formatCount(rates.conflicts)} in the last ${formatSpan(rates.interval_ms)}`;
  return {
    id: 'conflicts',
    verdict: (rates?.conflicts ?? 0) > 0 ? 'warning' : 'ok',
    text: `${counted(all, 'query', 'queries')} cancelled by replay since the statistics began${lately}`,
    page: () => [conflictsPart(recovery)],
  };
}

function conflictsPart({conflicts}: Recovery): Part {
  return {
    heading: 'queries cancelled by replay',
    properties: Object.entries(conflicts).map(([cause, count]) => [cause, String(count)]),
    text: [
      'hot_standby_feedback = on avoids those of snapshots, max_standby_streaming_delay is how long replay waits.',
    ],
  };
}
