import type {GroupKey, Skipped, WatchedGroup} from '../../model/recipe.ts';
import type {SessionFacts} from '../../model/recipe-data.ts';
import type {Backend, LockWait, Snapshot} from '../../model/snapshot.ts';
import {type LockNode, lockTree} from '../activity/lock-tree.ts';
import {groupBy} from '../group-by.ts';
import {redactLiterals} from '../sql/shown-sql.ts';
import {counted, formatAge} from '../text/format.ts';
import {sharedByClients} from './effect-of-ending.ts';
import {describeBackend, type Protection, protectionOf, subjectOf, toSkipped} from './protection.ts';
import {matchesCriteria, type NamedSession, type SessionCriteria} from './session-parameters.ts';
import {isKnownSession, type KnownSession} from './session-steps.ts';

export type Selection = {
  chosen: KnownSession[];
  skipped: Skipped[];
  /** Number of sessions that each pid blocks, directly or through others. */
  blocked: ReadonlyMap<number, number>;
};

/** Matching sessions that are not protected, blockers first, then those longest in their state. */
export function selectSessions(
  snapshot: Snapshot,
  criteria: SessionCriteria,
  facts: SessionFacts | undefined,
): Selection {
  const blocked = countBlocked(snapshot);
  const isNamed = criteria.named !== null;
  const skipped: Skipped[] = [];
  const chosen: KnownSession[] = [];
  for (const backend of matchingSessions(snapshot, criteria, skipped)) {
    const protection = protectionOf(backend, snapshot, isNamed, facts) ?? (isNamed ? null : sharing(backend));
    if (protection !== null) skipped.push(toSkipped(backend, protection));
    else if (isKnownSession(backend)) chosen.push(backend);
  }
  chosen.sort(
    (a, b) =>
      (blocked.get(b.pid) ?? 0) - (blocked.get(a.pid) ?? 0) ||
      (b.state_age_ms ?? 0) - (a.state_age_ms ?? 0) ||
      a.pid - b.pid,
  );
  const kept = chosen.slice(0, criteria.at_most ?? chosen.length);
  for (const backend of chosen.slice(kept.length)) {
    skipped.push(toSkipped(backend, {reason: `beyond at_most=${criteria.at_most}`, is_forbidden: false}));
  }
  return {chosen: kept, skipped, blocked};
}

function matchingSessions(snapshot: Snapshot, criteria: SessionCriteria, skipped: Skipped[]): Backend[] {
  const candidates =
    criteria.named === null ? snapshot.backends : findNamed(snapshot, criteria.named, skipped);
  return candidates.filter(backend => {
    if (!matchesCriteria(backend, criteria)) return false;
    if (backend.state === null || criteria.states.includes(backend.state)) return true;
    if (criteria.named !== null) {
      const reason = `it is ${backend.state}, not ${criteria.states.join(', ')}`;
      skipped.push(toSkipped(backend, {reason, is_forbidden: false, is_final: true}));
    }
    return false;
  });
}

function findNamed(snapshot: Snapshot, named: readonly NamedSession[], skipped: Skipped[]): Backend[] {
  const found = new Map<number, Backend>();
  for (const {pid, backend_start} of named) {
    const backend = snapshot.backends.find(each => each.pid === pid);
    const isOther =
      backend_start !== null && backend !== undefined && backend.backend_start !== backend_start;
    if (backend !== undefined && !isOther) found.set(pid, backend);
    else
      skipped.push({
        subject: subjectOf(pid),
        description: String(pid),
        reason: absenceOf(snapshot, pid, isOther),
        is_final: true,
      });
  }
  return [...found.values()];
}

function absenceOf(snapshot: Snapshot, pid: number, isOther: boolean): string {
  if (isOther) return 'the session is gone and its pid was reused';
  const worker = snapshot.background_workers.find(each => each.pid === pid);
  if (worker) return `backend type ${worker.backend_type}: not a client session`;
  return "no such session: it ended, or it is poolctl's own";
}

/** Naming its application is not enough: that is all of the pooler's clients. */
function sharing(backend: Backend): Protection | null {
  const reason = sharedByClients(backend);
  return reason === null ? null : {reason, is_forbidden: false};
}

/** Application x role x client of the selected sessions, with the steps that end them. */
export function watchGroups(chosen: readonly Backend[]): WatchedGroup[] {
  const groups = new Map<string, WatchedGroup>();
  for (const [index, backend] of chosen.entries()) {
    const key = groupKeyOf(backend);
    const id = JSON.stringify(key);
    const group = groups.get(id) ?? {...key, steps: []};
    group.steps.push(index);
    groups.set(id, group);
  }
  return [...groups.values()];
}

function groupKeyOf({application_name, usename, client_addr}: Backend): GroupKey {
  return {application_name, usename: usename ?? '', client_addr};
}

/** Groups sessions by application and role, the largest group first. */
export function groupByApplication(backends: readonly Backend[]): Backend[][] {
  const groups = groupBy(backends, ({application_name, usename}) =>
    // A session hidden from this role has no usename, which is not a role named ''.
    usename === null ? application_name : `${application_name}\0${usename}`,
  );
  return [...groups.values()].sort((a, b) => b.length - a.length);
}

