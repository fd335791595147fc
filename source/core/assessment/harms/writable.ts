import type {Writable} from '../../../model/assessment.ts';
import type {WriteState} from '../../../model/server-facts.ts';
import {thresholds} from '../../health/thresholds.ts';
import {formatCount} from '../../text/format.ts';
import {inTime, isMended, type Readings, sequenceState, shortName, untilFullMs} from './sequence-state.ts';
import {idsLeft, isWithoutStandby, waitingForStandby} from './writes.ts';
import {isNearLoss} from './writes-slots.ts';

/**
 * Whether the server takes writes, and what will end that: `ok` is false if it takes none now, null as long as that is
 * not known. `reasons`: why not, or what limits it.
 */
export function writableOf(context: Readings): Writable {
  const {snapshot, facts} = context;
  const state = facts.write_state;
  if (snapshot.target.is_in_recovery)
    return {ok: false, reasons: ['standby: the server is in recovery and takes no writes']};
  const stops = state === undefined ? [] : stopsOf(state, context);
  if (stops.length > 0) return {ok: false, reasons: stops};
  return {ok: state === undefined ? null : true, reasons: [...limitsOf(context)]};
}

function stopsOf(state: WriteState, context: Readings): string[] {
  const {default_read_only, read_only_source, xids_left, multixacts_left} = state;
  const {oldest_database, oldest_multixact_database} = state;
  return [
    ...(default_read_only
      ? [`read-only: default_transaction_read_only is on (${read_only_source ?? 'source unknown'})`]
      : []),
    ...(xids_left <= 0
      ? [`no transaction ids are left: database ${oldest_database} has to be vacuumed`]
      : []),
    ...(multixacts_left <= 0
      ? [`no multixacts are left: database ${oldest_multixact_database} has to be vacuumed`]
      : []),
    ...(isWithoutStandby(state) && waitingForStandby(context) > 0
      ? [`every commit waits: no standby of ${state.synchronous_standby_names} is connected`]
      : []),
  ];
}

/** What will end writes, the nearest first. */
function limitsOf(context: Readings): string[] {
  const {write_state: state, sequences = [], replication} = context.facts;
  const full = sequences.flatMap(use => {
    const sequence = sequenceState(use);
    if (sequence === null || isMended(sequence, context)) return [];
    const name = use.table === null ? use.name : `${shortName(use.table)}.${use.table.column}`;
    if (sequence.full !== null) return [`${name} is full`];
    const until_ms = untilFullMs(sequence, context);
    return until_ms !== null && until_ms < thresholds.until_full_ms.warning
      ? [`${name} is full ${inTime(until_ms)}`]
      : [];
  });
  const slots = (replication?.slots ?? []).filter(isNearLoss).map(({name}) => `slot ${name} retains WAL`);
  return [
    ...full,
    ...(state === undefined
      ? []
      : idsLeft(state).map(({what, left}) => `${formatCount(left)} ${what} are left`)),
    ...slots,
    ...(state !== undefined && isWithoutStandby(state)
      ? [`commits wait for a standby: none of ${state.synchronous_standby_names} is connected`]
      : []),
  ];
}
