import type {PoolSample} from '../../../model/assessment.ts';
import type {Finding} from '../../../model/recipe.ts';
import {describeWhere, effectiveOverride} from '../../roles/role-settings.ts';
import {statementName} from '../../sql/statement-name.ts';
import {averageOf, type Context, heldSince, poolName, poolSubject, shareOf} from '../context.ts';
import {poolIn, poolKey} from '../sample.ts';
import {isUnplanned} from '../unplanned.ts';
import {advice} from './failing-part.ts';
import {recentOf} from './failing-signs.ts';
import {resetActs, settingSubject} from './settings.ts';

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
  const acts =
    override === null
      ? [
          advice('read the error in the server log, and compare the migrations that ran with the deploy', {
            frees: null,
            costs: 'nothing; ending sessions would not help',
          }),
        ]
      : resetActs(
          {override, held: sessions, application_name, after: override.set_at ?? null},
          'find their tables again',
        );
  const isSeen = (sample: (typeof samples)[number]) => (poolIn(sample, poolKey(pool))?.unplanned ?? 0) > 0;
  const cause = override === null ? 'unplanned-statement' : 'search-path';
  const setting =
    override === null
      ? 'an unknown table (42P01), column (42703) or function (42883); the server log has the error'
      : `search_path = ${override.value} is set for ${describeWhere(override)}`;
  return {
    recipe: acts[0]?.recipe ?? cause,
    ...(acts[0]?.recipe && {params: acts[0].params}),
    severity: average >= pool.sessions / 2 ? 'critical' : 'warning',
    subject: poolSubject(pool),
    summary: `statements of ${poolName(pool)} fail before they are planned (${statementName(example.query)}, last in ${pool.unplanned} of ${pool.sessions} sessions): ${setting}`,
    evidence: {
      application_name,
      usename: role,
      sessions: pool.sessions,
      failed_last: pool.unplanned,
      ...(override !== null && {setting: override.name, value: override.value}),
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
      ...(override === null ? [] : [settingSubject(override)]),
    ],
    confidence: override === null ? 'likely' : 'possible',
    reasons: [
      `The last statement of these sessions has no query id, which a statement gets when its tables and columns are known; others of the server have one.`,
    ],
    acts,
  };
}
