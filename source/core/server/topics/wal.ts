import type {WalState} from '../../../model/server-state.ts';
import type {Snapshot} from '../../../model/snapshot.ts';
import {timeOfDay, utcClock} from '../../text/clock.ts';
import {counted, formatBytes, formatSpan} from '../../text/format.ts';
import {type Part, type TopicRow, topic, unknownTo} from './topic.ts';

/** How much WAL is written and kept, and whether it is archived. */
export const wal = topic({
  name: 'WAL',
  reads: ['wal'],
  rows: ({wal: state, replication}, snapshot) => {
    const [holder] = replication?.slots ?? [];
    return [directoryRow(state, holder, snapshot), archiveRow(state, snapshot)];
  },
});

type Holder = {name: string; retained_bytes: number | null};

function directoryRow(state: WalState, slot: Holder | undefined, snapshot: Snapshot): TopicRow {
  const {directory, settings, rates} = state;
  const written =
    rates === undefined
      ? 'rate available after the next refresh'
      : `${formatBytes(rates.written_bytes_per_second)}/s written`;
  const base = {id: 'directory', page: () => pageOf(state, slot, snapshot)};
  if (directory === null)
    return {...base, verdict: 'unknown', text: `${written}; the size of pg_wal is ${unknownTo(snapshot)}`};
  const usual = settings.max_wal_size_bytes + settings.wal_keep_size_bytes;
  const isLarge = directory.bytes > largeTimes * usual;
  const kept =
    slot !== undefined && (slot.retained_bytes ?? 0) > usual
      ? `, kept for slot ${slot.name}`
      : (state.archive?.ready_files ?? 0) > manyReady
        ? ', kept until it is archived'
        : '';
  return {
    ...base,
    verdict: isLarge ? 'warning' : 'ok',
    text: `pg_wal is ${formatBytes(directory.bytes)}${isLarge ? `, above max_wal_size = ${formatBytes(settings.max_wal_size_bytes)}${kept}` : ''}; ${written}`,
  };
}

/** max_wal_size is a soft limit. */
const largeTimes = 2;

/** Segments that wait for the archiver, to be behind. */
const manyReady = 10;

function archiveRow(state: WalState, snapshot: Snapshot): TopicRow {
  const {archive, at} = state;
  if (archive === null)
    return {id: 'archive', verdict: 'ok', text: 'archiving is off (archive_mode)', page: () => []};
  const {last_failed_at, last_archived_at, last_failed_file, ready_files} = archive;
  const base = {id: 'archive', page: () => archivePage(state, snapshot)};
  const isFailing =
    last_failed_at !== null && (last_archived_at === null || last_failed_at > last_archived_at);
  const waiting = ready_files === null ? '' : `, ${counted(ready_files, 'segment')} waiting`;
  if (isFailing)
    return {
      ...base,
      verdict: 'warning',
      text: `archiving fails (${last_failed_file}, last at ${timeOfDay(last_failed_at)}; ${last_archived_at === null ? 'never succeeded' : `last success ${utcClock(last_archived_at)}`})${waiting}: WAL stays until the disk is full`,
    };
  if (ready_files !== null && ready_files > manyReady)
    return {
      ...base,
      verdict: 'warning',
      text: `the archiver is behind: ${counted(ready_files, 'segment')} waiting`,
    };
  const last =
    last_archived_at === null
      ? 'nothing has been archived yet'
      : `archived ${formatSpan(Date.parse(at) - Date.parse(last_archived_at))} ago`;
  return {...base, verdict: 'ok', text: `${last}${waiting}`};
}

function archivePage({archive, rates}: WalState, snapshot: Snapshot): Part[] {
  if (archive === null) return [];
  const {archived_count, failed_count, last_archived_at, last_failed_at, last_failed_file, ready_files} =
    archive;
  const clock = (time: string | null) => (time === null ? 'never' : utcClock(time));
  return [
    {
      heading: 'archiver',
      properties: [
        ['archived', `${counted(archived_count, 'segment')}, last ${clock(last_archived_at)}`],
        [
          'failed',
          `${counted(failed_count, 'attempt')}, last ${clock(last_failed_at)}${last_failed_file === null ? '' : ` of ${last_failed_file}`}`,
        ],
        ['waiting', ready_files === null ? unknownTo(snapshot) : counted(ready_files, 'segment')],
        ...(rates === undefined
          ? []
          : ([
              [
                'lately',
                `${rates.archived_count} archived, ${rates.failed_count} failed in ${formatSpan(rates.interval_ms)}`,
              ],
            ] satisfies [string, string][])),
      ],
      text: ["The server log has archive_command's error."],
    },
  ];
}

function pageOf(state: WalState, slot: Holder | undefined, snapshot: Snapshot): Part[] {
  const {directory, settings, rates} = state;
  return [
    {
      heading: 'pg_wal',
      properties: [
        [
          'size',
          directory === null
            ? unknownTo(snapshot)
            : `${formatBytes(directory.bytes)} in ${counted(directory.files, 'file')}`,
        ],
        [
          'written',
          rates === undefined
            ? 'available after the next refresh'
            : `${formatBytes(rates.written_bytes_per_second)}/s over ${formatSpan(rates.interval_ms)}`,
        ],
        ['max_wal_size', `${formatBytes(settings.max_wal_size_bytes)}, a soft limit`],
        [
          'wal_keep_size',
          settings.wal_keep_size_bytes === 0
            ? '0: nothing is kept for standbys without a slot'
            : `${formatBytes(settings.wal_keep_size_bytes)} kept for standbys`,
        ],
        [
          'slots',
          slot === undefined
            ? 'none retains WAL'
            : `${slot.name} retains ${formatBytes(slot.retained_bytes)}`,
        ],
        [
          'slot limit',
          settings.max_slot_wal_keep_size_bytes === null
            ? 'none (max_slot_wal_keep_size = -1)'
            : `${formatBytes(settings.max_slot_wal_keep_size_bytes)} (max_slot_wal_keep_size)`,
        ],
      ],
    },
  ];
}
