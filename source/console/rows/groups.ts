import {poolSubject} from '../../core/assessment/context.ts';
import {readList} from '../../core/recipe/parameters.ts';
import {subjectOf} from '../../core/sessions/protection.ts';
import {parseSessionId} from '../../core/sessions/session.ts';
import type {ApplicationPool} from '../../model/application-pool.ts';
import type {Finding} from '../../model/recipe.ts';
import type {Backend, BudgetGroup, Snapshot} from '../../model/snapshot.ts';
import {tableOf} from '../state/browsing.ts';
import type {ConsoleState} from '../state/state.ts';
import {freezeOrder} from './arrange.ts';

/** The groups of sessions that hold slots, largest first. */
export function groupRows(state: Pick<ConsoleState, 'snapshot' | 'tables'>): BudgetGroup[] {
  return orderedGroups(state.snapshot?.budget.groups ?? [], tableOf(state, 'overview').frozenOrder);
}

export function orderedGroups(
  groups: Snapshot['budget']['groups'],
  frozenOrder: string[] | null,
): BudgetGroup[] {
  return freezeOrder(groups, frozenOrder, groupId);
}

export function groupId({application_name, usename, client_addr}: BudgetGroup): string {
  return JSON.stringify([application_name, usename, client_addr]);
}

/** The filter of Sessions that shows these sessions and no others. */
export function groupFilter({application_name, usename, client_addr}: BudgetGroup): string {
  // A hidden session shows no client.
  const client = ` client=${client_addr ?? 'local,-'}`;
  return `${cellFilter('application', application_name)} ${cellFilter('role', usename)}${client}`;
}

/** The same, of the sessions of a pool. */
export function poolRowFilter({application_name, usename, datname}: ApplicationPool): string {
  const own = [cellFilter('application', application_name), cellFilter('role', usename)];
  return [...own, cellFilter('database', datname)].join(' ');
}

/** `role=app`, quoted where it is empty, or has blanks or commas. */
export function cellFilter(column: string, text: string): string {
  return `${column}=${/^[^\s,]+$/.test(text) ? text : `"${text}"`}`;
}

/** The filter of Sessions that shows those that a finding names, as far as they are still there; null where it names none. */
export function findingFilter(finding: Finding, {backends}: Snapshot): string | null {
  const {subject, explains = [], acts = []} = finding;
  const named = [subject, ...explains];
  const pids = (is: (backend: Backend) => boolean) => {
    const found = backends.filter(is).map(({pid}) => pid);
    return found.length === 0 ? null : `pid=${found.join(',')}`;
  };
  const pools = [
    ...new Set(named.flatMap(each => /^application:.*\/role:[^/]*(\/database:.*)?/.exec(each)?.[0] ?? [])),
  ];
  const [, column, name] = /^(role|database):([^/]+)/.exec(subject) ?? [];
  const acted = acts.flatMap(({params}) => readList(params.pid ?? '')).map(id => parseSessionId(id).pid);
  return (
    pids(({pid}) => named.includes(subjectOf(pid))) ??
    (pools.length === 1
      ? poolFilter(pools[0] ?? '')
      : pids(backend => pools.includes(poolSubject(backend)))) ??
    (column === undefined ? null : cellFilter(column, name ?? '')) ??
    pids(({state, query_id}) => state === 'active' && named.includes(`statement:${query_id}`)) ??
    pids(({pid}) => acted.includes(pid))
  );
}

/** The sessions of `application:web/role:app`, or of `application:web/role:app/database:shop`. */
function poolFilter(pool: string): string {
  const [, application = '', role = '', database] =
    /^application:(.*)\/role:([^/]*)(?:\/database:(.*))?$/.exec(pool) ?? [];
  const own = `${cellFilter('application', application)} ${cellFilter('role', role)}`;
  return database === undefined ? own : `${own} ${cellFilter('database', database)}`;
}
