import {textWidth} from '../screen/cell-width.ts';
import {
  blankLine,
  fitText,
  type Line,
  line,
  padLines,
  type Role,
  type Span,
  span,
  spread,
} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import type {TableState} from '../state/browsing.ts';
import {paragraph} from './text-lines.ts';

/** One column: what it shows, its width, and when it is dropped on a narrow terminal. */
export type Column<Row> = {
  id: string;
  title: string;
  /** In cells; the minimum of a growing column. */
  width: number;
  /** Takes the remaining width. At most one per table. */
  grows?: true;
  /** Minimum share of the table's width, 0 to 1, where that is more than `width`; other columns are dropped for it. */
  leastShare?: number;
  /** Grows up to this many cells to show its texts uncut, before the growing column gets the rest. */
  widest?: number;
  /** 1 is dropped last. */
  priority: number;
  align?: 'left' | 'right';
  text(row: Row): string;
  role?(row: Row): Role;
  /** Other texts that a filter matches, where the text shown is shortened. */
  aliases?(row: Row): string[];
  /** null sorts last in both directions. */
  sortValue(row: Row): number | string | null;
};

const gap = 1;
const markerWidth = 2;

/**
 * The columns that fit, in their order; those with the highest priority number are dropped first. Up to half of
 * the remaining width goes to columns whose texts in `rows` would be cut, the rest to the growing one.
 */
export function fitColumns<Row>(
  columns: Column<Row>[],
  width: number,
  rows: Row[] = [],
): {column: Column<Row>; width: number}[] {
  const kept = [...columns];
  const leastOf = (column: Column<Row>) =>
    Math.max(column.width, Math.floor(width * (column.leastShare ?? 0)));
  const needed = () => kept.reduce((sum, column) => sum + leastOf(column) + gap, markerWidth - gap);
  while (kept.length > 1 && needed() > width) {
    const last = kept.reduce((worst, column) => (column.priority > worst.priority ? column : worst));
    kept.splice(kept.indexOf(last), 1);
  }
  const spare = Math.max(0, width - needed());
  let given = 0;
  const fitted = kept.map(column => {
    const more = Math.min(Math.floor(spare / 2) - given, wantedWidth(column, rows) - column.width);
    given += more;
    return {column, width: leastOf(column) + more};
  });
  return fitted.map(({column, width: own}) => ({column, width: own + (column.grows ? spare - given : 0)}));
}

function wantedWidth<Row>({width, widest = width, text}: Column<Row>, rows: Row[]): number {
  if (widest === width) return width;
  return rows.reduce(
    (most, row) => Math.max(most, Math.min(widest, textWidth(text(row).slice(0, widest)))),
    width,
  );
}

/** Filters and sorts the rows, and keeps a frozen order. */
export function arrangeRows<Row>(
  rows: Row[],
  table: TableState,
  columns: Column<Row>[],
  idOf: (row: Row) => string,
): Row[] {
  const matches = createFilter(table.filter, columns);
  const kept = rows.filter(matches);
  const sortColumn = columns.find(column => column.id === table.sort.column);
  if (sortColumn) sortRows(kept, sortColumn, table.sort.isDescending);
  return freezeOrder(kept, table.frozenOrder, idOf);
}

function sortRows<Row>(rows: Row[], column: Column<Row>, isDescending: boolean): void {
  const sign = isDescending ? -1 : 1;
  const keyed = rows.map(row => ({row, value: column.sortValue(row)}));
  keyed.sort((a, b) => {
    if (a.value === b.value) return 0;
    if (a.value === null) return 1;
    if (b.value === null) return -1;
    return (a.value < b.value ? -1 : 1) * sign;
  });
  for (const [index, {row}] of keyed.entries()) rows[index] = row;
}

/** While a row is selected nothing moves under the cursor: known rows keep their places, new ones come last. */
export function freezeOrder<Row>(
  rows: Row[],
  frozenOrder: TableState['frozenOrder'],
  idOf: (row: Row) => string,
): Row[] {
  if (frozenOrder === null) return rows;
  const place = new Map(frozenOrder.map((id, index) => [id, index]));
  const rank = (row: Row) => place.get(idOf(row)) ?? frozenOrder.length;
  // toSorted is stable: those that are new keep the order they came in.
  return rows.toSorted((a, b) => rank(a) - rank(b));
}

/**
 * The `/` filter: all words must match. `state:idle` searches one column, `state=idle` compares the whole value, `!word`
 * and `!state:idle` invert, any other word searches every column. Case is ignored.
 */
