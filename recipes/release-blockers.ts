import {type LockNode, lockTree} from '../source/core/activity/lock-tree.ts';
import {lockGraph, waitersOf} from '../source/core/assessment/lock-graph.ts';
import {thresholds} from '../source/core/health/thresholds.ts';
import {
  completeParams,
  readChoice,
  readCount,
  readDuration,
  readValues,
} from '../source/core/recipe/parameters.ts';
import {effectsOf, whatEndsWith} from '../source/core/sessions/effect-of-ending.ts';
import {describeBackend, subjectOf, toSkipped} from '../source/core/sessions/protection.ts';
import {backendStates, isWaitingForLock} from '../source/core/sessions/session.ts';
import {pidParameter, readCriteria} from '../source/core/sessions/session-parameters.ts';
import {
  countBlocked,
  describeSessions,
  lockFigure,
  ofApplications,
  selectSessions,
} from '../source/core/sessions/session-plan.ts';
import type {KnownSession} from '../source/core/sessions/session-steps.ts';
import {cancelStep, terminateBlockerStep} from '../source/core/sessions/session-steps.ts';
import {otherWays, whatIsFreed} from '../source/core/sessions/what-is-freed.ts';
import {quoteLiteral} from '../source/core/sql/quote.ts';
import {counted} from '../source/core/text/format.ts';
import {writeDuration} from '../source/core/text/time.ts';
import type {Parameter, ParameterValues, Plan, Recipe, Skipped} from '../source/model/recipe.ts';
import type {PreparedTransaction, RecipeData} from '../source/model/recipe-data.ts';
import type {Backend, Snapshot} from '../source/model/snapshot.ts';
import type {AdviceStep, Measure, Step} from '../source/model/step.ts';

const {lock_wait_ms} = thresholds;

const parameters: Parameter[] = [
  {
    ...pidParameter,
    description:
      'Blockers by pid, comma-separated, also one that waits itself and holds up a queue; includes protected sessions',
    suggest: snapshot => [...countBlocked(snapshot).keys()].filter(pid => pid !== 0).map(String),
  },
  {
    name: 'waited_for',
    description: 'Minimum time a session has waited, unless pid names the blocker',
    kind: 'duration',
    default: writeDuration(lock_wait_ms.warning),
  },
  {
    name: 'at_most',
    description: 'Maximum number of blockers, those that block most sessions first',
    kind: 'integer',
    default: '1',
    check: text => readCount('at_most', text),
  },
  {
    name: 'then_terminate',
    description: 'yes: after cancelling, terminate the session if it still blocks others',
    kind: 'choice',
    choices: ['yes', 'no'],
    default: 'yes',
  },
];

const recipe: Recipe = {
  id: 'release-blockers',
  title: 'Release blocked sessions',
  summary: "Shows the lock tree; cancels a blocker's statement and terminates its session if it still blocks",
  parameters,
  // What sessions wait for, and why, is examined in core/assessment/harms/waiting.ts.
  diagnose: () => [],
  planRequires: () => ({prepared_transactions: true, sessions: true}),
  plan,
};
export default recipe;

type Root = LockNode & {longest_ms: number};

/**
 * The root that blocks most sessions first. One that only holds up a background process, such as autovacuum, is none. Of several
 * that hold one lock each is a root, though the tree shows the waiter below one of them.
 */
function rootsOf(snapshot: Snapshot): Root[] {
  const sessions = new Set(snapshot.backends.map(({pid}) => pid));
  const waits = new Map(snapshot.lock_waits.map(({pid, wait_age_ms}) => [pid, wait_age_ms ?? 0]));
  const graph = lockGraph(snapshot);
  return lockTree(snapshot.backends, snapshot.lock_waits).flatMap(root => {
    const blocked = [...waitersOf([root.pid], graph)].filter(pid => sessions.has(pid));
    return blocked.length === 0
      ? []
      : {...root, longest_ms: Math.max(...blocked.map(pid => waits.get(pid) ?? 0))};
  });
}

function isIdle(backend: Backend | undefined): boolean {
  return backend?.state?.startsWith('idle') ?? false;
}

function backendOf(pid: number, {backends}: Snapshot): Backend | undefined {
  return backends.find(each => each.pid === pid);
}

