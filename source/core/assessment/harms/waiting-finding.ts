import type {Act, Confidence, Finding} from '../../../model/recipe.ts';
import type {Backend, Snapshot} from '../../../model/snapshot.ts';
import {mostOf} from '../../group-by.ts';
import {thresholds} from '../../health/thresholds.ts';
import {effectsOf} from '../../sessions/effect-of-ending.ts';
import {protectionOf, subjectOf} from '../../sessions/protection.ts';
import {isActive, isIdleInTransaction} from '../../sessions/session.ts';
import {middleOfQueue} from '../../sessions/what-is-freed.ts';
import {statementName} from '../../sql/statement-name.ts';
import {counted, formatAge} from '../../text/format.ts';
import {type Context, poolName, poolSubject} from '../context.ts';
import {freedBy} from '../lock-graph.ts';
import {poolKey} from '../sample.ts';
import type {Jam, Root, Wait} from './waiting-jams.ts';

const {lock_wait_ms, blocker_waiters, blocked_sessions, longest_idle_in_transaction_ms} = thresholds;

/** What an explanation says of a jam. */
export type Explanation = {
  cause: string;
  subject: string;
  summary: string;
  /** The recommended act first. */
  acts: Act[];
  confidence: Confidence;
  reasons?: string[];
  /** Beyond the sessions that wait and those that they wait for. */
  explains?: string[];
  evidence?: Finding['evidence'];
  /** Its sessions wait on purpose: no harm, and no act. */
  isHarmless?: boolean;
  /** Sessions that wait, on average of the last readings; default: those of the last one. */
  waiting?: number;
};

/** Tries to explain a jam; null: something else is behind it. */
export type Explain = (jam: Jam, context: Context) => Explanation | null;

export function toFinding(jam: Jam, context: Context, explanation: Explanation): Finding {
  const {cause, subject, summary, confidence, reasons = [], explains = []} = explanation;
  const acts = explanation.isHarmless ? explanation.acts : withMiddle(explanation.acts, jam, context);
  const [recommended] = acts;
  const backend = jam.roots[0]?.backend ?? null;
  return {
    recipe: recommended?.recipe ?? cause,
    severity: severityOf(jam, explanation.waiting ?? jam.waits.length),
    subject,
    summary,
    evidence: {
      pid: jam.roots[0]?.pid ?? null,
      application_name: backend?.application_name ?? null,
      usename: backend?.usename ?? null,
      state: backend?.state ?? null,
      state_age_ms: backend?.state_age_ms ?? null,
      waiters_total: jam.waits.length,
      longest_wait_ms: jam.longest_ms,
      object: mostOf(jam.waits, ({object}) => object).value,
      ...explanation.evidence,
    },
    ...(recommended?.recipe && {params: recommended.params}),
    ...(!explanation.isHarmless && {harm: jam.harm}),
    cause,
    explains: [...new Set([...explainedBy(jam, context), ...explains])],
    confidence,
    reasons: [...reasons, ...(jam.waits.length === 0 ? [] : whoWaits(jam, context))],
    acts,
  };
}

function severityOf({longest_ms, harm, roots}: Jam, waiting: number): Finding['severity'] {
  const isCritical =
    longest_ms >= lock_wait_ms.critical ||
    (longest_ms >= lock_wait_ms.warning && waiting >= blocker_waiters.critical) ||
    (harm.sessions >= blocker_waiters.critical && waiting >= blocked_sessions.warning) ||
    roots.some(({backend}) => isLeak(backend));
  return isCritical ? 'critical' : 'warning';
}

/** Idle in transaction for too long to go on by itself. */
export function isLeak(backend: Backend | null): boolean {
  if (backend === null || !isIdleInTransaction(backend)) return false;
  return (backend.state_age_ms ?? 0) > longest_idle_in_transaction_ms.warning;
}