/** ` (2 of web/app, 1 of jobs/app)`: how many of each application and role; '' where all are of one. */
export function ofApplications(sessions: readonly Backend[]): string {
  const groups = groupByApplication(sessions);
  const named = groups.slice(0, mostGroups).map(group => `${group.length} of ${poolOf(group[0])}`);
  const rest = groups.length - named.length;
  const others = rest > 0 ? [`${counted(rest, 'other application')}`] : [];
  return groups.length < 2 ? '' : ` (${[...named, ...others].join(', ')})`;
}

const mostGroups = 4;

function poolOf(backend: Backend | undefined): string {
  return `${backend?.application_name || '(no name)'}/${backend?.usename ?? '?'}`;
}

/** Number of sessions that each blocker blocks, by pid. */
export function countBlocked(snapshot: Snapshot): Map<number, number> {
  const counts = new Map<number, number>();
  const visit = (node: LockNode) => {
    if (node.waiters_total > 0) counts.set(node.pid, node.waiters_total);
    node.children.forEach(visit);
  };
  lockTree(snapshot.backends, snapshot.lock_waits).forEach(visit);
  return counts;
}

const maxDescribed = 12;

/** One line per session: application, role, state, age, blocked sessions and statement. */
export function describeSessions({chosen, blocked}: Selection): string[] {
  const lines = chosen
    .slice(0, maxDescribed)
    .map(session => describeSession(session, blocked.get(session.pid) ?? 0));
  if (chosen.length > maxDescribed) lines.push(`and ${chosen.length - maxDescribed} more`);
  return lines;
}

function describeSession(session: Backend, waiters: number): string {
  const age = formatAge(session.state_age_ms);
  const statement = shorten(redactLiterals(session.query ?? ''), 90);
  const what =
    statement === '' ? '' : `, ${session.state === 'active' ? 'running' : 'last statement'}: ${statement}`;
  const xact = session.xact_age_ms === null ? '' : `, transaction open ${formatAge(session.xact_age_ms)}`;
  const blocks = waiters === 0 ? '' : `, blocks ${counted(waiters, 'session')}`;
  return `${session.pid} ${describeBackend(session)} for ${age}${xact}${blocks}${what}`;
}

const maxLines = 24;

/** The lock tree as lines for a preview; sessions that are `described` elsewhere show their pid only. */
export function lockFigure(
  roots: readonly LockNode[],
  snapshot: Snapshot,
  described: ReadonlySet<number>,
): string[] {
  const undescribed = {
    ...snapshot,
    backends: snapshot.backends.filter(({pid}) => !described.has(pid)),
    waiting: new Set(snapshot.lock_waits.map(({pid}) => pid)),
  };
  const lines = roots.flatMap(root => [describe(root, undescribed), ...branches(root, undescribed, '')]);
  const shown = lines.length > maxLines ? lines.slice(0, maxLines - 1) : lines;
  const rest = lines.length - shown.length;
  return [...shown, ...(rest > 0 ? [`and ${rest} more`] : [])];
}

type Drawn = Snapshot & {waiting: ReadonlySet<number>};

function branches({children}: LockNode, snapshot: Drawn, indent: string): string[] {
  return children.flatMap((child, index) => {
    const isLast = index === children.length - 1;
    return [
      `${indent}${isLast ? '└─ ' : '├─ '}${describe(child, snapshot)}`,
      ...branches(child, snapshot, `${indent}${isLast ? '   ' : '│  '}`),
    ];
  });
}

function describe({pid, waiters_total, is_in_cycle, also_blocked_by}: LockNode, snapshot: Drawn): string {
  // Of those before it in a queue only the ones that hold something.
  const also = also_blocked_by.filter(other => !snapshot.waiting.has(other));
  const worker = snapshot.background_workers.find(each => each.pid === pid);
  const backend = snapshot.backends.find(each => each.pid === pid);
  const wait = snapshot.lock_waits.find(each => each.pid === pid);
  return [
    nameOfPid(pid),
    ...(backend ? [describeBackend(backend)] : []),
    ...(worker ? [worker.backend_type] : []),
    ...(waiters_total > 0 ? [`blocks ${waiters_total}`] : []),
    ...(is_in_cycle ? ['deadlocked'] : []),
    ...(wait ? [`waits ${formatAge(wait.wait_age_ms)} for ${describeWait(wait)}`] : []),
    ...(also.length > 0
      ? [`also for ${also.slice(0, 2).map(nameOfPid).join(', ')}${also.length > 2 ? ', ...' : ''}`]
      : []),
  ].join('  ');
}

function nameOfPid(pid: number): string {
  return pid === 0 ? 'prepared transaction' : String(pid);
}

/** `AccessExclusiveLock on orders`, `row of public.orders`, `advisory lock 42`. */
function describeWait({object, mode, relation, locktype}: LockWait): string {
  if (object !== undefined && !object.startsWith('relation ')) return object;
  return `${mode} on ${object?.slice('relation '.length) ?? relation ?? locktype}`;
}

function shorten(text: string, length: number): string {
  const characters = [...text];
  return characters.length <= length ? text : `${characters.slice(0, length - 1).join('')}…`;
}