/** pg_blocking_pids() returns 0 for a prepared transaction. */
function nameOfUnknown(pid: number): string {
  return pid === 0 ? 'a prepared transaction' : `${pid} (no client session)`;
}

function plan(
  snapshot: Snapshot,
  params: ParameterValues,
  {prepared_transactions = [], sessions}: RecipeData,
): Plan {
  const read = readValues(params, parameters);
  const thenTerminate = readChoice('then_terminate', read('then_terminate'), ['yes', 'no']) === 'yes';
  const roots = rootsOf(snapshot);
  const {chosen, skipped} = choose(snapshot, params, {roots, sessions});
  const steps: Step[] = [
    ...chosen.flatMap(session => releaseSteps(session, thenTerminate)),
    ...(roots.some(({pid}) => pid === 0) ? adviseOnPrepared(prepared_transactions) : []),
  ];
  return {
    recipe: recipe.id,
    params: completeParams(params, parameters),
    explanation: explain(snapshot, {chosen, skipped, roots, thenTerminate, sessions}),
    figure: lockFigure(roots, snapshot, pidsOf(chosen)),
    steps,
    skipped,
    // A pause between cancelling and ending: the application may roll back by itself.
    batch_size: 1,
    pause_ms: 1000,
    slots_freed: chosen.filter(isIdle).length,
    watch_groups: [],
    on_failure: 'continue',
  };
}

type Choice = {chosen: KnownSession[]; skipped: Skipped[]};

type Known = {roots: readonly Root[]; sessions: RecipeData['sessions']};

function choose(snapshot: Snapshot, params: ParameterValues, {roots, sessions}: Known): Choice {
  const criteria = {...readCriteria(params, parameters), older_than_ms: 0, states: backendStates};
  if (criteria.named !== null) {
    const {chosen, skipped, blocked} = selectSessions(snapshot, {...criteria, at_most: null}, sessions);
    const isBlocker = ({pid}: Backend) => (blocked.get(pid) ?? 0) > 0;
    return {
      chosen: chosen.filter(isBlocker),
      skipped: [
        ...skipped,
        ...chosen
          .filter(session => !isBlocker(session))
          .map(session =>
            toSkipped(session, {reason: 'it blocks no session', is_forbidden: false, is_final: true}),
          ),
      ],
    };
  }
  const waited_ms = readDuration('waited_for', readValues(params, parameters)('waited_for'));
  const due = roots.filter(({longest_ms}) => longest_ms >= waited_ms);
  return chooseDue(snapshot, {roots: due, sessions}, criteria.at_most ?? due.length);
}

function chooseDue(snapshot: Snapshot, {roots, sessions}: Known, at_most: number): Choice {
  const pids = roots.filter(({pid}) => pid !== 0).map(({pid}) => pid);
  const backends = pids.flatMap(pid => backendOf(pid, snapshot) ?? []);
  // No pid is named, so all protections apply.
  const {chosen, skipped} = selectSessions(
    {...snapshot, backends},
    {...readCriteria({}, parameters), older_than_ms: 0, states: backendStates, at_most: null},
    sessions,
  );
  const sorted = chosen.toSorted((a, b) => pids.indexOf(a.pid) - pids.indexOf(b.pid));
  const beyond = sorted
    .slice(at_most)
    .map(session => toSkipped(session, {reason: `beyond at_most=${at_most}`, is_forbidden: false}));
  return {
    chosen: sorted.slice(0, at_most),
    skipped: [...skipped, ...beyond, ...workers(pids, snapshot)],
  };
}

/** Blockers that are not client sessions: anti-wraparound autovacuum, walsender, logical replication worker. */
function workers(pids: readonly number[], {background_workers}: Snapshot): Skipped[] {
  return background_workers
    .filter(({pid}) => pids.includes(pid))
    .map(({pid, backend_type}) => ({
      subject: subjectOf(pid),
      description: String(pid),
      reason: `backend type ${backend_type}, not a client session: it ends when its work is done`,
      is_final: true,
    }));
}

/** An idle session has no statement to cancel. */
function releaseSteps(session: KnownSession, thenTerminate: boolean): Step[] {
  const steps = isIdle(session)
    ? [terminateBlockerStep(session, false)]
    : [cancelStep(session), ...(thenTerminate ? [terminateBlockerStep(session, true)] : [])];
  return steps.map(step => ({...step, measures: [waitingMeasure]}));
}

