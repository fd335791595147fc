import type {Finding} from '../../../model/recipe.ts';
import type {SettingOverride} from '../../../model/recipe-data.ts';
import type {Backend} from '../../../model/snapshot.ts';
import {groupBy} from '../../group-by.ts';
import {thresholds} from '../../health/thresholds.ts';
import {describeWhere, effectiveOverride} from '../../roles/role-settings.ts';
import {poolName} from '../context.ts';
import {poolKey} from '../sample.ts';
import {databaseSubject, evidenceOf, type Failure, failing, rateOf, signsOf} from './failing-part.ts';
import {resetActs, settingSubject} from './settings.ts';

/** Statements that a setting of their role or database makes fail: a timeout of a moment. */
export function roleSettings(failure: Failure): Finding[] {
  const {context, rollbacks} = failure;
  const {snapshot, facts} = context;
  const overrides = facts.setting_overrides ?? [];
  const unasked = rollbacks.unasked_per_second ?? 0;
  const isFailing =
    rollbacks.ratio >= thresholds.rollback_ratio.warning &&
    (unasked >= thresholds.rollbacks_per_second.warning || failure.aborted.size > 0);
  if (overrides.length === 0 || !isFailing) return [];
  const pools = groupBy(
    snapshot.backends.filter(({datname}) => datname === rollbacks.datname),
    poolKey,
  );
  return [...pools.values()].flatMap(sessions => {
    const [first] = sessions;
    if (first === undefined || first.usename === null) return [];
    const of = {role: first.usename, database: rollbacks.datname};
    const timeout = timeoutNames
      .flatMap(name => effectiveOverride(overrides, {...of, name}) ?? [])
      .find(({value}) => isShort(value));
    if (timeout === undefined || !hasFailed(first, failure)) return [];
    return findingOf(failure, sessions, {
      override: timeout,
      cause: 'short-timeout',
      text: `statements of ${poolName(first)} are cancelled (${sqlstates[timeout.name]})`,
      works: 'run as long as they need',
    });
  });
}

const sqlstates: Record<string, string> = {
  statement_timeout: '57014',
  lock_timeout: '55P03',
  transaction_timeout: '25P04',
};
const timeoutNames = Object.keys(sqlstates);

/** `1ms`, `500`; without a unit milliseconds. 0 is no timeout. */
function isShort(value: string): boolean {
  const [, amount, unit = 'ms'] = /^\s*(\d+(?:\.\d+)?)\s*(us|ms|s)?\s*$/.exec(value) ?? [];
  const ms = Number(amount ?? 0) * ({us: 0.001, ms: 1, s: 1000}[unit] ?? 1);
  return ms > 0 && ms <= thresholds.short_statement_timeout_ms.warning;
}

/** There is a sign of its errors: a statement that never completed, or aborted transactions. */
function hasFailed(
  {application_name, usename}: Backend,
  {statements, aborted}: Pick<Failure, 'statements' | 'aborted'>,
): boolean {
  return (
    statements.some(each => each.application_name === application_name && each.usename === usename) ||
    aborted.has(`${application_name}\0${usename}`)
  );
}

function findingOf(
  failure: Failure,
  sessions: readonly Backend[],
  {override, cause, text, works}: {override: SettingOverride; cause: string; text: string; works: string},
): Finding[] {
  const [first] = sessions;
  if (first === undefined) return [];
  const {application_name, usename} = first;
  const after = override.set_at ?? null;
  const held = sessions.filter(({backend_start}) => after === null || (backend_start ?? '') > after);
  // The role does not show what a session set for itself; those begun before the setting have the old value.
  if (held.length === 0) return [];
  const acts = resetActs({override, held: [...held], application_name, after}, works);
  return [
    {
      ...failing(failure, [{application_name, usename: usename ?? ''}]),
      recipe: acts[0]?.recipe ?? cause,
      severity: failure.rollbacks.ratio >= thresholds.rollback_ratio.critical ? 'critical' : 'warning',
      summary: `${text}: ${override.name} = ${override.value} is set for ${describeWhere(override)}; ${rateOf(failure)}`,
      evidence: {
        ...evidenceOf(failure),
        setting: override.name,
        value: override.value,
        held_sessions: held.length,
      },
      params: acts[0]?.params ?? {},
      cause,
      explains: [settingSubject(override), databaseSubject(failure)],
      confidence: 'likely',
      reasons: [
        `${override.name} = ${override.value} is set for ${describeWhere(override)}; it applies to sessions that began after it was set${after === null ? '' : ` (${after})`}.`,
        'The error itself is in the server log only.',
        ...signsOf(failure),
      ],
      acts,
    },
  ];
}
