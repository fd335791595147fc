import type {Finding, Severity} from '../../../model/recipe.ts';
import {groupBy, mostOf} from '../../group-by.ts';
import {thresholds} from '../../health/thresholds.ts';
import {describeWhere, effectiveOverride} from '../../roles/role-settings.ts';
import {counted} from '../../text/format.ts';
import {type Context, poolSubject} from '../context.ts';
import {changedTable} from '../locked-object.ts';
import {writingStatement} from '../writing-statement.ts';
import {
  advice,
  databaseSubject,
  distinct,
  evidenceOf,
  type Failure,
  failing,
  nameStatement,
  namesOf,
  type Pool,
  poolsOf,
  poolsOfKeys,
  rateOf,
  signsOf,
  statementsOf,
} from './failing-part.ts';
import {recentOf, type UncountedStatement} from './failing-signs.ts';
import {nameError, type RecentError, recentErrors} from './logged.ts';
import {resetActs, settingSubject} from './settings.ts';

/** Errors whose kind the server's views do not show: its log does, if it can be read. */
export function unknownErrors(failure: Failure): Finding[] {
  const {rollbacks, statements, aborted, context} = failure;
  const {per_second, ratio, least_unasked_per_second: unasked} = rollbacks;
  const {rollbacks_per_second, rollback_ratio} = thresholds;
  if (ratio < rollback_ratio.warning) return [];
  const certain = statements.filter(({is_certain}) => is_certain);
  const abortedSeen = [...aborted.values()].reduce((sum, count) => sum + count, 0);
  const isAborted =
    abortedSeen >= Math.max(leastAborted, recentOf(context.samples).length * leastAbortedShare);
  const isUnasked =
    unasked >= rollbacks_per_second.warning && (unasked / per_second) * ratio >= rollback_ratio.warning;
  if (!isAborted && certain.length === 0 && !isUnasked) return [];
  // The log names the errors; that they are what rolls back it does not say.
  const logged = loggedErrors(failure);
  if (logged.length > 0) return [loggedFinding(failure, logged)];
  if (isAborted) return [errorFinding(failure, 'aborted-transactions', poolsOfKeys(aborted))];
  if (certain.length > 0) return [errorFinding(failure, 'failing-statement', distinct(certain))];
  const seen = statements.length > 0 ? distinct(statements) : poolsOfKeys(aborted);
  const pools = seen.length > 0 ? seen : workingPools(failure);
  return [errorFinding(failure, statements.length > 0 ? 'failing-statement' : 'rollbacks', pools)];
}

/**
 * Transactions that see one state of the data from beginning to end fail when others have changed it (40001), many of them where
 * many touch the same rows.
 */
export function serializationFailures(failure: Failure): Finding[] {
  const {rollbacks, aborted} = failure;
  const {rollbacks_per_second, rollback_ratio} = thresholds;
  const isFailing =
    rollbacks.ratio >= rollback_ratio.warning &&
    (aborted.size > 0 || rollbacks.least_unasked_per_second >= rollbacks_per_second.warning);
  // Where the log has what fails, it names it.
  const [logged] = loggedErrors(failure);
  if (!isFailing || (logged !== undefined && logged.sqlstate !== '40001')) return [];
  const pools = [...workingPools(failure), ...poolsOfKeys(aborted)];
  const strict = distinct(pools).flatMap(pool => {
    const how = isolationOf(pool, failure);
    return how === null ? [] : {pool, how};
  });
  const [first] = strict;
  if (first === undefined) return [];
  const names = strict.map(({pool}) => pool);
  return [
    {
      ...failing(failure, names),
      recipe: 'serialization-failures',
      severity: severityOf(failure),
      summary: `${namesOf(names)}: ${rateOf(failure)}; its transactions are ${first.how}: they conflict with each other (40001)`,
      evidence: {...evidenceOf(failure), isolation: first.how},
      cause: 'serialization-failures',
      explains: [databaseSubject(failure)],
      confidence: 'likely',
      reasons: [
        ...signsOf(failure),
        ...(logged === undefined ? [] : [nameError(logged)]),
        'A SERIALIZABLE or REPEATABLE READ transaction fails (40001) when another has changed what it read or writes. The error itself is in the server log only.',
      ],
      acts: [
        advice('retry 40001 in the application, the whole transaction; keep these transactions short', {
          frees: null,
          costs: 'an application change; ending sessions would not help',
        }),
        advice('let transactions of this kind queue: SELECT ... FOR UPDATE in READ COMMITTED', {
          frees: null,
          costs: 'an application change; they wait instead of failing',
        }),
      ],
    },
  ];
}