/** The result says who still waits: `21 (shop_app, migrator)`. Roles, because any client can choose an application_name. */
const waitingMeasure: Measure = {
  name: 'sessions waiting for a lock',
  query: {
    text: "SELECT pg_catalog.concat(pg_catalog.count(*), ' (' || pg_catalog.string_agg(DISTINCT a.usename::text, ', ') || ')') AS waiting FROM pg_catalog.pg_stat_activity a WHERE a.wait_event_type = 'Lock'",
    values: [],
  },
};

/** Only its coordinator knows whether to commit it. */
function adviseOnPrepared(prepared: readonly PreparedTransaction[]): AdviceStep[] {
  const blocking = prepared.filter(({waiters}) => waiters.length > 0);
  return (blocking.length > 0 ? blocking : [null]).map(each => ({
    kind: 'advice',
    title: each === null ? 'finish the prepared transaction' : `finish the prepared transaction ${each.gid}`,
    subject: 'prepared transaction',
    text:
      each === null
        ? 'Find it in pg_prepared_xacts; finish it with COMMIT PREPARED or ROLLBACK PREPARED.'
        : [
            `Ask its coordinator (role ${each.owner}) whether to commit it. Then, in database ${each.database}, as ${each.owner} or a superuser:`,
            `  ROLLBACK PREPARED ${quoteLiteral(each.gid)};`,
            `or COMMIT PREPARED ${quoteLiteral(each.gid)};`,
            `Check pg_prepared_xacts first, because the name can be reused: this is transaction ${each.transaction}, prepared ${each.prepared}.`,
          ].join('\n'),
  }));
}

function explain(
  snapshot: Snapshot,
  {chosen, skipped, roots, thenTerminate, sessions}: Known & Choice & {thenTerminate: boolean},
): string[] {
  const [most] = roots;
  if (most === undefined) return ['No session waits for a lock. Nothing to release.'];
  const blocked = countBlocked(snapshot);
  const waiting = new Set(snapshot.lock_waits.map(({pid}) => pid)).size;
  const idle = chosen.filter(isIdle);
  const running = chosen.filter(session => !isIdle(session));
  const blocks = (waiters: number) =>
    `blocks ${waiters} of ${counted(waiting, 'session')} waiting for a lock`;
  const release = `${counted(chosen.length, 'blocker')} to release${ofApplications(chosen)}`;
  const [first] = chosen;
  // A root that is described below is not named first.
  const opening =
    first !== undefined && (first.pid === most.pid || isWaitingForLock(first))
      ? [`${release}; ${chosen.length === 1 ? 'it' : 'the first'} ${blocks(blocked.get(first.pid) ?? 0)}:`]
      : [
          `${describeRoot(most, snapshot)} ${blocks(most.waiters_total)}, the most.`,
          ...(chosen.length === 0 ? [] : [`${release}:`]),
        ];
  return [
    ...opening,
    ...describeSessions({chosen, skipped: [], blocked}),
    ...(chosen.length === 0 ? otherWays(snapshot, skipped) : whatIsFreed(snapshot, chosen)),
    ...(running.length === 0
      ? []
      : [
          'A running statement is cancelled first, which releases the locks of its transaction.',
          ...effectsOf('cancel', running, sessions),
          ...(thenTerminate
            ? [
                'The session is terminated only if it still blocks others in the same transaction.',
                ...(idle.length === 0 ? whatEndsWith(running, sessions) : []),
              ]
            : ['The session stays, even if it still blocks others (then_terminate=no).']),
        ]),
    ...(idle.length > 0
      ? [
          'An idle session is terminated, because it has no statement to cancel, and only while it blocks others.',
          ...effectsOf('end', idle, sessions),
        ]
      : []),
  ];
}

function pidsOf(sessions: readonly Backend[]): ReadonlySet<number> {
  return new Set(sessions.map(({pid}) => pid));
}

function describeRoot({pid}: Root, snapshot: Snapshot): string {
  const backend = backendOf(pid, snapshot);
  return backend ? `${pid} (${describeBackend(backend)})` : nameOfUnknown(pid);
}
