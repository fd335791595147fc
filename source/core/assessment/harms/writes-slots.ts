import type {Act, Finding} from '../../../model/recipe.ts';
import type {ReplicationSlot} from '../../../model/server-facts.ts';
import type {WalState} from '../../../model/server-state.ts';
import {thresholds} from '../../health/thresholds.ts';
import {formatBytes} from '../../text/format.ts';
import type {Context} from '../context.ts';
import {advice} from './failing-part.ts';
import {inTime} from './sequence-state.ts';

/** It has lost, or will soon lose, what its consumer needs: then that has to be rebuilt. */
export function isNearLoss({safe_wal_bytes, wal_status, is_synced}: ReplicationSlot): boolean {
  // It follows the primary's, where the finding is.
  if (is_synced) return false;
  if (wal_status === 'unreserved') return true;
  return (
    safe_wal_bytes !== null && wal_status !== 'lost' && safe_wal_bytes < thresholds.safe_wal_bytes.warning
  );
}

/** No consumer takes what it retains, and nothing limits it but the disk. */
function isFillingDisk({
  is_active,
  is_temporary,
  is_synced,
  safe_wal_bytes,
  wal_status,
  retained_bytes,
}: ReplicationSlot): boolean {
  const isEndless =
    !is_active && !is_temporary && !is_synced && safe_wal_bytes === null && wal_status !== 'lost';
  return isEndless && (retained_bytes ?? 0) >= thresholds.retained_wal_bytes.warning;
}

/** A slot that is about to be invalidated, or fills the disk. */
export function slotFindings(slot: ReplicationSlot, context: Context): Finding[] {
  if (!isNearLoss(slot) && !isFillingDisk(slot)) return [];
  const {name, kind, is_active, retained_bytes, safe_wal_bytes, wal_status} = slot;
  const until_ms = untilLostMs(slot, context);
  const end = isNearLoss(slot)
    ? (safe_wal_bytes ?? 0) <= 0
      ? 'is invalidated at the next checkpoint'
      : `is invalidated after ${formatBytes(safe_wal_bytes)} more WAL${until_ms === null ? '' : ` (${inTime(until_ms)})`}`
    : 'keeps growing until the disk is full';
  return [
    {
      recipe: 'slot-wal',
      severity: 'warning',
      subject: `slot:${name}`,
      summary: `${kind} slot ${name} (${is_active ? 'active' : 'inactive'}) retains ${formatBytes(retained_bytes)} of WAL and ${end}`,
      evidence: {
        slot: name,
        is_active,
        retained_bytes,
        safe_wal_bytes,
        wal_status,
        ...(until_ms !== null && {until_lost_ms: Math.round(until_ms)}),
      },
      harm: {kind: 'soon', sessions: 0, share: 1, since: null},
      cause: 'slot-wal',
      confidence: 'certain',
      reasons: [
        isNearLoss(slot)
          ? 'max_slot_wal_keep_size limits what it may retain; beyond, the slot is invalidated.'
          : 'max_slot_wal_keep_size is -1, so that a slot retains WAL without a limit; a server whose disk is full stops.',
      ],
      acts: actsFor(slot),
    },
  ];
}

/** Of one without a consumer, at the rate at which WAL is written now; null if that is not known. */
function untilLostMs({is_active, safe_wal_bytes}: ReplicationSlot, {snapshot}: Context): number | null {
  const rate = steadyRates(snapshot)?.written_bytes_per_second ?? 0;
  return is_active || safe_wal_bytes === null || rate === 0
    ? null
    : (Math.max(0, safe_wal_bytes) / rate) * 1000;
}

/** Over less, a burst would look like a rate. */
export const leastRateMs = 10_000;

/** What the Server view has measured for long enough to date an end by it. */
export function steadyRates({server}: Context['snapshot']): WalRates | undefined {
  const rates = server?.wal?.rates;
  return rates !== undefined && rates.interval_ms >= leastRateMs ? rates : undefined;
}

type WalRates = NonNullable<WalState['rates']>;

function actsFor({name, is_active, is_temporary}: ReplicationSlot): Act[] {
  const rebuilt = 'a consumer whose slot is lost needs a new full copy';
  if (is_active || is_temporary)
    return [advice('find out why its consumer falls behind', {frees: null, costs: rebuilt})];
  return [advice('start its consumer again', {frees: null, costs: rebuilt}), dropSlotAct(name)];
}

/** What it retains is freed at the next checkpoint. */
export function dropSlotAct(name: string): Act {
  return {
    recipe: 'drop-replication-slot',
    params: {slot: name},
    title: `drop replication slot ${name}, if its consumer is gone for good`,
    frees: 'the next checkpoint frees the WAL that it retains',
    costs: 'irreversible: its consumer has to be set up again from a full copy',
  };
}