const strictLevel = /serializable|repeatable read/i;

/** `SERIALIZABLE (default_transaction_isolation, set for role seats)`; null: as far as is seen, READ COMMITTED. */
function isolationOf({application_name, usename}: Pool, {rollbacks, context}: Failure): string | null {
  const {snapshot, facts} = context;
  const {datname} = rollbacks;
  const name = 'default_transaction_isolation';
  const override = effectiveOverride(facts.setting_overrides ?? [], {role: usename, database: datname, name});
  if (override !== null && strictLevel.test(override.value))
    return `${override.value.toUpperCase()} (${name}, set for ${describeWhere(override)})`;
  const own = snapshot.backends.filter(
    each =>
      each.datname === datname && each.usename === usename && each.application_name === application_name,
  );
  const counted = snapshot.statements.filter(
    each => each.datname === datname && each.usename === usename && (each.rates?.calls_per_second ?? 0) > 0,
  );
  const begins = [...own, ...counted].flatMap(
    ({query}) =>
      /^\s*(?:begin|start|set)\b.*isolation\s+level\s+(serializable|repeatable\s+read)/i.exec(query ?? '') ??
      [],
  );
  return begins[1]?.toUpperCase() ?? null;
}

function loggedErrors({rollbacks, context}: Failure): RecentError[] {
  return recentErrors(context, rollbacks.datname).filter(({count}) => count >= leastLogged);
}

/** Fewer are not what makes most of the transactions fail. */
const leastLogged = 3;

/** Sessions in an aborted transaction per reading: one now and then is an error that was handled. */
const leastAborted = 3;
const leastAbortedShare = 0.2;

function errorFinding(
  failure: Failure,
  cause: 'aborted-transactions' | 'failing-statement' | 'rollbacks',
  pools: Pool[],
): Finding {
  const {rollbacks, context} = failure;
  const [statement] = statementsOf(failure, pools);
  const what = {
    'aborted-transactions': `a statement fails inside its transactions${statement === undefined ? '' : ` (${nameStatement(statement.query)})`}`,
    'failing-statement': `${nameStatement(statement?.query ?? '')} began ${counted(statement?.seen ?? 0, 'time')} in the snapshots and never completed`,
    rollbacks: `statements fail${lastWritten(pools, failure)}`,
  }[cause];
  return {
    ...failing(failure, pools),
    recipe: cause,
    severity: severityOf(failure),
    summary: `${namesOf(pools) || `database ${rollbacks.datname}`}: ${rateOf(failure)}; ${what}; the server log has the error`,
    evidence: {...evidenceOf(failure), ...(statement !== undefined && {statement: statement.query})},
    cause,
    explains: [databaseSubject(failure)],
    confidence: cause === 'rollbacks' ? 'possible' : 'likely',
    reasons: [
      ...signsOf(failure),
      'The error itself cannot be seen from here: a failed statement is neither in pg_stat_statements nor, for long, in pg_stat_activity.',
      ...likelyErrors(statement, context),
    ],
    acts: [
      advice(`read the error in the server log or the application's log${logFilter(pools)}`, {
        frees: null,
        costs: 'ending sessions would not help, as they change',
      }),
    ],
  };
}

/** What most of the applications' sessions did last, where no statement is known to fail: before PostgreSQL 14 none has an id. */
function lastWritten(pools: readonly Pool[], {context, rollbacks}: Failure): string {
  const last = context.snapshot.backends.filter(
    ({datname, application_name, usename}) =>
      datname === rollbacks.datname &&
      pools.some(pool => pool.application_name === application_name && pool.usename === usename),
  );
  const written = last.flatMap(({query}) => writingStatement(query) ?? []);
  const {value, count} = mostOf(written, each => each);
  return count * 2 > last.length
    ? `, perhaps ${value}, the last one of ${count} of ${counted(last.length, 'session')}`
    : '';
}

