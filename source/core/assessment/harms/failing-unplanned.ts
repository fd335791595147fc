import type {PoolSample} from '../../../model/assessment.ts';
import type {Act, Confidence, Finding} from '../../../model/recipe.ts';
import type {SettingOverride} from '../../../model/recipe-data.ts';
import type {Obstacles} from '../../../model/server-facts.ts';
import type {Backend} from '../../../model/snapshot.ts';
import {describeWhere, effectiveOverride} from '../../roles/role-settings.ts';
import {relationsIn} from '../../sql/named-relations.ts';
import {statementName} from '../../sql/statement-name.ts';
import {counted} from '../../text/format.ts';
import {averageOf, type Context, heldSince, poolName, poolSubject, shareOf} from '../context.ts';
import {poolIn, poolKey} from '../sample.ts';
import {isUnplanned} from '../unplanned.ts';
import {grantActs, missingPrivilege, namesRelation} from './failing-obstacles.ts';
import {advice} from './failing-part.ts';
import {recentOf} from './failing-signs.ts';
import {resetActs, settingSubject} from './settings.ts';
import {addressesOf} from './slots-acts.ts';

/**
 * Statements that fail in parse analysis: an unknown table (42P01), column (42703) or function (42883), as after a deploy whose
 * migration did not run. The server counts no rollback for them until the session does something else (pgstat_report_stat).
 */
export function examineUnplanned(context: Context): Finding[] {
  const {samples, snapshot} = context;
  const last = samples.at(-1);
  // Most servers have none.
  if (
    !last?.pools.some(({unplanned}) => unplanned > 0) ||
    !reportsQueryIds(snapshot.target.server_version_num)
  )
    return [];
  const recent = recentOf(samples);
  if (recent.length < leastReadings) return [];
  return last.pools.flatMap(pool => {
    const average = averageOf(recent, sample => poolIn(sample, poolKey(pool))?.unplanned ?? 0);
    const isFailing = pool.unplanned > 0 && pool.sessions > 1 && average >= Math.max(1, pool.sessions / 4);
    return isFailing ? (findingOf(pool, average, context) ?? []) : [];
  });
}

const leastReadings = 5;

/**
 * Before these releases a statement of the extended protocol had no query id while it ran well, too: commit b36ee879 of
 * 18 September 2024, "Add missing query ID reporting in extended query protocol", in 14.14, 15.9, 16.5 and, by
 * the notes of pg_ensure_queryid, 17.0. Of 17.0 there is no other source, so it is left out.
 */
function reportsQueryIds(version: number): boolean {
  const least: Record<number, number> = {14: 14, 15: 9, 16: 5, 17: 1};
  const major = Math.floor(version / 10_000);
  return major > 17 || version % 10_000 >= (least[major] ?? Infinity);
}

function findingOf(pool: PoolSample, average: number, {samples, snapshot, facts}: Context): Finding | null {
  const sessions = snapshot.backends.filter(each => poolKey(each) === poolKey(pool));
  const example = sessions.find(isUnplanned);
  if (example === undefined) return null;
  const {application_name, usename: role, datname: database} = pool;
  const override = effectiveOverride(facts.setting_overrides ?? [], {role, database, name: 'search_path'});
  const isConnected = snapshot.target.database === database;
  const obstacles = isConnected ? facts.obstacles : undefined;
  const {cause, confidence, why, reasons, acts} =
    lackedSchema(sessions, obstacles) ??
    (override === null ? null : searchPath(override, sessions)) ??
    lostColumn(sessions, obstacles) ??
    unknownError;
  const isSeen = (sample: (typeof samples)[number]) => (poolIn(sample, poolKey(pool))?.unplanned ?? 0) > 0;
  return {
    recipe: acts[0]?.recipe ?? cause,
    ...(acts[0]?.recipe && {params: acts[0].params}),
    severity: average >= pool.sessions / 2 ? 'critical' : 'warning',
    subject: poolSubject(pool),
    summary: `statements of ${poolName(pool)} fail before they are planned (${statementName(example.query)}, last in ${pool.unplanned} of ${pool.sessions} sessions): ${why}`,
    evidence: {
      application_name,
      usename: role,
      sessions: pool.sessions,
      failed_last: pool.unplanned,
      ...(cause === 'search-path' && override !== null && {setting: override.name, value: override.value}),
    },
    harm: {
      kind: 'failing',
      sessions: average,
      share: shareOf(samples, isSeen),
      since: heldSince(samples, isSeen) ?? null,
    },
    cause,
    explains: [
      poolSubject(pool),
      `database:${database}/rollbacks`,
      ...(cause === 'search-path' && override !== null ? [settingSubject(override)] : []),
    ],
    confidence,
    reasons: [
      `The last statement of these sessions has no query id, which a statement gets when its tables and columns are known; others of the server have one.`,
      ...reasons,
    ],
    acts,
  };
}

