import type {Act} from '../../../model/recipe.ts';
import type {Backend} from '../../../model/snapshot.ts';
import {advisoryKeyOwner} from '../../activity/advisory-keys.ts';
import {mostOf} from '../../group-by.ts';
import {thresholds} from '../../health/thresholds.ts';
import {writeText} from '../../recipe/parameters.ts';
import {protectionOf, subjectOf} from '../../sessions/protection.ts';
import {isActive} from '../../sessions/session.ts';
import {changesSchema, statementName} from '../../sql/statement-name.ts';
import {formatAge} from '../../text/format.ts';
import {poolName} from '../context.ts';
import {
  advice,
  describeRoot,
  describeWorker,
  type Explain,
  type Explanation,
  freesOf,
  isLeak,
  lockOf,
  releaseAct,
  waitForIt,
} from './waiting-finding.ts';
import type {Jam, Wait} from './waiting-jams.ts';

/** A prepared transaction has no session to end, and keeps its locks over a restart. */
export const explainPrepared: Explain = (jam, {facts}) => {
  if (jam.roots[0]?.pid !== 0) return null;
  const known = (facts.maintenance?.xmin_holders ?? []).filter(({kind}) => kind === 'prepared transaction');
  // Which of several holds the lock is in the plan of release-blockers.
  const [only] = known.length === 1 ? known : [];
  const name = only === undefined ? 'a prepared transaction' : `prepared transaction ${only.name}`;
  const age = only?.age_ms == null ? '' : `, ${formatAge(only.age_ms)} old,`;
  return {
    cause: 'prepared-transaction',
    subject: 'prepared transaction',
    summary: `${name}${age} holds ${lockOf(jam)}; ${waitForIt(jam)}`,
    acts: [
      {
        ...advice(
          `finish ${name}: COMMIT PREPARED or ROLLBACK PREPARED, as its coordinator decides`,
          'Only its coordinator knows whether the other databases have committed it. poolctl run release-blockers --dry-run shows the exact statement.',
        ),
        frees: freesOf([0], jam),
      },
    ],
    confidence: 'certain',
    reasons: [
      'A prepared transaction belongs to no session: it keeps its locks until it is committed or rolled back, also over a restart.',
    ],
  };
};

/** Autovacuum, an apply worker, the startup process of a standby: none is ended. */
export const explainWorker: Explain = jam => {
  const worker = jam.roots[0]?.worker;
  if (!worker) return null;
  const name = describeWorker(worker);
  return {
    cause: 'background-worker',
    subject: subjectOf(worker.pid),
    summary: `${name} holds ${lockOf(jam)}; ${waitForIt(jam)}`,
    acts: [adviceFor(worker.backend_type, worker.query ?? '')],
    confidence: 'certain',
    evidence: {backend_type: worker.backend_type},
  };
};

function adviceFor(backend_type: string, query: string): Act {
  if (backend_type === 'autovacuum worker')
    return /to prevent wraparound/.test(query)
      ? advice(
          'let autovacuum finish; run the statement that needs the table afterwards',
          'It prevents transaction ID wraparound, so lock requests do not cancel it. If cancelled, it starts over.',
        )
      : advice('wait', 'Autovacuum gives way within deadlock_timeout to a session that waits for it.');
  if (/logical replication|apply|parallel/.test(backend_type))
    return advice(
      'see what the subscription applies, and what it waits for (pg_stat_subscription, server log)',
      'It holds the locks of a transaction of the publisher until it is applied. If ended, it starts over with the same transaction.',
    );
  if (backend_type === 'startup')
    return advice(
      'wait: the standby replays a lock of the primary',
      'It is released when the standby has replayed the end of that transaction.',
    );
  return advice('wait for it to end', 'It is not a client session, and poolctl does not end it.');
}

/** Prisma Migrate's (core/activity/advisory-keys.ts names it). */
const prismaMigrateKey = '72707369';

export const explainAdvisory: Explain = (jam, {snapshot}) => {
  const [root] = jam.roots;
  const waits = jam.waits.filter(({locktype}) => locktype === 'advisory');
  if (!root?.backend || waits.length * 2 < jam.waits.length) return null;
  const {backend} = root;
  const name = advisoryName(waits, backend);
  const key = /-?\d+/.exec(name)?.[0] ?? null;
  const isMigrate = key === prismaMigrateKey;
  return {
    cause: 'advisory-lock',
    subject: subjectOf(backend.pid),
    summary: `${describeRoot(root)}${isActive(backend) ? '' : ','} holds ${name}; ${waitForIt(jam)}`,
    acts: [isMigrate ? migrateAct(backend, jam, snapshot) : releaseAct(backend, jam, {snapshot})],
    confidence: 'certain',
    reasons: [
      'A session keeps a session-level advisory lock until it releases it or ends, also outside a transaction. Behind a pooler in transaction mode the session outlives its client.',
    ],
    explains: isMigrate ? [`database:${backend.datname}/advisory lock:${key}`] : [],
    evidence: {advisory_key: key},
  };
};

/** `advisory lock 72707369 (Prisma Migrate)`; before the server was asked which, by the statements. */
function advisoryName(waits: readonly Wait[], holder: Backend): string {
  const {value} = mostOf(waits, ({object}) => object);
  if (value !== 'advisory') return value;
  const keys = [...waits.map(wait => wait.backend), holder].flatMap(({query}) => keyIn(query) ?? []);
  if (keys.length === 0) return 'an advisory lock';
  const key = mostOf(keys, each => each).value;
  const owner = advisoryKeyOwner(BigInt(key), holder.datname ?? '');
  return `advisory lock ${key}${owner === null ? '' : ` (${owner})`}`;
}

