import type {Act} from '../../../model/recipe.ts';
import type {Backend} from '../../../model/snapshot.ts';
import {writeText} from '../../recipe/parameters.ts';
import {isIdleInTransaction} from '../../sessions/session.ts';
import {clientOf} from '../../sessions/session-parameters.ts';
import {counted} from '../../text/format.ts';
import {writeDuration} from '../../text/time.ts';

/** Ends sessions of one application and role that have been in their state for longer, only from `clients` if given. */
export function endAct(
  group: readonly Backend[],
  {
    older_than_ms,
    clients,
    title,
    costs,
  }: {older_than_ms: number; clients?: readonly string[]; title: string; costs: string},
): Act {
  const [first] = group as [Backend];
  const states = [...new Set(group.map(({state}) => state))];
  return {
    recipe: 'kill-idle-sessions',
    params: {
      application: writeText(first.application_name),
      role: writeText(first.usename ?? ''),
      older_than: writeDuration(older_than_ms),
      // Its default is idle in transaction, aborted or not.
      ...(!group.every(isIdleInTransaction) && {states: states.join(',')}),
      ...(clients !== undefined && {client: clients.join(',')}),
    },
    title,
    frees: `frees ${counted(group.length, 'slot')}`,
    costs,
  };
}

export function tuneAct(
  role: string,
  params: Record<string, string | number>,
  {title, costs}: Pick<Act, 'title' | 'costs'>,
): Act {
  const texts = Object.entries(params).map(([name, value]) => [name, String(value)]);
  return {
    recipe: 'tune-connection-limit',
    params: {role: writeText(role), ...Object.fromEntries(texts)},
    title,
    frees: null,
    costs,
  };
}

/** What the application's owner does; poolctl cannot. */
export function advice(title: string, costs: string): Act {
  return {recipe: null, params: {}, title, frees: null, costs};
}

export function longestMs(group: readonly Backend[]): number {
  return Math.max(0, ...group.map(({state_age_ms}) => state_age_ms ?? 0));
}

export function shortestMs(group: readonly Backend[]): number {
  return Math.min(...group.map(({state_age_ms}) => state_age_ms ?? 0));
}

const second_ms = 1000;
const roundAgesMs = [1, 5, 10, 30, 60, 300, 600, 1800, 3600].map(each => each * second_ms);

/** The largest round duration that all of them have been in their state for. */
export function roundAgeMs(group: readonly Backend[]): number {
  const shortest_ms = shortestMs(group);
  return roundAgesMs.findLast(each => each <= shortest_ms) ?? 0;
}

export function addressesOf(group: readonly Backend[]): string[] {
  return [...new Set(group.map(clientOf))].sort();
}
