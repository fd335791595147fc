import type {Finding} from '../../../model/recipe.ts';
import type {MissingPartition} from '../../../model/server-facts.ts';
import {counted, formatCount} from '../../text/format.ts';
import {type Context, poolName, poolSubject, shareOf} from '../context.ts';
import {type Obstacle, obstaclesTo, obstructed} from './failing-obstacles.ts';
import {advice, distinct, nameStatement, namesOf, type Pool} from './failing-part.ts';
import {recentOf, rollbacksOf, type UncountedStatement, uncountedStatements} from './failing-signs.ts';
import {insertsInto} from './sequence-state.ts';

/**
 * Statements that began again and again and never completed, where the server counts no rollback: it does so only for a transaction
 * that has something else to report (pgstat_report_stat in pgstat.c), and an INSERT into a partitioned table without a partition for
 * its row has nothing. A partition that is missing is named in any case, and what the catalog has against it.
 */
export function examineUncounted(context: Context): Finding[] {
  const {samples, snapshot, facts} = context;
  const databases = samples.at(-1)?.databases ?? [];
  if (databases.length === 0) return [];
  const rollingBack = new Set(rollbacksOf(context).map(({datname}) => datname));
  return databases.flatMap(({datname}) => {
    const failing = uncountedStatements(datname, context).filter(each => isLasting(each, context));
    const isConnected = snapshot.target.database === datname;
    const missing = isConnected ? (facts.missing_partitions ?? []) : [];
    const partitions = missing.flatMap(table => {
      const own = failing.filter(({query}) => insertsInto(query, {schema: table.schema, name: table.table}));
      return own.length === 0 ? [] : partitionFinding(table, own, context);
    });
    if (partitions.length > 0 || rollingBack.has(datname)) return partitions;
    const [obstacle, ...others] = isConnected ? obstaclesTo(failing, context) : [];
    if (obstacle !== undefined) return [obstacleFinding([obstacle, ...others], context)];
    const known = failing.filter(({calls}) => calls > 0);
    return known.length === 0 ? [] : statementFinding(known, context);
  });
}

/** It still begins, in several readings and many times: more than chance, a slow statement or one that is cancelled. */
export function isLasting({query_id, seen, is_certain}: UncountedStatement, {samples}: Context): boolean {
  const recent = recentOf(samples).filter(({begun}) => begun.some(each => each.query_id === query_id));
  return is_certain && seen >= leastSeen && recent.length >= leastReadings;
}

const leastSeen = 5;
const leastReadings = 3;

function partitionFinding(
  {schema, table, column, ended_at}: MissingPartition,
  failing: readonly UncountedStatement[],
  context: Context,
): Finding {
  const pools = distinct(failing);
  const name = schema === 'public' ? table : `${schema}.${table}`;
  const ended = `${ended_at.slice(0, 16)}Z`;
  return {
    ...base(pools, failing, context),
    recipe: 'missing-partition',
    summary: `${name} has no partition for now: the last one ended at ${ended}; inserts of ${namesOf(pools)} fail (23514)`,
    evidence: {schema, table, column, last_partition_ended_at: ended_at},
    cause: 'missing-partition',
    confidence: 'certain',
    reasons: [
      `${name} is partitioned by ranges of ${column}, the last of which ended at ${ended}, and has no default partition: a row of now finds none (23514).`,
      ...reasonsOf(failing),
    ],
    acts: [
      advice(
        `create it beside the table: CREATE TABLE ... (LIKE ${name} INCLUDING ALL EXCLUDING IDENTITY), then ALTER TABLE ${name} ATTACH PARTITION`,
        {
          frees: `inserts into ${name} succeed immediately`,
          costs:
            'a SHARE UPDATE EXCLUSIVE lock; CREATE TABLE ... PARTITION OF takes an ACCESS EXCLUSIVE lock: it queues behind a report, and everything else queues behind it',
        },
      ),
      advice('then see why the job that creates partitions did not run (pg_partman, cron)', {
        frees: null,
        costs: 'create some in advance',
      }),
    ],
  };
}

function obstacleFinding(obstacles: readonly [Obstacle, ...Obstacle[]], context: Context): Finding {
  const stopped = obstacles.map(({statement}) => statement);
  const part = obstructed(obstacles, `${namesOf(distinct(stopped))}: `);
  return {
    ...base(distinct(stopped), stopped, context),
    evidence: {statement: stopped[0]?.query ?? null},
    ...part,
    reasons: [...(part.reasons ?? []), ...reasonsOf(stopped)],
  };
}

function statementFinding(failing: readonly UncountedStatement[], context: Context): Finding {
  const [most] = failing.toSorted((a, b) => b.seen - a.seen) as [UncountedStatement];
  const pools = distinct(failing);
  return {
    ...base(pools, failing, context),
    recipe: 'failing-statement',
    summary: `${nameStatement(most.query)} of ${poolName(most)} began ${counted(most.seen, 'time')} in the snapshots and never completed, as it did ${counted(most.calls, 'time')} before; the server log has the error`,
    evidence: {statement: most.query, begun: most.seen, completed_before: most.calls},
    cause: 'failing-statement',
    confidence: 'likely',
    reasons: [
      ...reasonsOf(failing),
      'The server counts no rollback for a statement that fails before it touches a table.',
    ],
    acts: [
      advice("read the error in the server log or the application's log", {
        frees: null,
        costs: 'ending sessions would not help',
      }),
    ],
  };
}

function base(
  pools: readonly Pool[],
  failing: readonly UncountedStatement[],
  {snapshot, samples}: Context,
): Pick<Finding, 'severity' | 'subject' | 'explains'> & Required<Pick<Finding, 'harm'>> {
  const ids = new Set(failing.map(({query_id}) => query_id));
  const [pool] = pools;
  const datname = snapshot.backends.find(({query_id}) => ids.has(query_id ?? ''))?.datname;
  return {
    severity: 'critical',
    subject: pool === undefined ? 'statements' : poolSubject(pool),
    explains: datname == null ? [] : [`database:${datname}/rollbacks`],
    harm: {
      kind: 'failing',
      sessions: snapshot.backends.filter(({query_id}) => ids.has(query_id ?? '')).length,
      share: shareOf(samples, ({begun}) => begun.some(({query_id}) => ids.has(query_id))),
      since: null,
    },
  };
}

function reasonsOf(failing: readonly UncountedStatement[]): string[] {
  return failing.map(
    each =>
      `${nameStatement(each.query)} of ${poolName(each)} began ${counted(each.seen, 'time')} in the snapshots; pg_stat_statements, which counts what completes, still says ${formatCount(each.calls)}.`,
  );
}
