import {usageError} from '../source/core/errors.ts';
import {thresholds} from '../source/core/health/thresholds.ts';
import {
  completeParams,
  readDuration,
  readText,
  readValues,
  writeText,
} from '../source/core/recipe/parameters.ts';
import {effectsOf, poolerOf} from '../source/core/sessions/effect-of-ending.ts';
import {
  describeBackend,
  type Protection,
  protectionOf,
  subjectOf,
  toSkipped,
} from '../source/core/sessions/protection.ts';
import {holdsAdvisoryLock} from '../source/core/sessions/session.ts';
import {describeSessions} from '../source/core/sessions/session-plan.ts';
import {
  isKnownSession,
  type KnownSession,
  terminateHolderStep,
} from '../source/core/sessions/session-steps.ts';
import {changesSchema} from '../source/core/sql/statement-name.ts';
import {counted, formatAge} from '../source/core/text/format.ts';
import {didYouMean} from '../source/core/text/nearest.ts';
import {writeDuration} from '../source/core/text/time.ts';
import type {Finding, Parameter, ParameterValues, Plan, Recipe, Skipped} from '../source/model/recipe.ts';
import type {AdvisoryLock, RecipeData} from '../source/model/recipe-data.ts';
import type {Backend, Snapshot} from '../source/model/snapshot.ts';

/** The session-level lock of Prisma Migrate up to 7 (schema-engine's acquire_lock). */
const key = '72707369';

/** Its lock, and those that Prisma 8 takes for a migration's transaction. */
const locks = {key, with_prisma_8: true} as const;
/** Between two migrations, or while `migrate dev` prompts, a holder is idle for a moment. */
const idleAfterMs = thresholds.migrate_lock_idle_ms.warning;

const parameters: Parameter[] = [
  {
    name: 'idle_for',
    description: 'Minimum time the session holding the lock has been idle',
    kind: 'duration',
    default: writeDuration(idleAfterMs),
  },
  {
    name: 'database',
    description: 'Only the lock of this database; each database has its own',
    kind: 'text',
    default: '',
    suggest: (_, {advisory_locks = []}) => [
      ...new Set(advisory_locks.map(({database}) => writeText(database))),
    ],
  },
];

const recipe: Recipe = {
  id: 'prisma-migrate-lock',
  title: "Release Prisma Migrate's lock",
  summary:
    "Shows which session holds Prisma Migrate's advisory lock and terminates it if it is idle; never a running migration",
  parameters,
  diagnoseRequires: {advisory_locks: locks},
  diagnose,
  planRequires: () => ({advisory_locks: locks, sessions: true}),
  plan,
};
export default recipe;

type Holder = {lock: AdvisoryLock; backend: Backend | undefined; waiters: AdvisoryLock[]};

function holdersOf(snapshot: Snapshot, locks: readonly AdvisoryLock[]): Holder[] {
  return locks
    .filter(({is_granted}) => is_granted)
    .map(lock => ({
      lock,
      backend: snapshot.backends.find(({pid}) => pid === lock.pid),
      waiters: locks.filter(
        each => !each.is_granted && each.database === lock.database && keyOf(each) === keyOf(lock),
      ),
    }));
}

function keyOf(lock: AdvisoryLock): string {
  return lock.key ?? key;
}

function isOfPrisma8(lock: AdvisoryLock): boolean {
  return keyOf(lock) !== key;
}

function diagnose(snapshot: Snapshot, {advisory_locks = []}: RecipeData): Finding[] {
  return holdersOf(snapshot, advisory_locks).flatMap(({lock, backend, waiters}) => {
    if (backend === undefined || protectionOfHolder(backend, snapshot, idleAfterMs) !== null) return [];
    return [
      {
        recipe: recipe.id,
        severity: waiters.length > 0 ? 'critical' : 'warning',
        subject: `database:${lock.database}/advisory lock:${keyOf(lock)}`,
        summary: `${lock.pid} (${describeBackend(backend)} for ${formatAge(backend.state_age_ms)}) holds ${isOfPrisma8(lock) ? "Prisma 8's migration lock" : "Prisma Migrate's lock"} in ${lock.database}; ${counted(waiters.length, 'migration')} waiting`,
        evidence: {
          pid: lock.pid,
          application_name: backend.application_name,
          usename: backend.usename,
          database: lock.database,
          state: backend.state,
          state_age_ms: backend.state_age_ms,
          waiters: waiters.length,
        },
        params: {database: writeText(lock.database)},
      },
    ];
  });
}

/** Why a holder must not be ended. Its name, role and last statement do not protect it. */
function protectionOfHolder(backend: Backend, snapshot: Snapshot, idle_for_ms: number): Protection | null {
  const always = protectionOf(backend, snapshot, true);
  if (always !== null) return always;
  const {state, wait_event_type, blocked_by, state_age_ms} = backend;
  if (!state?.startsWith('idle')) {
    const blockers = blocked_by
      .map(pid => (pid === 0 ? 'a prepared transaction' : subjectOf(pid)))
      .join(', ');
    const waits = wait_event_type === 'Lock' ? `, blocked by ${blockers}: see release-blockers` : '';
    return {reason: `a running migration${waits}`, is_forbidden: false};
  }
  return (state_age_ms ?? 0) < idle_for_ms
    ? {
        reason: `idle for only ${formatAge(state_age_ms)}: it may be between two migrations`,
        is_forbidden: false,
      }
    : null;
}

