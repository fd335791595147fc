import type {WalState} from '../../../model/server-state.ts';
import {utcClock} from '../../text/clock.ts';
import {counted, formatBytes, formatRatio, formatSpan} from '../../text/format.ts';
import {type Part, type TopicRow, topic} from './topic.ts';

/** Whether checkpoints come by their clock, or because WAL has reached max_wal_size. */
export const checkpoints = topic({
  name: 'checkpoints',
  reads: ['wal'],
  rows: ({wal}): TopicRow[] => {
    const {timed, requested} = wal.checkpoints;
    const {rates} = wal;
    const what = wal.recovery === null ? 'checkpoint' : 'restartpoint';
    const all = timed + requested;
    const base = {id: 'all', page: () => pageOf(wal, what)};
    const since = `${counted(requested, what)} of ${all} requested since ${wal.checkpoints.stats_reset === null ? 'the statistics began' : utcClock(wal.checkpoints.stats_reset)}`;
    if (isHurried(wal) && rates !== undefined)
      return [
        {
          ...base,
          verdict: 'warning',
          text: `${counted(rates.checkpoints_requested, what)} requested in ${formatSpan(rates.interval_ms)}: ${isFull(wal) ? `WAL reaches max_wal_size = ${formatBytes(wal.settings.max_wal_size_bytes)} before checkpoint_timeout` : 'not by WAL, but by CHECKPOINT or a backup'}`,
        },
      ];
    if (isOftenRequested(wal))
      return [
        {
          ...base,
          verdict: 'warning',
          text: `${since} (${formatRatio(requested / all, 0)}), one every ${formatSpan(averageMs(wal))}: max_wal_size = ${formatBytes(wal.settings.max_wal_size_bytes)} is reached before checkpoint_timeout`,
        },
      ];
    return [{...base, verdict: 'ok', text: all === 0 ? `no ${what} since the statistics began` : since}];
  },
});

/** Several lately, each long before the clock's. */
function isHurried({rates, settings}: WalState): boolean {
  if (rates === undefined || rates.checkpoints_requested < fewest) return false;
  return rates.interval_ms / rates.checkpoints_requested < settings.checkpoint_timeout_ms / 2;
}

const fewest = 2;

/** A checkpoint begins before max_wal_size is reached: at max_wal_size / (1 + checkpoint_completion_target), CalculateCheckpointSegments in xlog.c. */
function isFull({rates, settings}: WalState): boolean {
  if (rates === undefined) return false;
  const written = (rates.written_bytes_per_second * rates.interval_ms) / 1000;
  return written / rates.checkpoints_requested >= settings.max_wal_size_bytes / 3;
}

/** Most of many were requested, and they come faster than the clock. */
function isOftenRequested(wal: WalState): boolean {
  const {timed, requested} = wal.checkpoints;
  const average_ms = averageMs(wal);
  return (
    timed + requested >= many &&
    requested > timed &&
    average_ms !== null &&
    average_ms < wal.settings.checkpoint_timeout_ms / 2
  );
}

const many = 10;

function averageMs({checkpoints: {timed, requested, stats_reset}, at}: WalState): number | null {
  return stats_reset === null ? null : (Date.parse(at) - Date.parse(stats_reset)) / (timed + requested);
}

function pageOf(wal: WalState, what: string): Part[] {
  const {timed, requested, stats_reset} = wal.checkpoints;
  const {rates, settings} = wal;
  return [
    {
      heading: `${what}s`,
      properties: [
        ['timed', `${timed}, every ${formatSpan(settings.checkpoint_timeout_ms)} (checkpoint_timeout)`],
        [
          'requested',
          `${requested}: WAL reached max_wal_size = ${formatBytes(settings.max_wal_size_bytes)}, CHECKPOINT, a backup, a restart`,
        ],
        ['since', stats_reset === null ? 'the statistics began' : utcClock(stats_reset)],
        ['on average', all(timed + requested, averageMs(wal))],
        [
          'lately',
          rates === undefined
            ? 'available after the next refresh'
            : `${rates.checkpoints_timed} timed, ${rates.checkpoints_requested} requested in ${formatSpan(rates.interval_ms)}`,
        ],
      ],
      text: [
        'After a checkpoint each changed page is written to WAL whole, so frequent ones make more WAL: a larger max_wal_size costs disk and a longer recovery.',
      ],
    },
  ];
}

function all(count: number, average_ms: number | null): string {
  return count === 0 || average_ms === null ? 'not known' : `one every ${formatSpan(average_ms)}`;
}
