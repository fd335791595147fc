import type {Act, Finding, Harm} from '../../../model/recipe.ts';
import {thresholds} from '../../health/thresholds.ts';
import {withoutLeadingComments} from '../../sql/leading-comments.ts';
import {counted, formatRatio} from '../../text/format.ts';
import {type Context, poolName, poolSubject} from '../context.ts';
import {writingStatement} from '../writing-statement.ts';
import type {Rollbacks, UncountedStatement} from './failing-signs.ts';

export type Pool = {application_name: string; usename: string};

/** A database that rolls back, and what points at errors. */
export type Failure = {
  rollbacks: Rollbacks;
  statements: UncountedStatement[];
  /** Sessions in an aborted transaction, summed over the readings, by application. */
  aborted: Map<string, number>;
  context: Context;
};

/** The part that findings of failing transactions share. */
export function failing(failure: Failure, pools: Pool[]): Pick<Finding, 'subject'> & {harm: Harm} {
  const {rollbacks, context} = failure;
  const [pool] = pools;
  const isCulprit = ({application_name, usename}: {application_name: string; usename: string | null}) =>
    pools.some(each => each.application_name === application_name && each.usename === (usename ?? ''));
  return {
    subject: pool === undefined ? databaseSubject(failure) : poolSubject(pool),
    harm: {
      kind: 'failing',
      sessions: context.snapshot.backends.filter(isCulprit).length,
      share: rollbacks.share,
      since: rollbacks.since,
    },
  };
}

export function databaseSubject({rollbacks}: Failure): string {
  return `database:${rollbacks.datname}/rollbacks`;
}

/** `79 rollbacks/s, 100% of app's transactions`. */
export function rateOf({rollbacks: {per_second, ratio, datname}}: Failure): string {
  const rate = per_second < 10 ? per_second.toFixed(1) : String(Math.round(per_second));
  return `${rate} rollbacks/s, ${formatRatio(ratio, 0)} of ${datname}'s transactions`;
}

export function evidenceOf({rollbacks}: Failure): Finding['evidence'] {
  const {datname, per_second, ratio, unasked_per_second} = rollbacks;
  return {
    database: datname,
    rollbacks_per_second: round(per_second),
    rollback_ratio: round(ratio),
    unasked_rollbacks_per_second: unasked_per_second === null ? null : round(unasked_per_second),
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

export function signsOf({rollbacks, statements, aborted}: Failure): string[] {
  const {unasked_per_second, least_unasked_per_second, per_second} = rollbacks;
  const abortedSeen = [...aborted.values()].reduce((sum, count) => sum + count, 0);
  return [
    ...(unasked_per_second === null || least_unasked_per_second < thresholds.rollbacks_per_second.warning
      ? []
      : [
          `${unasked_per_second.toFixed(1)} of ${per_second.toFixed(1)} rollbacks/s were not asked for by a ROLLBACK: their statements failed.`,
        ]),
    ...statements.map(
      ({query, seen, application_name, usename}) =>
        `${nameStatement(query)} of ${poolName({application_name, usename})} began ${counted(seen, 'time')} in the snapshots; pg_stat_statements, which counts what completes, did not count it.`,
    ),
    ...(abortedSeen === 0
      ? []
      : [`Sessions were in an aborted transaction ${counted(abortedSeen, 'time')} in the snapshots.`]),
  ];
}

/** `INSERT INTO readings`; of another statement its first words. */
export function nameStatement(query: string): string {
  const words = withoutLeadingComments(query).replaceAll(/\s+/g, ' ');
  return writingStatement(query) ?? [...words].slice(0, 50).join('').trim();
}

export function statementsOf({statements}: Failure, pools: Pool[]): UncountedStatement[] {
  return statements.filter(each => pools.some(pool => isSame(pool, each))).sort((a, b) => b.seen - a.seen);
}

export function poolsOf(backends: readonly {application_name: string; usename: string | null}[]): Pool[] {
  return distinct(
    backends.map(({application_name, usename}) => ({application_name, usename: usename ?? ''})),
  );
}

export function poolsOfKeys(seen: ReadonlyMap<string, number>): Pool[] {
  return [...seen]
    .sort(([, a], [, b]) => b - a)
    .map(([key]) => {
      const [application_name = '', usename = ''] = key.split('\0');
      return {application_name, usename};
    });
}

/** The one with most sessions first. */
export function distinct(pools: readonly Pool[]): Pool[] {
  const counts = new Map<string, {pool: Pool; count: number}>();
  for (const {application_name, usename} of pools) {
    const key = `${application_name}\0${usename}`;
    const own = counts.get(key) ?? {pool: {application_name, usename}, count: 0};
    counts.set(key, {...own, count: own.count + 1});
  }
  return [...counts.values()].sort((a, b) => b.count - a.count).map(({pool}) => pool);
}

function isSame(a: Pool, b: Pool): boolean {
  return a.application_name === b.application_name && a.usename === b.usename;
}

export function namesOf(pools: readonly Pool[]): string {
  const names = pools.slice(0, 2).map(poolName).join(' and ');
  return pools.length > 2 ? `${names} and ${pools.length - 2} more` : names;
}

export function advice(title: string, {frees, costs}: Pick<Act, 'frees' | 'costs'>): Act {
  return {recipe: null, params: {}, title, frees, costs};
}
