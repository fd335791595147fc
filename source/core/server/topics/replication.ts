import type {Replication, ReplicationSlot, WriteState} from '../../../model/server-facts.ts';
import type {WalState} from '../../../model/server-state.ts';
import type {Snapshot} from '../../../model/snapshot.ts';
import {isWithoutStandby, waitingForStandby} from '../../assessment/harms/writes.ts';
import {dropSlotAct, isNearLoss} from '../../assessment/harms/writes-slots.ts';
import {thresholds} from '../../health/thresholds.ts';
import {counted, formatAge, formatBytes, formatMs, formatSpan} from '../../text/format.ts';
import {standbyRows} from './standby.ts';
import {type Part, type TopicRow, topic, unknownTo, type Verdict} from './topic.ts';
import {isFullSoon, untilFull, type WalDisk, walDisk} from './wal-disk.ts';

/** Slots and what they retain, standbys and how far they are behind; of a standby, what it receives. */
export const replication = topic({
  name: 'replication',
  reads: ['replication'],
  rows({replication: {slots, standbys}, wal, write_state, host}, snapshot) {
    const rows = [
      ...standbyRows(wal, snapshot),
      ...(write_state === undefined ? [] : missingRows(write_state, snapshot)),
      ...slots.map(slot => slotRow(slot, wal, walDisk(host))),
      ...standbys.map((standby, index) => standbyRow(standby, index, snapshot)),
    ];
    return rows.length > 0
      ? rows
      : [{id: 'none', verdict: 'ok', text: 'no replication slot, no standby', page: () => []}];
  },
});

function slotRow(slot: ReplicationSlot, wal: WalState | undefined, disk: WalDisk): TopicRow {
  const {verdict, text} = judgeSlot(slot, wal, disk);
  return {
    id: `slot:${slot.name}`,
    verdict,
    text: `${slot.kind} slot ${slot.name}${beside(slot)} ${text}`,
    page: () => slotPage(slot, wal, disk),
    ...(!slot.is_active && !slot.is_temporary && !slot.is_synced && {acts: [dropSlotAct(slot.name)]}),
  };
}

function beside({is_active, is_synced}: ReplicationSlot): string {
  if (is_synced) return ', synchronised from the primary,';
  return is_active ? '' : ', without a consumer,';
}

function judgeSlot(
  slot: ReplicationSlot,
  wal: WalState | undefined,
  disk: WalDisk,
): {verdict: Verdict; text: string} {
  const {is_active, retained_bytes, safe_wal_bytes, wal_status} = slot;
  if (wal_status === 'lost')
    return {verdict: 'critical', text: 'is lost: its consumer needs a new full copy'};
  const retains = `retains ${formatBytes(retained_bytes)} of WAL`;
  if (wal_status === 'unreserved')
    return {verdict: 'critical', text: `${retains} and is invalidated at the next checkpoint`};
  const until = untilLost(slot, wal);
  if (safe_wal_bytes !== null) {
    const left = `is invalidated after ${formatBytes(Math.max(0, safe_wal_bytes))} more WAL${until}`;
    return {
      verdict: isNearLoss(slot) || isBehind(slot, wal) ? 'warning' : 'ok',
      text: `${retains} and ${left}`,
    };
  }
  const isCapped = wal?.settings.max_slot_wal_keep_size_bytes != null;
  if (!isBehind(slot, wal))
    return {verdict: 'ok', text: is_active ? retains : `${retains}, and all that is written from now on`};
  const end =
    isCapped || wal === undefined
      ? ''
      : `${growth(wal)}, until the disk is full${untilFull(disk, wal).short}: no max_slot_wal_keep_size`;
  return {verdict: isFullSoon(disk, wal) ? 'critical' : 'warning', text: `${retains}${end}`};
}

/** More than checkpoints keep anyway; without the settings, more than a slot may keep unnoticed. */
function isBehind({retained_bytes}: ReplicationSlot, wal: WalState | undefined): boolean {
  const usual = wal?.settings.max_wal_size_bytes ?? thresholds.safe_wal_bytes.warning;
  return (retained_bytes ?? 0) > usual;
}

function growth({rates}: WalState): string {
  return rates === undefined ? '' : `, ${formatBytes(rates.written_bytes_per_second)}/s more`;
}

/** A slot without a consumer loses room as WAL is written; one with a consumer at most so. */
function untilLost({safe_wal_bytes, is_active}: ReplicationSlot, wal: WalState | undefined): string {
  const rate = wal?.rates?.written_bytes_per_second;
  if (safe_wal_bytes === null || rate === undefined) return '';
  if (rate === 0) return ', of which none is written now';
  const ms = (Math.max(0, safe_wal_bytes) / rate) * 1000;
  return `: ${is_active ? 'not before ' : 'in '}${formatAge(ms)} at ${formatBytes(rate)}/s`;
}

