import type {PoolSample} from '../../../model/assessment.ts';
import type {Confidence, Finding} from '../../../model/recipe.ts';
import type {SettingOverride} from '../../../model/recipe-data.ts';
import type {Backend} from '../../../model/snapshot.ts';
import {thresholds} from '../../health/thresholds.ts';
import {describeWhere, effectiveOverride} from '../../roles/role-settings.ts';
import {poolName, sessionsByPool} from '../context.ts';
import {poolIn, poolKey} from '../sample.ts';
import {databaseSubject, evidenceOf, type Failure, failing, rateOf, signsOf} from './failing-part.ts';
import {recentOf} from './failing-signs.ts';
import {recentErrors} from './logged.ts';
import {resetActs, settingSubject} from './settings.ts';

/** Statements and sessions that a setting of their role or database makes fail: a timeout of a moment. */
export function roleSettings(failure: Failure): Finding[] {
  const {context, rollbacks} = failure;
  const {snapshot, facts} = context;
  const overrides = facts.setting_overrides ?? [];
  const unasked = rollbacks.least_unasked_per_second;
  const isFailing =
    rollbacks.ratio >= thresholds.rollback_ratio.warning &&
    (unasked >= thresholds.rollbacks_per_second.warning || failure.aborted.size > 0);
  if (overrides.length === 0 || !isFailing) return [];
  // One whose sessions are ended again and again may have none in this reading.
  const pools = recentOf(context.samples)
    .flatMap(sample => sample.pools)
    .filter(({datname}) => datname === rollbacks.datname);
  const now = sessionsByPool(snapshot);
  return [...new Map(pools.map(pool => [poolKey(pool), pool])).values()].flatMap(pool => {
    const part = {failure, pool, sessions: now.get(poolKey(pool)) ?? []};
    const override = (name: string) =>
      effectiveOverride(overrides, {role: pool.usename, database: rollbacks.datname, name});
    const idle = override('idle_in_transaction_session_timeout');
    if (idle !== null && areEnded(part, idle.value))
      return findingOf(part, {
        override: idle,
        confidence: 'likely',
        text: `sessions of ${poolName(pool)} are ended inside their transactions (25P03)`,
        works: 'wait inside a transaction as long as they need',
      });
    const timeout = timeoutNames.flatMap(name => override(name) ?? []).find(({value}) => isShort(value));
    if (timeout === undefined || part.sessions.length === 0) return [];
    const hasSign = hasFailed(pool, failure) || isLogged(pool, sqlstates[timeout.name], failure);
    if (!hasSign && (pools.some(each => poolKey(each) !== poolKey(pool)) || !areErrorsHidden(failure)))
      return [];
    return findingOf(part, {
      override: timeout,
      confidence: hasSign ? 'likely' : 'possible',
      text: `statements of ${poolName(pool)} ${hasSign ? 'are' : 'may be'} cancelled (${sqlstates[timeout.name]})`,
      works: 'run as long as they need',
    });
  });
}

/** An application of the failing database, with its sessions now. */
type Part = {failure: Failure; pool: PoolSample; sessions: readonly Backend[]};

const sqlstates: Record<string, string> = {
  statement_timeout: '57014',
  lock_timeout: '55P03',
  transaction_timeout: '25P04',
};
const timeoutNames = Object.keys(sqlstates);

function isShort(value: string): boolean {
  const ms = timeoutMs(value);
  return ms > 0 && ms <= thresholds.short_statement_timeout_ms.warning;
}

/** `1ms`, `500`; without a unit milliseconds. 0 is no timeout. */
function timeoutMs(value: string): number {
  const [, amount, unit = 'ms'] = /^\s*(\d+(?:\.\d+)?)\s*(us|ms|s|min)?\s*$/.exec(value) ?? [];
  return Number(amount ?? 0) * ({us: 0.001, ms: 1, s: 1000, min: 60_000}[unit] ?? 1);
}

/** The pool opens sessions again and again, none is idle in a transaction for longer than that, and some are. */
function areEnded({failure, pool, sessions}: Part, value: string): boolean {
  const limit_ms = timeoutMs(value);
  if (limit_ms === 0) return false;
  const pools = recentOf(failure.context.samples).flatMap(sample => poolIn(sample, poolKey(pool)) ?? []);
  const opened = pools.slice(1).filter(({begun}) => begun > 0).length;
  const isOverLimit = sessions.some(
    ({state, state_age_ms}) =>
      state?.startsWith('idle in transaction') === true && (state_age_ms ?? 0) > limit_ms + overdue_ms,
  );
  return (
    !isOverLimit &&
    opened >= Math.max(2, pools.length / 3) &&
    pools.some(({idle_in_transaction}) => idle_in_transaction > 0)
  );
}

/** Of a session whose end is under way. */
const overdue_ms = 1000;

/** The server's log has this error of its sessions. */
function isLogged(
  {application_name, usename, datname}: PoolSample,
  code: string | undefined,
  {context}: Failure,
): boolean {
  return recentErrors(context, datname).some(
    ({sqlstate, pool}) =>
      sqlstate === code && pool?.application_name === application_name && pool.usename === usename,
  );
}

/** Statements that fail cannot be seen: there is no log, and sessions have no query id (before PG14, or compute_query_id is off). */
function areErrorsHidden({context: {snapshot, facts}}: Failure): boolean {
  return facts.server_log === undefined && snapshot.backends.every(({query_id}) => query_id === null);
}

/** There is a sign of its errors: a statement that never completed, or aborted transactions. */
function hasFailed(
  {application_name, usename}: PoolSample,
  {statements, aborted}: Pick<Failure, 'statements' | 'aborted'>,
): boolean {
  return (
    statements.some(each => each.application_name === application_name && each.usename === usename) ||
    aborted.has(`${application_name}\0${usename}`)
  );
}

type Explained = {override: SettingOverride; confidence: Confidence; text: string; works: string};

function findingOf(
  {failure, pool, sessions}: Part,
  {override, confidence, text, works}: Explained,
): Finding[] {
  const {application_name, usename} = pool;
  const after = override.set_at ?? null;
  const held = sessions.filter(({backend_start}) => after === null || (backend_start ?? '') > after);
  // The role does not show what a session set for itself; those begun before the setting have the old value.
  if (sessions.length > 0 && held.length === 0) return [];
  const all = resetActs({override, held, application_name, after}, works);
  const acts = held.length === 0 ? all.slice(-1) : all;
  return [
    {
      ...failing(failure, [{application_name, usename}]),
      recipe: acts[0]?.recipe ?? 'short-timeout',
      severity: failure.rollbacks.ratio >= thresholds.rollback_ratio.critical ? 'critical' : 'warning',
      summary: `${text}: ${override.name} = ${override.value} is set for ${describeWhere(override)}; ${rateOf(failure)}`,
      evidence: {
        ...evidenceOf(failure),
        setting: override.name,
        value: override.value,
        held_sessions: held.length,
      },
      params: acts[0]?.params ?? {},
      cause: 'short-timeout',
      explains: [settingSubject(override), databaseSubject(failure)],
      confidence,
      reasons: [
        `${override.name} = ${override.value} is set for ${describeWhere(override)}; it applies to sessions that began after it was set${after === null ? '' : ` (${after})`}.`,
        'The error itself is in the server log only.',
        ...signsOf(failure),
      ],
      acts,
    },
  ];
}