/** The most frequent error of the log, with the application that gets it. */
function loggedFinding(failure: Failure, logged: readonly RecentError[]): Finding {
  const [most] = logged as [RecentError];
  const {sqlstate, message, statement} = most;
  const alike = logged.filter(each => each.sqlstate === sqlstate);
  const pools = distinct(alike.flatMap(({pool}) => pool ?? []));
  const path = notFound.test(sqlstate ?? '') ? searchPathOf(pools[0], failure) : null;
  return {
    ...failing(failure, pools),
    recipe: path?.acts[0]?.recipe ?? 'failing-statement',
    ...(path?.acts[0]?.recipe && {params: path.acts[0].params}),
    severity: severityOf(failure),
    summary: `${namesOf(pools) || `database ${failure.rollbacks.datname}`}: ${rateOf(failure)}; ${nameError(most)}${path === null ? '' : `: search_path = ${path.override.value} is set for ${describeWhere(path.override)}`}`,
    evidence: {...evidenceOf(failure), sqlstate, message, ...(statement !== null && {statement})},
    cause: path === null ? 'failing-statement' : 'search-path',
    explains: [
      databaseSubject(failure),
      ...(path === null ? [] : [settingSubject(path.override), ...pools.map(poolSubject)]),
    ],
    confidence: 'likely',
    reasons: [...signsOf(failure), ...logged.slice(0, mostNamed).map(nameError)],
    acts: path?.acts ?? [
      advice(`fix the cause of ${sqlstate ?? message} in ${namesOf(pools) || 'the application'}`, {
        frees: null,
        costs: 'an application change; ending sessions would not help',
      }),
    ],
  };
}

const mostNamed = 5;

/** An unknown table, column, function or schema. */
const notFound = /^(?:42P01|42703|42883|3F000)$/;

/** What ALTER ROLE or ALTER DATABASE ... SET search_path makes statements of an application look past. */
function searchPathOf(pool: Pool | undefined, {rollbacks: {datname}, context}: Failure) {
  if (pool === undefined) return null;
  const {application_name, usename: role} = pool;
  const overrides = context.facts.setting_overrides ?? [];
  const override = effectiveOverride(overrides, {role, database: datname, name: 'search_path'});
  if (override === null) return null;
  const held = context.snapshot.backends.filter(
    each => each.datname === datname && each.usename === role && each.application_name === application_name,
  );
  const after = override.set_at ?? null;
  return {override, acts: resetActs({override, held, application_name, after}, 'find their tables again')};
}

function severityOf({rollbacks}: Failure): Severity {
  return rollbacks.ratio >= thresholds.rollback_ratio.critical ? 'critical' : 'warning';
}

function logFilter([pool]: Pool[]): string {
  return pool === undefined
    ? ''
    : ` (application ${pool.application_name || '(no name)'}, role ${pool.usename})`;
}

/** What a statement of this kind mostly fails with. */
function likelyErrors(statement: UncountedStatement | undefined, {facts}: Context): string[] {
  if (statement === undefined || writingStatement(statement.query) === null) return [];
  const table = changedTable(statement.query);
  const keys = (facts.foreign_keys ?? []).filter(each => each.table === table).map(({name}) => name);
  return [
    `A write to ${table ?? 'a table'} mostly fails with 23505 (unique), 23503 (foreign key${keys.length > 0 ? ` ${keys.join(', ')}` : ''}), 23502 (not null), 42501 (privilege) or 22003 (out of range).`,
  ];
}

/** Applications that begin statements in the database in every other reading at least; the writing ones, if there are any. */
function workingPools({rollbacks, context}: Failure): Pool[] {
  const recent = recentOf(context.samples);
  const begun = recent.flatMap(({begun: own}, reading) =>
    own.filter(({datname}) => datname === rollbacks.datname).map(each => ({...each, reading})),
  );
  const often = [...groupBy(begun, each => `${each.application_name}\0${each.usename}`).values()].filter(
    own => new Set(own.map(({reading}) => reading)).size * 2 >= recent.length,
  );
  const writing = often.filter(own => own.some(({writes}) => writes !== undefined));
  const working = (writing.length > 0 ? writing : often).flat();
  return working.length > 0 ? distinct(working) : lastSeen({rollbacks, context});
}

/** The same where no statement has an id (before PostgreSQL 14, or without compute_query_id): by the last statements. */
function lastSeen({rollbacks, context}: Pick<Failure, 'rollbacks' | 'context'>): Pool[] {
  const working = context.snapshot.backends.filter(
    ({datname, query_age_ms, query}) =>
      datname === rollbacks.datname && query !== null && (query_age_ms ?? Infinity) < recentMs,
  );
  const writing = working.filter(({query}) => writingStatement(query) !== null);
  return poolsOf(writing.length > 0 ? writing : working);
}

const recentMs = 5000;
