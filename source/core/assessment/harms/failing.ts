import type {Finding} from '../../../model/recipe.ts';
import {thresholds} from '../../health/thresholds.ts';
import type {Context} from '../context.ts';
import {deadlocksPerSecond} from './failing-deadlocks.ts';
import {serializationFailures, unknownErrors} from './failing-errors.ts';
import {obstaclesTo, obstructed} from './failing-obstacles.ts';
import {
  databaseSubject,
  distinct,
  evidenceOf,
  type Failure,
  failing,
  namesOf,
  type Pool,
  rateOf,
  signsOf,
} from './failing-part.ts';
import {roleSettings} from './failing-settings.ts';
import {abortedPools, recentOf, rollbacksOf, uncountedStatements, writersIn} from './failing-signs.ts';
import {isLasting} from './failing-uncounted.ts';
import {nameError, recentErrors} from './logged.ts';
import {actsOf} from './sequence-acts.ts';
import {
  describeFull,
  describeReferring,
  insertsInto,
  isMended,
  type SequenceState,
  sequenceState,
  sequenceSubject,
} from './sequence-state.ts';
import {
  describeReadOnly,
  type ReadOnlyCause,
  readOnlyCauses,
  readOnlyPart,
  readOnlyServerAct,
  readOnlyServerSubject,
  settingSubject,
  shortSource,
} from './settings.ts';
import {failingOnStandby, recycleActs} from './standby.ts';
import {reasonsOf, sequenceEvidence} from './writes-sequences.ts';

/**
 * Transactions that fail: rollbacks for which there is a known cause, or a sign of errors. An application that ends its
 * reads with ROLLBACK is healthy.
 */
export function examineFailing(context: Context): Finding[] {
  return rollbacksOf(context).flatMap(rollbacks => {
    const {datname} = rollbacks;
    const failure: Failure = {
      rollbacks,
      statements: uncountedStatements(datname, context),
      aborted: abortedPools(datname, context),
      context,
    };
    const caused = [
      ...fullColumns(failure),
      ...readOnly(failure),
      ...roleSettings(failure),
      ...impossible(failure),
    ];
    // Each deadlock rolls back: a finding of its own (failing-deadlocks.ts).
    const areDeadlocks = deadlocksPerSecond(datname, recentOf(context.samples)) * 2 >= rollbacks.per_second;
    if (caused.length > 0 || areDeadlocks) return caused;
    const conflicts = serializationFailures(failure);
    return conflicts.length > 0 ? conflicts : unknownErrors(failure);
  });
}

/** The catalog, which is read in the connected database only, says why its statements fail. */
function impossible(failure: Failure): Finding[] {
  const {context, rollbacks, aborted} = failure;
  if (context.snapshot.target.database !== rollbacks.datname) return [];
  const {rollback_ratio, rollbacks_per_second} = thresholds;
  /** An application may end its reads with ROLLBACK; a statement that fails beside them does so on its own evidence. */
  const isRollingBack =
    rollbacks.ratio >= rollback_ratio.warning &&
    (aborted.size > 0 || rollbacks.least_unasked_per_second >= rollbacks_per_second.warning);
  const statements = failure.statements.filter(each =>
    isRollingBack ? each.is_certain : isLasting(each, context),
  );
  const [first, ...others] = obstaclesTo(statements, context);
  if (first === undefined) return [];
  const pools = distinct([first, ...others].map(({statement}) => statement));
  const part = obstructed(
    [first, ...others],
    `${namesOf(pools)}: ${isRollingBack ? `${rateOf(failure)}; ` : ''}`,
  );
  return [
    {
      ...failing(failure, pools),
      severity: isRollingBack ? 'critical' : 'warning',
      evidence: evidenceOf(failure),
      explains: [databaseSubject(failure)],
      ...part,
      reasons: [...(part.reasons ?? []), ...signsOf(failure)],
    },
  ];
}

