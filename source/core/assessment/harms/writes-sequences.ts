import type {Finding, Severity} from '../../../model/recipe.ts';
import {thresholds} from '../../health/thresholds.ts';
import {formatBytes, formatCount, formatRatio} from '../../text/format.ts';
import {type Context, windowMs} from '../context.ts';
import {actsOf} from './sequence-acts.ts';
import {
  describeFull,
  describeReferring,
  inTime,
  isMended,
  type SequenceState,
  sequenceState,
  sequenceSubject,
  tableName,
  untilFullMs,
} from './sequence-state.ts';

/** A sequence that is full or will be: a warning with its date, or without harm. */
export function examineSequences(context: Context): Finding[] {
  return (context.facts.sequences ?? []).flatMap(use => {
    const state = sequenceState(use);
    return state === null || isMended(state, context) ? [] : [sequenceFinding(state, context)];
  });
}

function sequenceFinding(state: SequenceState, context: Context): Finding {
  const {use, full} = state;
  const until_ms = full === null ? untilFullMs(state, context) : 0;
  const severity = severityOf(state, until_ms);
  const acts = actsOf(state);
  const referring = describeReferring(state);
  return {
    recipe: acts[0]?.recipe ?? 'full-column',
    severity: severity ?? 'warning',
    subject: sequenceSubject(use),
    summary: [
      full === null ? describeUse(state, until_ms, context) : `${describeFull(state)}: the next INSERT fails`,
      ...(full !== null && referring !== null ? [referring] : []),
    ].join('; '),
    evidence: sequenceEvidence(state, until_ms),
    params: acts[0]?.params ?? {},
    cause: 'full-column',
    ...(severity !== null && {harm: {kind: 'soon' as const, sessions: 0, share: 1, since: null}}),
    confidence: 'certain',
    reasons: reasonsOf(state),
    acts,
  };
}

/** null: no harm, and none by a date that matters now. */
function severityOf({full, used_ratio}: SequenceState, until_ms: number | null): Severity | null {
  const {until_full_ms, sequence_used_ratio} = thresholds;
  if (full !== null) return 'warning';
  if (until_ms === null) return used_ratio >= sequence_used_ratio.warning ? 'warning' : null;
  if (until_ms < until_full_ms.critical) return 'critical';
  return until_ms < until_full_ms.warning ? 'warning' : null;
}

function describeUse(
  {limits, use, used_ratio}: SequenceState,
  until_ms: number | null,
  context: Context,
): string {
  const [least] = limits;
  const used = `${least?.name} has used ${formatRatio(used_ratio, 1)} of its values (last ${use.last_value})`;
  if (until_ms === null) return `${used}; its rate is not known`;
  return `${used}: full ${inTime(until_ms)} at the rate of the last ${Math.round(windowMs(context) / 1000)} s`;
}

export function sequenceEvidence(
  {use, next, limits}: SequenceState,
  until_ms: number | null,
): Finding['evidence'] {
  return {
    sequence: `${use.schema}.${use.name}`,
    column: tableName(use),
    last_value: use.last_value,
    next_value: String(next),
    max_value: String(limits[0]?.max ?? ''),
    used_ratio: use.used_ratio,
    until_full_ms: until_ms === null ? null : Math.round(until_ms),
    table_size_bytes: use.table?.size_bytes ?? null,
    table_rows: use.table?.rows ?? null,
  };
}

export function reasonsOf({use, limits, next}: SequenceState): string[] {
  return [
    `Sequence ${use.schema}.${use.name} returned ${use.last_value}; its next value is ${next}.`,
    ...limits.map(({name, max}) => `${name} holds at most ${max}.`),
    ...(use.table === null
      ? []
      : [
          `${use.table.schema}.${use.table.name} has about ${formatCount(use.table.rows)} rows, ${formatBytes(use.table.size_bytes)}.`,
        ]),
  ];
}