/** The key of `pg_advisory_lock(42)` and its siblings, where the statement holds it. */
function keyIn(query: string | null): string | null {
  return /advisory\w*lock\w*\s*\(\s*(-?\d+)\s*\)/i.exec(query ?? '')?.[1] ?? null;
}

function migrateAct(backend: Backend, jam: Jam, snapshot: Parameters<Explain>[1]['snapshot']): Act {
  const idle_ms = isActive(backend) ? 0 : (backend.state_age_ms ?? 0);
  // The recipe's own condition: a migration may be between two of its steps.
  if (idle_ms < thresholds.migrate_lock_idle_ms.warning || protectionOf(backend, snapshot, true) !== null) {
    return {
      ...advice(
        `let the migration finish, or see what ${poolName(backend)} (${backend.pid}) does`,
        `Idle for ${formatAge(thresholds.migrate_lock_idle_ms.warning)}, its session can be ended: recipe prisma-migrate-lock.`,
      ),
      frees: freesOf([backend.pid], jam),
    };
  }
  return {
    recipe: 'prisma-migrate-lock',
    params: {database: writeText(backend.datname ?? '')},
    title: `terminate session ${backend.pid} of ${poolName(backend)}, which is idle and keeps the lock`,
    frees: freesOf([backend.pid], jam),
    costs: "Its open transaction, if any, is rolled back. Then 'prisma migrate status' shows what to repair.",
  };
}

/** CREATE INDEX CONCURRENTLY and its like wait for every transaction that may still see the table without the index. */
export const explainBuild: Explain = (jam, context) => {
  const [root] = jam.roots;
  const [build] = jam.waits;
  if (!root?.backend || !build || !jam.waits.every(({locktype}) => locktype === 'virtualxid')) return null;
  const statement = statementName(build.backend.query) || 'an index build';
  const forgotten = isLeak(root.backend);
  return {
    cause: 'build-waits',
    subject: subjectOf(build.pid),
    summary: `${statement} (${poolName(build.backend)}, ${formatAge(build.wait_age_ms)}) waits for ${describeRoot(root)}${forgotten ? '' : ' to end; it holds up no other session'}`,
    acts: forgotten ? [releaseAct(root.backend, jam, context)] : [],
    confidence: 'certain',
    isHarmless: !forgotten,
  };
};

export const explainRunning: Explain = (jam, context) => {
  const root = jam.roots.find(({backend}) => backend !== null && isActive(backend));
  if (!root?.backend) return null;
  const {backend} = root;
  const others = jam.roots.length - 1;
  const release = releaseAct(backend, jam, context);
  const waitAct = advice(
    'wait for it to end',
    `It has run for ${formatAge(backend.query_age_ms)}; the server does not say how far it is.`,
  );
  const isBrief = (backend.xact_age_ms ?? Number.POSITIVE_INFINITY) < thresholds.lock_wait_ms.warning;
  return {
    cause: 'running-blocker',
    subject: subjectOf(backend.pid),
    summary: `${describeRoot(root)} holds ${lockOf(jam)}; ${waitForIt(jam)}`,
    acts: [...(isBrief ? [waitAct, release] : [release, waitAct]), ...concurrently(backend.query)],
    confidence: 'certain',
    reasons: [
      `Its transaction has been open for ${formatAge(backend.xact_age_ms)}; its locks are released when the transaction ends.`,
      ...(others > 0 ? [`${others} more hold locks that some of them wait for.`] : []),
      ...(changesSchema(backend.query)
        ? [`${statementName(backend.query)} changes the schema: while it runs, others wait for the table.`]
        : []),
    ],
  };
};

/** The same without the lock that the others wait for. */
function concurrently(query: string | null): Act[] {
  const [, what] =
    /^\s*(refresh\s+materialized\s+view|reindex|create\s+(?:unique\s+)?index|drop\s+index)\b(?!.*\bconcurrently\b)/is.exec(
      query ?? '',
    ) ?? [];
  if (what === undefined) return [];
  const name = what.replaceAll(/\s+/g, ' ').toUpperCase();
  return [
    advice(
      `next time: ${name} CONCURRENTLY`,
      /^refresh/i.test(name)
        ? 'slower, and the view needs a unique index; readers go on'
        : 'slower, and not inside a transaction; reads and writes go on',
    ),
  ];
}

/** Sessions wait, and nothing that can be seen holds what they wait for. */
export function unexplained(jam: Jam): Explanation {
  const object = mostOf(jam.waits, each => each.object).value;
  if (jam.roots.length === 0 && jam.waits.length > 1) return deadlock(object, jam);
  const unknown = jam.roots.map(({pid}) => pid).filter(pid => pid !== 0);
  return {
    cause: 'unexplained-wait',
    subject: `lock:${object}`,
    summary: `${jam.waits.length} sessions wait for ${object}, the longest for ${formatAge(jam.longest_ms)}; what holds it cannot be seen`,
    acts: [
      advice(
        unknown.length === 0
          ? 'look again in a moment: the holder has just changed, or a deadlock is being resolved'
          : `see who ${unknown.join(', ')} is: poolctl's role cannot see it`,
        'poolctl doctor shows what this role cannot see, and the grant for it.',
      ),
    ],
    confidence: 'possible',
  };
}

/** Sessions of which none is waited for without waiting itself. */
function deadlock(object: string, {waits}: Jam): Explanation {
  return {
    cause: 'deadlock',
    subject: `lock:${object}`,
    summary: `${waits.length} sessions wait for ${object}, and each for one of the others: a deadlock, which the server ends after deadlock_timeout`,
    acts: [
      advice(
        'lock rows in one order (ORDER BY the key before FOR UPDATE, or sort a batch), and retry 40P01',
        'An application change: the server rolls back one of them by itself.',
      ),
    ],
    confidence: 'likely',
  };
}