function explainedBy({waits, roots}: Jam, context: Context): string[] {
  const statements = waits.flatMap(({backend: {query_id}}) => query_id ?? []);
  return [
    ...roots.map(({pid}) => (pid === 0 ? 'prepared transaction' : subjectOf(pid))),
    ...waits.map(({pid}) => subjectOf(pid)),
    ...applicationsOf(waits, context)
      .filter(({waiting, sessions}) => waiting * 2 >= sessions)
      .map(({backend}) => poolSubject(backend)),
    ...[...new Set(statements)].map(id => `statement:${id}`),
  ];
}

type WaitingApplication = {backend: Backend; waiting: number; sessions: number};

/** The applications that wait, the one with most waiting sessions first. */
function applicationsOf(waits: readonly Wait[], {snapshot}: Context): WaitingApplication[] {
  const waiting = new Map<string, WaitingApplication>();
  for (const {backend} of waits) {
    const own = waiting.get(poolKey(backend)) ?? {backend, waiting: 0, sessions: 0};
    own.waiting++;
    waiting.set(poolKey(backend), own);
  }
  for (const backend of snapshot.backends) {
    const own = waiting.get(poolKey(backend));
    if (own !== undefined) own.sessions++;
  }
  return [...waiting.values()].sort((a, b) => b.waiting - a.waiting);
}

const mostNamed = 3;

function whoWaits({waits, longest_ms}: Jam, context: Context): string[] {
  const applications = applicationsOf(waits, context);
  const named = applications
    .slice(0, mostNamed)
    .map(
      ({backend, waiting, sessions}) =>
        `${waiting} of ${counted(sessions, 'session')} of ${poolName(backend)}`,
    );
  const rest = applications.length - named.length;
  const others = rest > 0 ? ` and ${counted(rest, 'other application')}` : '';
  const objects = mostOf(waits, ({object}) => object);
  const statements = mostOf(waits, ({backend}) => statementName(backend.query));
  return [
    `${named.join(', ')}${others} wait, the longest for ${formatAge(longest_ms)}.`,
    `${objects.count} of ${waits.length} wait for ${objects.value}; ${statements.count} run ${statements.value || 'a statement that is hidden'}.`,
  ];
}

/** `7 sessions wait for it, the longest for 40s`. */
export function waitForIt({waits, longest_ms}: Pick<Jam, 'waits' | 'longest_ms'>): string {
  const [first] = waits;
  const type = first?.backend.backend_type ?? 'client backend';
  if (waits.length === 1 && type !== 'client backend')
    return `the ${type} has waited ${formatAge(longest_ms)} for it`;
  if (waits.length === 1) return `1 session has waited ${formatAge(longest_ms)} for it`;
  return `${waits.length} sessions wait for it, the longest for ${formatAge(longest_ms)}`;
}

/** `reporting/analyst (4711), idle in transaction for 7m12s after UPDATE orders`; `a SELECT (reporting/analyst, 7m12s)`. */
export function describeRoot({pid, backend, worker}: Root): string {
  if (pid === 0) return 'a prepared transaction';
  if (worker !== null) return describeWorker(worker);
  if (backend === null) return `session ${pid}, which is not visible`;
  const name = statementName(backend.query);
  if (isActive(backend)) {
    return `${name || 'a statement'} (${poolName(backend)}, ${formatAge(backend.query_age_ms)})`;
  }
  const after = name === '' ? '' : ` after ${name}`;
  return `${poolName(backend)} (${pid}), ${backend.state ?? 'hidden'} for ${formatAge(backend.state_age_ms)}${after}`;
}

/** `autovacuum of public.orders (to prevent wraparound)`; `logical replication worker "orders_sub"`. */
export function describeWorker({backend_type, query, application_name}: NonNullable<Root['worker']>): string {
  const vacuumed = /^autovacuum: (?:VACUUM|ANALYZE)(?: ANALYZE)? (\S+)(.*)/.exec(query ?? '');
  if (vacuumed !== null) return `autovacuum of ${vacuumed[1]}${vacuumed[2] ?? ''}`;
  const name = application_name === '' || application_name === backend_type ? '' : ` ${application_name}`;
  return `the ${backend_type}${name}`;
}