function slotPage(slot: ReplicationSlot, wal: WalState | undefined, disk: WalDisk): Part[] {
  const {name, kind, database, plugin, is_active, active_pid, retained_bytes, wal_status, safe_wal_bytes} =
    slot;
  const cap = wal?.settings.max_slot_wal_keep_size_bytes;
  const age = (value: number | null, what: string) =>
    value === null ? 'nothing' : `${counted(value, 'transaction')} of ${what}`;
  return [
    {
      heading: `replication slot ${name}`,
      properties: [
        ['kind', kind === 'logical' ? `logical (${plugin}) of database ${database}` : 'physical'],
        ['consumer', is_active ? `pid ${active_pid}` : `none${inactiveFor(slot)}`],
        [
          'retains',
          `${formatBytes(retained_bytes)} of WAL, wal_status ${wal_status ?? '?'}, from ${slot.restart_lsn ?? 'nowhere'} on`,
        ],
        [
          'limit',
          cap === undefined
            ? 'not read'
            : cap === null
              ? 'none (max_slot_wal_keep_size = -1): it retains WAL until the disk is full'
              : `${formatBytes(cap)} (max_slot_wal_keep_size); ${formatBytes(safe_wal_bytes)} can still be written${untilLost(slot, wal)}`,
        ],
        ...(wal === undefined || cap !== null
          ? []
          : [['disk of WAL', untilFull(disk, wal).long] satisfies [string, string]]),
        [
          'WAL written',
          wal?.rates === undefined
            ? 'available after the next refresh'
            : `${formatBytes(wal.rates.written_bytes_per_second)}/s over ${formatSpan(wal.rates.interval_ms)}`,
        ],
        ['holds back', `vacuum of tables: ${age(slot.xmin_age, 'rows')}`],
        ['', `vacuum of catalogs: ${age(slot.catalog_xmin_age, 'catalogs')}`],
        ...(slot.invalidation_reason ? [['invalidated', slot.invalidation_reason] as [string, string]] : []),
      ],
    },
  ];
}

function inactiveFor({inactive_ms}: ReplicationSlot): string {
  return inactive_ms == null ? '' : `, for ${formatAge(inactive_ms)}`;
}

type Standby = Replication['standbys'][number];

function standbyRow(standby: Standby, index: number, snapshot: Snapshot): TopicRow {
  const name = standby.application_name || standby.client_addr || 'local';
  const base = {id: `standby:${name}:${index}`, page: () => standbyPage(standby, name, snapshot)};
  const {state, sync_state, lag_bytes, replay_lag_ms} = standby;
  if (state === null)
    return {
      ...base,
      verdict: 'unknown',
      text: `standby ${name}: how far it is behind is ${unknownTo(snapshot)}`,
    };
  if (state === 'backup') return {...base, verdict: 'ok', text: `${name} takes a base backup`};
  const {warning} = thresholds.standby_lag_ms;
  const isLate = (replay_lag_ms ?? 0) >= warning || (lag_bytes ?? 0) >= thresholds.safe_wal_bytes.warning;
  const lag =
    lag_bytes === 0
      ? 'has replayed everything'
      : `is ${formatBytes(lag_bytes)} behind${replay_lag_ms === null ? '' : `, ${formatMs(replay_lag_ms)}`}`;
  return {
    ...base,
    verdict: isLate || state !== 'streaming' ? 'warning' : 'ok',
    text: `standby ${name} (${state}, ${sync_state}) ${lag}`,
  };
}

function standbyPage(standby: Standby, name: string, snapshot: Snapshot): Part[] {
  const {client_addr, state, sync_state, lag_bytes, replay_lag_ms} = standby;
  const shown = (value: string | null) => value ?? unknownTo(snapshot);
  return [
    {
      heading: `standby ${name}`,
      properties: [
        ['client', state === null ? unknownTo(snapshot) : (client_addr ?? 'local')],
        ['state', shown(state)],
        [
          'commits',
          sync_state === null
            ? unknownTo(snapshot)
            : sync_state === 'async'
              ? 'do not wait for it'
              : `wait for it (${sync_state})`,
        ],
        ['behind', state === null ? unknownTo(snapshot) : `${formatBytes(lag_bytes)} not replayed`],
        [
          'replay',
          replay_lag_ms === null
            ? state === null
              ? unknownTo(snapshot)
              : 'no recent WAL to measure by'
            : `${formatMs(replay_lag_ms)} after it was written`,
        ],
      ],
    },
  ];
}

/** synchronous_standby_names is set, and no such standby is connected. */
function missingRows(state: WriteState, snapshot: Snapshot): TopicRow[] {
  if (state.is_in_recovery) return [];
  if (state.synchronous_standby_names !== '' && state.synchronous_standbys === null)
    return [
      {
        id: 'synchronous',
        verdict: 'unknown',
        text: `whether a standby of ${state.synchronous_standby_names} is connected is ${unknownTo(snapshot)}`,
        page: () => [],
      },
    ];
  if (!isWithoutStandby(state)) return [];
  const waiting = waitingForStandby({snapshot});
  return [
    {
      id: 'synchronous',
      verdict: 'critical',
      text: `no standby of synchronous_standby_names = '${state.synchronous_standby_names}' is connected: ${waiting === 0 ? 'the next commit waits' : `${counted(waiting, 'session')} in COMMIT`}`,
      page: () => [
        {
          heading: 'what can be done',
          text: [
            'Start the standby again, or correct its application_name: durability stays as intended.',
            "ALTER SYSTEM SET synchronous_standby_names = '', then SELECT pg_reload_conf(): commits no longer wait; what is committed until then may be lost with this server.",
          ],
        },
      ],
    },
  ];
}
