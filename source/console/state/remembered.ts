import {longestRemembered, type Remembered, tableOf, withTableOf} from './browsing.ts';
import {inform} from './dialog.ts';
import type {ConsoleState, ViewList} from './state.ts';

export function rememberedOf(state: ConsoleState): Remembered {
  const views = state.views.flatMap(({id, firstOrder = ''}) => {
    const {sort, filter} = tableOf(state, id);
    const isSorted = sort.column !== firstOrder || !sort.isDescending;
    const kept = {...(isSorted && {sort}), ...(wasTyped(state, filter) && {filter})};
    return Object.keys(kept).length === 0 ? [] : [[id, kept]];
  });
  return Object.fromEntries(views);
}

/** The filter that Enter on a group or a finding sets belongs to that moment. */
function wasTyped({entered}: Pick<ConsoleState, 'entered'>, filter: string): boolean {
  return (
    filter !== '' &&
    filter.length <= longestRemembered &&
    (entered.filter.includes(filter) || entered.command.includes(`filter ${filter}`))
  );
}

/** Sorts and filters as remembered, unless the user was quicker; says which views are filtered, which was not typed now. */
export function restore(state: ConsoleState, remembered: Remembered): ConsoleState {
  const next = state.views.reduce(
    (before, view) => restoreView(before, view, remembered[view.id] ?? {}),
    state,
  );
  const filtered = state.views
    .map(({id}) => id)
    .filter(id => tableOf(next, id).filter !== tableOf(state, id).filter);
  if (filtered.length === 0) return next;
  const texts = filtered.map(id => `/${tableOf(next, id).filter} in ${id}`);
  const text = `filtered as last time: ${texts.join(', ')} (Esc there shows all rows)`;
  // What the start had to say is said once.
  return next.notice === null
    ? inform(next, text)
    : inform(next, `${next.notice.text}; ${text}`, next.notice.severity);
}

function restoreView(
  state: ConsoleState,
  {id, columns = [], isSortable = false, firstOrder = ''}: ViewList,
  {sort, filter = ''}: Remembered[string],
): ConsoleState {
  const table = tableOf(state, id);
  if (table.sort.column !== firstOrder || table.filter !== '') return state;
  const isKnown = isSortable && columns.some(column => column.id === sort?.column);
  const known = columns.length > 0 ? filter : '';
  const restored = {...table, ...(sort && isKnown && {sort}), filter: known};
  const next = withTableOf(state, id, () => restored);
  return known === '' ? next : {...next, entered: {...next.entered, filter: [...next.entered.filter, known]}};
}