function plan(
  snapshot: Snapshot,
  params: ParameterValues,
  {advisory_locks = [], sessions}: RecipeData,
): Plan {
  const read = readValues(params, parameters);
  const idle_for_ms = readDuration('idle_for', read('idle_for'));
  const database = readText(read('database'));
  if (database !== null) refuseUnknown(database, snapshot, advisory_locks);
  const holders = holdersOf(snapshot, advisory_locks).filter(
    ({lock}) => database === null || lock.database === database,
  );
  const chosen = holders.flatMap(({lock, backend}) =>
    backend && protectionOfHolder(backend, snapshot, idle_for_ms) === null && isKnownSession(backend)
      ? [{backend, lock}]
      : [],
  );
  return {
    recipe: recipe.id,
    params: completeParams(params, parameters),
    explanation: explain(
      holders,
      chosen.map(({backend}) => backend),
      {database, sessions},
    ),
    figure: holders.flatMap(draw),
    steps: chosen.map(({backend, lock}) =>
      terminateHolderStep(backend, pid => holdsAdvisoryLock(pid, BigInt(keyOf(lock)))),
    ),
    skipped: holders.flatMap(holder => toSkippedHolder(holder, snapshot, idle_for_ms)),
    batch_size: 5,
    pause_ms: 500,
    slots_freed: chosen.length,
    watch_groups: [],
    on_failure: 'continue',
  };
}

/** Refuses an unknown database, so that a typo does not look like an all-clear. */
function refuseUnknown(database: string, {databases}: Snapshot, locks: readonly AdvisoryLock[]): void {
  const names = databases.map(({datname}) => datname).filter(Boolean);
  if (names.length === 0 || [...names, ...locks.map(lock => lock.database)].includes(database)) return;
  throw usageError(
    `database "${database}" does not exist${didYouMean(database, names)}`,
    `databases: ${names.join(', ')}`,
  );
}

function toSkippedHolder({lock: {pid}, backend}: Holder, snapshot: Snapshot, idle_for_ms: number): Skipped[] {
  if (backend === undefined)
    return [{subject: subjectOf(pid), description: String(pid), reason: 'no client session: it has ended'}];
  const protection = protectionOfHolder(backend, snapshot, idle_for_ms);
  return protection === null ? [] : [toSkipped(backend, protection)];
}

function draw({lock, backend, waiters}: Holder): string[] {
  const who = backend ? `${describeBackend(backend)} for ${formatAge(backend.state_age_ms)}` : 'no session';
  return [
    `${lock.pid} ${who}, in ${lock.database}`,
    ...waiters.map(({pid, wait_age_ms}) => `└─ ${pid} waits ${formatAge(wait_age_ms)}`),
  ];
}

function explain(
  holders: readonly Holder[],
  chosen: readonly KnownSession[],
  {database, sessions}: {database: string | null; sessions: RecipeData['sessions']},
): string[] {
  if (holders.length === 0) {
    const where = database === null ? '' : ` in ${database}`;
    return [
      `No session holds Prisma Migrate's lock${where}: neither advisory lock ${key} nor one of Prisma 8's. Migrations can run.`,
    ];
  }
  return [
    ...(holders.every(({lock}) => isOfPrisma8(lock))
      ? []
      : [
          `Prisma Migrate takes advisory lock ${key} so that one migration runs at a time in a database; another one gives up after 10 seconds (P1002).`,
        ]),
    ...(holders.some(({lock}) => isOfPrisma8(lock))
      ? [
          'Prisma 8 locks its contract marker until the transaction of the migration ends; another one waits for it.',
        ]
      : []),
    ...(chosen.length === 0
      ? ['No session holding the lock is idle. Nothing to end.']
      : [`${counted(chosen.length, 'session')} to end:`]),
    ...describeSessions({chosen: [...chosen], skipped: [], blocked: new Map()}),
    ...explainKept(chosen),
    ...(chosen.length === 0
      ? []
      : [
          ...effectsOf('end', chosen, sessions),
          "Then run 'prisma migrate status'; if a migration failed half-way, 'prisma migrate resolve' repairs its record.",
        ]),
  ];
}

/** Why a session has the lock and does something else. Behind a pooler it is known, else only possible. */
function explainKept(chosen: readonly KnownSession[]): string[] {
  const others = chosen.filter(({query}) => !migrateStatement.test(query ?? '') && !changesSchema(query));
  const [first] = others;
  if (first === undefined) return [];
  const pooler = others.map(poolerOf).find(each => each !== null);
  const direct = 'let Prisma Migrate connect directly (directUrl, DIRECT_URL).';
  return [
    pooler === undefined
      ? `The last statement of ${first.pid} is not Prisma Migrate's. A pooler in transaction mode keeps a session and its lock for other clients; whether there is one cannot be seen here. If there is one, ${direct}`
      : `The last statement of ${first.pid} is not Prisma Migrate's: ${pooler} kept the session and its lock for other clients; ${direct}`,
  ];
}

const migrateStatement = /72707369|_prisma_migrations|prisma_contract/;