export function createFilter<Row>(filter: string, columns: Column<Row>[]): (row: Row) => boolean {
  const words = filter.toLowerCase().match(/(?:[^\s"]|"[^"]*")+/g) ?? [];
  const tests = words.map(word => createWordTest(word.replaceAll('"', ''), columns));
  return row => tests.every(test => test(row));
}

function createWordTest<Row>(word: string, columns: Column<Row>[]): (row: Row) => boolean {
  const isInverse = word.startsWith('!');
  const bare = isInverse ? word.slice(1) : word;
  const [, name = '', sign, value = ''] = /^([a-z]+)([:=])(.*)$/.exec(bare) ?? [];
  const named = name === '' ? [] : columns.filter(({id}) => id.startsWith(name));
  const searched = named.length > 0 ? named : columns;
  const wanted = named.length > 0 ? value : bare;
  if (wanted === '') return () => true;
  const matches = (text: string) =>
    named.length > 0 && sign === '=' ? text === wanted : text.includes(wanted);
  const textsOf = (column: Column<Row>, row: Row) => [column.text(row), ...(column.aliases?.(row) ?? [])];
  return row =>
    searched.some(column => textsOf(column, row).some(text => matches(text.toLowerCase()))) !== isInverse;
}

export type TableSlice<Row> = {
  rows: Row[];
  table: TableState;
  columns: Column<Row>[];
  idOf: (row: Row) => string;
  /** Shown in an empty table. */
  emptyText: string;
};

/** Header and the rows around the cursor, exactly `height` lines. */
export function drawTable<Row>(slice: TableSlice<Row>, width: number, height: number, theme: Theme): Line[] {
  const fitted = fitColumns(slice.columns, width, slice.rows);
  const header = drawHeader(fitted, slice.table, theme);
  const lines: Line[] = [spread(header, unseenSort(slice, fitted, theme), width)];
  const bodyHeight = height - 1;
  const first = firstVisible(slice.rows, slice.table, slice.idOf, bodyHeight);
  const tagged = new Set(slice.table.tagged);
  for (const row of slice.rows.slice(first, first + bodyHeight)) {
    const id = slice.idOf(row);
    lines.push(drawRow(row, fitted, tagged.has(id), id === slice.table.cursor, theme));
  }
  if (slice.rows.length === 0) lines.push(...paragraph(slice.emptyText, width, 'muted'));
  return padLines(lines, height);
}

/** Names the sort column where it is not shown. */
function unseenSort<Row>(
  {columns, table: {sort}}: TableSlice<Row>,
  fitted: {column: Column<Row>}[],
  {symbols}: Theme,
): Line {
  const sorted = columns.find(({id}) => id === sort.column);
  if (!sorted || fitted.some(({column}) => column === sorted)) return blankLine;
  const arrow = sort.isDescending ? symbols.descending : symbols.ascending;
  return line(span(`  by ${sorted.title}${arrow}`, 'strong'));
}

function drawHeader<Row>(
  fitted: {column: Column<Row>; width: number}[],
  table: TableState,
  theme: Theme,
): Line {
  const spans: Span[] = [span('  ')];
  for (const [index, {column, width}] of fitted.entries()) {
    if (index > 0) spans.push(span(' '));
    const isSorted = column.id === table.sort.column;
    const arrow = table.sort.isDescending ? theme.symbols.descending : theme.symbols.ascending;
    const title = isSorted ? `${column.title.slice(0, Math.max(1, width - 1))}${arrow}` : column.title;
    spans.push(span(fitText(title, width, column.align, ''), isSorted ? 'strong' : 'muted'));
  }
  return {spans};
}

function drawRow<Row>(
  row: Row,
  fitted: {column: Column<Row>; width: number}[],
  isTagged: boolean,
  isSelected: boolean,
  theme: Theme,
): Line {
  const spans: Span[] = [span(isTagged ? `${theme.symbols.tagged} ` : '  ', 'warning')];
  for (const [index, {column, width}] of fitted.entries()) {
    if (index > 0) spans.push(span(' '));
    const text = fitText(column.text(row), width, column.align, theme.symbols.ellipsis);
    spans.push(span(text, column.role?.(row) ?? 'plain'));
  }
  return isSelected ? {spans, isSelected} : {spans};
}

/** The first row shown: scrolls as little as needed to keep the cursor visible. */
function firstVisible<Row>(
  rows: Row[],
  table: TableState,
  idOf: (row: Row) => string,
  bodyHeight: number,
): number {
  const cursor = table.cursor === null ? -1 : rows.findIndex(row => idOf(row) === table.cursor);
  if (cursor < bodyHeight) return 0;
  const margin = Math.min(3, Math.floor(bodyHeight / 4));
  return Math.min(rows.length - bodyHeight, cursor - bodyHeight + 1 + margin);
}
