import type {BudgetGroup, Snapshot} from '../../model/snapshot.ts';
import type {ConsoleState} from '../state/state.ts';
import {freezeOrder} from './arrange.ts';

/** The groups of sessions that hold slots, largest first. */
export function groupRows({snapshot, tables}: Pick<ConsoleState, 'snapshot' | 'tables'>): BudgetGroup[] {
  return orderedGroups(snapshot?.budget.groups ?? [], tables.overview.frozenOrder);
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
  const client = client_addr === null ? '' : ` client=${client_addr}`;
  return `${cellFilter('application', application_name)} ${cellFilter('role', usename)}${client}`;
}

/** `role=app`, quoted where it is empty or has blanks. */
export function cellFilter(column: string, text: string): string {
  return `${column}=${/^\S+$/.test(text) ? text : `"${text}"`}`;
}
