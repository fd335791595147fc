import {lists} from '../rows/lists.ts';
import {createTables, longestRemembered, type Remembered, type ViewId, viewIds} from './browsing.ts';
import {inform} from './dialog.ts';
import type {ConsoleState} from './state.ts';

const first = createTables();

export function rememberedOf(state: Pick<ConsoleState, 'tables' | 'entered'>): Remembered {
  const views = viewIds.flatMap(view => {
    const {sort, filter} = state.tables[view];
    const isSorted = sort.column !== first[view].sort.column || !sort.isDescending;
    const kept = {...(isSorted && {sort}), ...(wasTyped(state, filter) && {filter})};
    return Object.keys(kept).length === 0 ? [] : [[view, kept]];
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
  const next = viewIds.reduce((before, view) => restoreView(before, view, remembered[view] ?? {}), state);
  const filtered = viewIds.filter(view => next.tables[view].filter !== state.tables[view].filter);
  if (filtered.length === 0) return next;
  const texts = filtered.map(view => `/${next.tables[view].filter} in ${view}`);
  const text = `filtered as last time: ${texts.join(', ')} (Esc there shows all rows)`;
  // What the start had to say is said once.
  return next.notice === null
    ? inform(next, text)
    : inform(next, `${next.notice.text}; ${text}`, next.notice.severity);
}

function restoreView(
  state: ConsoleState,
  view: ViewId,
  {sort, filter = ''}: Remembered[ViewId] & object,
): ConsoleState {
  const table = state.tables[view];
  const {columns, sortColumns} = lists[view];
  if (table.sort.column !== first[view].sort.column || table.filter !== '') return state;
  const isSortable = sortColumns.some(({id}) => id === sort?.column);
  const known = columns.length > 0 ? filter : '';
  const restored = {...table, ...(sort && isSortable && {sort}), filter: known};
  const next = {...state, tables: {...state.tables, [view]: restored}};
  return known === '' ? next : {...next, entered: {...next.entered, filter: [...next.entered.filter, known]}};
}