/** Sequences are read in the connected database only. */
function fullColumns(failure: Failure): Finding[] {
  const {context, rollbacks} = failure;
  const {snapshot, facts} = context;
  if (snapshot.target.database !== rollbacks.datname) return [];
  return (facts.sequences ?? []).flatMap(use => {
    const state = sequenceState(use);
    const {table} = use;
    if (state === null || state.full === null || table === null || isMended(state, context)) return [];
    const tables = [table, ...use.referring.map(({schema, table: name}) => ({schema, name}))];
    const inserting = writersIn(rollbacks.datname, context).filter(({statements}) =>
      [...statements].some(statement => tables.some(each => insertsInto(statement, each))),
    );
    return inserting.length === 0 ? [] : [fullColumnFinding(failure, state, distinct(inserting))];
  });
}

function fullColumnFinding(failure: Failure, state: SequenceState, pools: Pool[]): Finding {
  const acts = actsOf(state);
  const referring = describeReferring(state);
  return {
    ...failing(failure, pools),
    recipe: acts[0]?.recipe ?? 'full-column',
    severity: 'critical',
    summary: [
      describeFull(state),
      `${namesOf(pools)}: ${rateOf(failure)}`,
      ...(referring === null ? [] : [referring]),
    ].join('; '),
    evidence: {...evidenceOf(failure), ...sequenceEvidence(state, 0)},
    params: acts[0]?.params ?? {},
    cause: 'full-column',
    explains: [sequenceSubject(state.use), databaseSubject(failure)],
    confidence: 'certain',
    reasons: [...reasonsOf(state), ...signsOf(failure)],
    acts,
  };
}

function readOnly(failure: Failure): Finding[] {
  const {context, rollbacks} = failure;
  const causes = readOnlyCauses(rollbacks.datname, context);
  if (causes.length > 0) return causes.map(cause => readOnlyFinding(failure, cause));
  const refused = recentErrors(context, rollbacks.datname).filter(({sqlstate}) => sqlstate === '25006');
  const logged = refused.flatMap(({pool}) => pool ?? []);
  const writers = logged.length > 0 ? logged : writersIn(rollbacks.datname, context);
  if (writers.length === 0) return [];
  return serverReadOnly(failure, distinct(writers), refused.map(nameError));
}

function readOnlyFinding(failure: Failure, cause: ReadOnlyCause): Finding {
  return {
    ...failing(failure, [cause]),
    severity: 'critical',
    summary: `${describeReadOnly(cause)}; ${rateOf(failure)}`,
    evidence: {
      ...evidenceOf(failure),
      setting: cause.override.name,
      value: cause.override.value,
      begun_after: cause.after,
      held_sessions: cause.held.length,
    },
    ...readOnlyPart(cause),
    explains: [settingSubject(cause.override), databaseSubject(failure)],
  };
}

/** The whole server: a standby, or its configuration. */
function serverReadOnly(failure: Failure, pools: Pool[], logged: string[]): Finding[] {
  const {snapshot, facts} = failure.context;
  const state = facts.write_state;
  const common = {...failing(failure, pools), severity: 'critical' as const, evidence: evidenceOf(failure)};
  const explains = ['server', readOnlyServerSubject, databaseSubject(failure)];
  if (snapshot.target.is_in_recovery) return [failingOnStandby(failure, pools, {explains, logged})];
  if (state?.default_read_only !== true) return [];
  return [
    {
      ...common,
      recipe: 'read-only-server',
      cause: 'read-only-server',
      summary: `the server is read-only: default_transaction_read_only is on (${shortSource(state.read_only_source)}); ${namesOf(pools)}: ${rateOf(failure)}`,
      explains,
      confidence: 'certain',
      reasons: [
        `default_transaction_read_only is on in the server's settings (${state.read_only_source ?? 'source unknown'}): every session without its own value is read-only.`,
        ...signsOf(failure),
        ...logged,
      ],
      acts: [readOnlyServerAct(state.read_only_source), ...recycleActs(pools)],
    },
  ];
}
