import type {Role} from '../screen/line.ts';
import type {TableState} from '../state/browsing.ts';

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

/** Ids as React's keys. Rows of a damaged journal may have the same id: all but the first get a number, or React would leave some on the screen. */
export function uniqueKeys(ids: readonly string[]): string[] {
  const times = new Map<string, number>();
  return ids.map(id => {
    const before = times.get(id) ?? 0;
    times.set(id, before + 1);
    return before === 0 ? id : `${id} ${before}`;
  });
}