type Reason = {cause: string; confidence: Confidence; why: string; reasons: string[]; acts: Act[]};

const unknownError: Reason = {
  cause: 'unplanned-statement',
  confidence: 'likely',
  why: 'an unknown table (42P01), column (42703) or function (42883); the server log has the error',
  reasons: [],
  acts: [
    advice('read the error in the server log, and compare the migrations that ran with the deploy', {
      frees: null,
      costs: 'ending sessions would not help',
    }),
  ],
};

function searchPath(override: SettingOverride, [first, ...others]: readonly Backend[]): Reason {
  const held = first === undefined ? [] : [first, ...others];
  const application_name = first?.application_name ?? '';
  return {
    cause: 'search-path',
    confidence: 'possible',
    why: `search_path = ${override.value} is set for ${describeWhere(override)}`,
    reasons: [],
    acts: resetActs(
      {override, held, application_name, after: override.set_at ?? null},
      'find their tables again',
    ),
  };
}

/** A schema that the statements name and that their role may not use. */
function lackedSchema(sessions: readonly Backend[], obstacles: Obstacles | undefined): Reason | null {
  const failed = sessions.filter(isUnplanned);
  const schemas = new Set(failed.flatMap(({query}) => relationsIn(query ?? '').map(({schema}) => schema)));
  const lacked = obstacles?.privileges.find(
    ({kind, role, name}) => kind === 'schema' && role === failed[0]?.usename && schemas.has(name),
  );
  if (lacked === undefined) return null;
  return {
    cause: missingPrivilege.cause,
    confidence: 'likely',
    why: `role ${lacked.role} may not use schema ${lacked.name} (42501)`,
    reasons: [`Role ${lacked.role} has no USAGE on schema ${lacked.name}, which the statements name.`],
    acts: grantActs(lacked),
  };
}

/** A column that is gone of a table that the statements name; after pg_upgrade each dropped column looks as if it were new. */
function lostColumn(sessions: readonly Backend[], obstacles: Obstacles | undefined): Reason | null {
  const texts = sessions.filter(isUnplanned).map(({query}) => query ?? '');
  const dropped = obstacles?.dropped_columns.find(
    ({table, xmin_age, ...of}) =>
      xmin_age < mostTransactions && texts.some(text => namesRelation(text, {...of, name: table})),
  );
  return dropped === undefined ? null : droppedColumn(dropped, sessions);
}

/** An older change is not why statements fail now. */
const mostTransactions = 1_000_000;

function droppedColumn(
  {table, xmin_age}: {table: string; xmin_age: number},
  sessions: readonly Backend[],
): Reason {
  const [failed, others] = [sessions.filter(isUnplanned), sessions.filter(each => !isUnplanned(each))];
  const failing = addressesOf(failed);
  const working = addressesOf(others).filter(address => !failing.includes(address));
  return {
    cause: 'dropped-column',
    confidence: 'possible',
    why: `a column of ${table} was dropped ${counted(xmin_age, 'transaction')} ago, which they may still name (42703)`,
    reasons: [
      'The server keeps neither the name nor the time of a dropped column. Prisma names every column of a model in its statements.',
      ...(working.length === 0
        ? []
        : [`Failing: ${failing.join(', ')}; working: ${working.join(', ')}. They may be of two releases.`]),
    ],
    acts: [
      advice('finish the deploy: replace the instances of the old release, or add the column again', {
        frees: 'their requests succeed again',
        costs: 'a column that is added again is empty; its values are in a backup only',
      }),
    ],
  };
}
