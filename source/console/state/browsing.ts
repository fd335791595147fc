import {BugError} from '../../core/errors.ts';

/** Of a view in `views/index.ts`. */
export type ViewId = string;

/** The terminal's size, the view that is open, and what is selected in each view. */
export type BrowsingSlice = {
  columns: number;
  rows: number;
  view: ViewId;
  tables: Record<ViewId, TableState>;
};

/** Cursor and tags are identities, never row numbers: rows come and go. */
export type TableState = {
  sort: {column: string; isDescending: boolean};
  filter: string;
  cursor: string | null;
  tagged: string[];
  /** Ids in the order they had when a row was selected; null while the order is live. */
  frozenOrder: string[] | null;
  /** The rows are shown in groups of this tag; null where they are shown one by one. */
  groupBy: StatementTag | null;
};

/** What applications write into the comments of their statements. */
const statementTags = ['route', 'operation'] as const;

export type StatementTag = (typeof statementTags)[number];

/** A longer filter was pasted, and is not kept. */
export const longestRemembered = 500;

/** How views are sorted and filtered, where that is not as at first: kept from one console to the next. */
export type Remembered = Record<ViewId, Partial<Pick<TableState, 'sort' | 'filter'>>>;

/** `firstOrder`: the column that orders a view's list at first; none where the order is fixed. */
export function createBrowsing({
  columns,
  rows,
  views,
}: {
  columns: number;
  rows: number;
  views: readonly {id: ViewId; firstOrder?: string}[];
}): BrowsingSlice {
  const tables = views.map(({id, firstOrder = ''}) => [id, createTable(firstOrder)]);
  return {columns, rows, view: views[0]?.id ?? '', tables: Object.fromEntries(tables)};
}

function createTable(column: string): TableState {
  return {
    sort: {column, isDescending: true},
    filter: '',
    cursor: null,
    tagged: [],
    frozenOrder: null,
    groupBy: null,
  };
}

/** How a view is sorted and filtered, and what is selected in it. */
export function tableOf({tables}: Pick<BrowsingSlice, 'tables'>, id: ViewId): TableState {
  const table = tables[id];
  if (table === undefined) throw new BugError(`there is no view ${id}`);
  return table;
}

/** The smallest terminal that the console is drawn on; a smaller one shows only this size. */
export const leastSize = {columns: 40, rows: 8};

export function isTooSmall({columns, rows}: Pick<BrowsingSlice, 'columns' | 'rows'>): boolean {
  return columns < leastSize.columns || rows < leastSize.rows;
}

/** Of the view that is open. */
export function openTable(state: Pick<BrowsingSlice, 'tables' | 'view'>): TableState {
  return tableOf(state, state.view);
}

/** Changes the table of the view that is open. */
function withTable<State extends BrowsingSlice>(
  state: State,
  change: (table: TableState) => Partial<TableState>,
): State {
  return withTableOf(state, state.view, change);
}

/** Changes the table of a view. */
export function withTableOf<State extends BrowsingSlice>(
  state: State,
  view: ViewId,
  change: (table: TableState) => Partial<TableState>,
): State {
  const table = tableOf(state, view);
  return {...state, tables: {...state.tables, [view]: {...table, ...change(table)}}};
}

/**
 * `ids`: what the cursor can rest on, in the order shown. Selecting a row freezes the order, so that nothing moves
 * between reading a line and acting on it.
 */
export function moveCursor<State extends BrowsingSlice>(state: State, by: number, ids: string[]): State {
  if (ids.length === 0) return state;
  // The first row is selected by default. Past all rows of the same id, or the cursor would stay on the first of them.
  const cursor = openTable(state).cursor ?? ids[0] ?? '';
  const at = by > 0 ? ids.lastIndexOf(cursor) : ids.indexOf(cursor);
  const start = at === -1 && by < 0 ? ids.length : at;
  const to = Math.max(0, Math.min(ids.length - 1, start + by));
  return withTable(state, ({frozenOrder}) => ({
    cursor: ids[to] ?? null,
    frozenOrder: frozenOrder ?? ids,
  }));
}

export function tagRow<State extends BrowsingSlice>(state: State, id: string): State {
  return withTable(state, ({tagged}) => ({
    tagged: tagged.includes(id) ? tagged.filter(each => each !== id) : [...tagged, id],
  }));
}

/** Tags all of these rows; untags them where all are tagged. */
export function tagAll<State extends BrowsingSlice>(state: State, ids: string[]): State {
  return withTable(state, ({tagged}) => {
    const others = tagged.filter(id => !ids.includes(id));
    const areTagged = ids.every(id => tagged.includes(id));
    return {tagged: areTagged ? others : [...others, ...new Set(ids)]};
  });
}

export type SortColumn = {id: string; isText?: boolean};

/** Sorts by the next or previous of the view's columns. */
export function sortByNext<State extends BrowsingSlice>(
  state: State,
  by: 1 | -1,
  columns: readonly SortColumn[],
): State {
  const at = columns.findIndex(({id}) => id === openTable(state).sort.column);
  const column = columns[(at + by + columns.length) % columns.length];
  return column === undefined ? state : sortBy(state, column);
}

/** Figures from the greatest, texts from A. */
export function sortBy<State extends BrowsingSlice>(state: State, {id, isText = false}: SortColumn): State {
  return withTable(state, () => ({sort: {column: id, isDescending: !isText}, frozenOrder: null}));
}

export function reverseSort<State extends BrowsingSlice>(state: State): State {
  return withTable(state, ({sort}) => ({
    sort: {...sort, isDescending: !sort.isDescending},
    frozenOrder: null,
  }));
}

/** Groups the rows by the next tag, or no more. What was selected or tagged is hidden now. */
export function groupByNext<State extends BrowsingSlice>(state: State): State {
  return withTable(state, ({groupBy}) => ({
    ...{cursor: null, tagged: [], frozenOrder: null},
    groupBy: statementTags[groupBy === null ? 0 : statementTags.indexOf(groupBy) + 1] ?? null,
  }));
}

/** Shows the rows that match; the selection is cleared, because it may be hidden now. */
export function setFilter<State extends BrowsingSlice>(state: State, filter: string): State {
  return withTable(state, () => ({filter, cursor: null, frozenOrder: null}));
}

/** Shows the rows of a group. */
export function openGroup<State extends BrowsingSlice>(state: State, filter: string): State {
  return withTable(setFilter(state, filter), () => ({groupBy: null}));
}

/** The filter as it was before it was edited. */
export function restoreFilter<State extends BrowsingSlice>(state: State, filter: string): State {
  return withTable(state, () => ({filter}));
}

/** Clears the selection, or the tags, or the filter: the first of them that there is. */
export function clearSelection<State extends BrowsingSlice>(state: State): State {
  return withTable(state, ({cursor, tagged}) => {
    if (cursor !== null) return {cursor: null, frozenOrder: null};
    return tagged.length > 0 ? {tagged: []} : {filter: ''};
  });
}

/** Clears the selection and the frozen order of Recipes, whose findings change while another view is shown. */
export function deselectRecipe<State extends BrowsingSlice>(state: State): State {
  return withTableOf(state, 'recipes', () => ({cursor: null, frozenOrder: null}));
}

/** Unfreezes the Journal's order, so that a new run comes first; the selection stays. */
export function unfreezeJournal<State extends BrowsingSlice>(state: State): State {
  return withTableOf(state, 'journal', () => ({frozenOrder: null}));
}
