import {viewOf} from '../views/index.ts';
import type {ConsoleState} from './state.ts';
import {withTable} from './update-result.ts';

/** Selecting a row freezes the order, so that nothing moves between reading a line and acting on it. */
export function moveCursor(state: ConsoleState, by: number): ConsoleState {
  const ids = viewOf(state.view).ids(state);
  if (ids.length === 0) return state;
  const {cursor} = state.tables[state.view];
  const at = cursor === null ? -1 : ids.indexOf(cursor);
  const start = at === -1 && by < 0 ? ids.length : at;
  const to = Math.max(0, Math.min(ids.length - 1, start + by));
  return withTable(state, table => ({
    ...table,
    cursor: ids[to] ?? null,
    frozenOrder: table.frozenOrder ?? ids,
  }));
}

/** Clears the selection and the frozen order of Recipes, whose findings change while another view is shown. */
export function releaseRecipes(state: ConsoleState): ConsoleState {
  const recipes = {...state.tables.recipes, cursor: null, frozenOrder: null};
  return {...state, tables: {...state.tables, recipes}};
}

/** Unfreezes the Journal's order, so that a new run comes first; the selection stays. */
export function releaseJournal(state: ConsoleState): ConsoleState {
  const journal = {...state.tables.journal, frozenOrder: null};
  return {...state, tables: {...state.tables, journal}};
}

export function tagSelected(state: ConsoleState): ConsoleState {
  return withTable(state, table => {
    if (table.cursor === null) return table;
    const {cursor, tagged} = table;
    return {
      ...table,
      tagged: tagged.includes(cursor) ? tagged.filter(id => id !== cursor) : [...tagged, cursor],
    };
  });
}

export function sortBy(state: ConsoleState, by: 1 | -1): ConsoleState {
  const {sortColumns} = viewOf(state.view);
  if (sortColumns.length === 0) return state;
  return withTable(state, table => {
    const at = sortColumns.findIndex(column => column.id === table.sort.column);
    const column = sortColumns[(at + by + sortColumns.length) % sortColumns.length]?.id ?? table.sort.column;
    return {...table, sort: {...table.sort, column}, frozenOrder: null};
  });
}

/** One step back: closes the page on top, or clears the selection, the tags or the filter. */
export function goBack(state: ConsoleState): ConsoleState {
  const {overlay} = state;
  if (overlay?.kind === 'prompt' && overlay.purpose === 'filter') {
    return withTable({...state, overlay: null}, table => ({...table, filter: overlay.before}));
  }
  if (overlay?.kind === 'session' && overlay.wizard !== null)
    return {...state, overlay: {kind: 'wizard', wizard: overlay.wizard}};
  if (overlay) return {...state, overlay: null};
  return withTable(state, table => {
    if (table.cursor !== null) return {...table, cursor: null, frozenOrder: null};
    if (table.tagged.length > 0) return {...table, tagged: []};
    return {...table, filter: ''};
  });
}