/** `all 7 waiting sessions`; `3 of 7 waiting sessions, the others wait for other sessions too`. */
export function freesOf(
  pids: readonly number[],
  {waits, graph}: Jam,
  except: readonly number[] = pids,
): string | null {
  const freed = freedBy(pids, graph);
  const others = waits.filter(({pid}) => !except.includes(pid));
  const count = others.filter(({pid}) => freed.has(pid)).length;
  if (count === 0) return null;
  if (count < others.length) {
    return `unblocks ${count} of ${counted(others.length, 'waiting session')}; the others wait for other sessions too`;
  }
  return count === 1 ? 'unblocks the waiting session' : `unblocks all ${count} waiting sessions`;
}

/** Ends an idle session or cancels its statement; advice if it is protected. */
export function releaseAct(backend: Backend, jam: Jam, {snapshot}: {snapshot: Snapshot}): Act {
  const protection = protectionOf(backend, snapshot, false);
  const {pid} = backend;
  const frees = freesOf([pid], jam);
  const who = `${poolName(backend)} (${pid})`;
  if (protection !== null) {
    return {
      recipe: null,
      params: {},
      title: `ask the owner of ${who}, which is protected: ${protection.reason}`,
      frees,
      costs: protection.is_forbidden
        ? 'poolctl may not end it with this role.'
        : protection.is_final
          ? 'poolctl does not end it.'
          : `If it may end: release-blockers, pid=${pid}.`,
    };
  }
  const [committed] = backend.wait_event === 'SyncRep' ? effectsOf('cancel', [backend], undefined) : [];
  const undone =
    backend.backend_xid === null
      ? 'It has written nothing.'
      : 'What it wrote in its transaction is rolled back.';
  return isActive(backend)
    ? {
        recipe: 'release-blockers',
        params: {pid: String(pid)},
        title: `cancel ${statementName(backend.query) || 'the statement'} of ${who}`,
        frees,
        costs:
          committed ??
          `Its client gets an error (57014) after ${formatAge(backend.query_age_ms)} of work. ${undone}`,
      }
    : {
        recipe: 'release-blockers',
        params: {pid: String(pid)},
        title: `terminate session ${pid} of ${poolName(backend)}`,
        frees,
        costs: `Its client loses the connection. ${undone}`,
      };
}

/** Where what holds the locks is protected (a dump, a superuser): to cancel the session in the middle of the queue that frees most. */
function withMiddle(acts: Act[], {waits, roots}: Jam, {snapshot}: Context): Act[] {
  const isUntouchable = ({backend}: Root) =>
    backend !== null && protectionOf(backend, snapshot, false) !== null;
  if (roots.length === 0 || !roots.every(isUntouchable) || acts[0]?.recipe !== null) return acts;
  const middle = middleOfQueue(
    snapshot,
    waits.map(({backend}) => backend),
  );
  if (middle === null) return acts;
  const {backend, freed} = middle;
  const act: Act = {
    recipe: 'release-blockers',
    params: {pid: String(backend.pid)},
    title: `cancel ${statementName(backend.query) || 'the statement'} of ${poolName(backend)} (${backend.pid}), which waits itself and holds up others`,
    frees: `unblocks ${freed} of ${counted(waits.length, 'waiting session')}`,
    costs: 'Its client gets an error (57014), and its transaction is rolled back. What it waits for goes on.',
  };
  return freed * 2 >= waits.length - 1 ? [act, ...acts] : [...acts, act];
}

export function advice(title: string, costs: string): Act {
  return {recipe: null, params: {}, title, frees: null, costs};
}

/** `a lock on orders`, `rows of orders`: what most of them wait for. */
export function lockOf({waits}: Jam): string {
  const {value} = mostOf(waits, ({object}) => object);
  return value.replace(/^relation /, 'a lock on ').replace(/^row of /, 'rows of ') || 'a lock';
}
