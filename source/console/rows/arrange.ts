import {parseDurationMs} from '../../core/text/time.ts';
import type {Role} from '../screen/line.ts';
import type {TableState} from '../state/browsing.ts';
import type {Cells} from '../state/dialog.ts';

/** One column: what it shows, its width, and when it is dropped on a narrow terminal. */
export type Column<Row> = {
  id: string;
  title: string;
  /** For the help. */
  help: string;
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
  /** All of what `text` shortens, for the page of the row. */
  whole?(row: Row): string;
  role?(row: Row): Role;
  /** Other texts that a filter matches, where the text shown is shortened. */
  aliases?(row: Row): string[];
  /** null sorts last in both directions. */
  sortValue(row: Row): number | string | null;
  /** Left out where no row has a text in it. */
  isRare?: true;
  /** Sorted from A to Z when first selected; other columns from the largest. */
  isText?: true;
};

/** The columns as the help explains them, their titles without remarks. */
export function legendOf<Row>(columns: Column<Row>[]): {keys: string; help: string}[] {
  return columns.map(({title, help}) => ({keys: title.replace(/ \(.*/, ''), help}));
}

/** A row with all of its columns, in whole; [] where it is no more. */
export function cellsOf<Row>(
  columns: Column<Row>[],
  rows: Row[],
  idOf: (row: Row) => string,
  id: string,
): Cells {
  const row = rows.find(each => idOf(each) === id);
  if (row === undefined) return [];
  return columns
    .map(({title, text, whole = text}): Cells[number] => [title.toLowerCase(), whole(row)])
    .filter(([, text]) => text !== '');
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
 * The `/` filter: all words must match. `state:idle` searches one column, `state=idle` compares the whole value, `pid=1,2` is either,
 * `xact>1m` and `calls<10k` compare figures, `!word` inverts, any other word searches every column. Case is ignored. A
 * column has the name of its id or its title; `"lock:tuple"` is no column but text. What `filterProblem` names matches no row.
 */
export function createFilter<Row>(filter: string, columns: Column<Row>[]): (row: Row) => boolean {
  const tests = wordsOf(filter, columns).map(word => createWordTest(word, columns));
  return row => tests.every(test => test(row));
}

/** `no column "foo": pid, state, ...`, or that a value is no figure; null for a filter that can match. */
export function filterProblem<Row>(filter: string, columns: Column<Row>[]): string | null {
  for (const word of wordsOf(filter, columns)) {
    if (word.name === '') continue;
    if (columnsNamed(word.name, columns).length === 0)
      return `no column "${word.name}": ${columns.map(({id}) => id).join(', ')}`;
    if (/[<>]/.test(word.sign) && word.value !== '' && parseFigure(word.value) === null)
      return `"${word.value}" is not a number: use 500ms, 1m, 10k, 5MB or 20%`;
  }
  return null;
}

type FilterWord = {
  isInverse: boolean;
  /** '' where every column is searched. */
  name: string;
  sign: string;
  value: string;
  /** After `=`, any of these. */
  values: string[];
  /** No value has been typed after the operator yet: every row matches. */
  isOpen: boolean;
};

function wordsOf<Row>(filter: string, columns: Column<Row>[]): FilterWord[] {
  const words = filter.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? [];
  return words.map(word => {
    const isInverse = word.startsWith('!');
    const bare = isInverse ? word.slice(1) : word;
    const unquoted = bare.replaceAll('"', '');
    const [, name = '', sign = '', value = ''] = /^([a-z]+)(:|>=|<=|=|>|<)(.*)$/i.exec(unquoted) ?? [];
    const isKnown = columnsNamed(name.toLowerCase(), columns).length > 0;
    const isText = name === '' || (bare.startsWith('"') && !isKnown);
    const values = sign === '=' ? listOf(bare.slice(bare.indexOf('=') + 1)) : [value];
    return isText
      ? {isInverse, name: '', sign: ':', value: unquoted, values: [unquoted], isOpen: unquoted === ''}
      : {
          isInverse,
          name: name.toLowerCase(),
          sign,
          value,
          values,
          isOpen: value === '' && !bare.endsWith('"'),
        };
  });
}

/** `4711,4712` is two, `"a,b"` one. */
function listOf(text: string): string[] {
  const parts = text.match(/(?:[^,"]|"[^"]*"?)+/g) ?? [''];
  return parts.map(part => part.replaceAll('"', ''));
}

function columnsNamed<Row>(name: string, columns: Column<Row>[]): Column<Row>[] {
  const byId = columns.filter(({id}) => id.startsWith(name));
  return byId.length > 0 ? byId : columns.filter(({title}) => title.toLowerCase().startsWith(name));
}

function createWordTest<Row>(word: FilterWord, columns: Column<Row>[]): (row: Row) => boolean {
  const {isInverse, name, sign, isOpen} = word;
  const searched = name === '' ? columns : columnsNamed(name, columns);
  if (searched.length === 0) return () => false;
  if (isOpen) return () => true;
  if (/[<>]/.test(sign)) {
    const figure = parseFigure(word.value);
    return row => searched.some(column => isBeyond(column.sortValue(row), sign, figure)) !== isInverse;
  }
  const wanted = word.values.map(value => value.toLowerCase());
  const matches = (text: string) =>
    wanted.some(value => (sign === '=' ? text === value : text.includes(value)));
  const textsOf = (column: Column<Row>, row: Row) => [column.text(row), ...(column.aliases?.(row) ?? [])];
  return row =>
    searched.some(column => textsOf(column, row).some(text => matches(text.toLowerCase()))) !== isInverse;
}

/** Unknown is neither above nor below. */
function isBeyond(value: number | string | null, sign: string, figure: number | null): boolean {
  if (typeof value !== 'number' || figure === null) return false;
  if (sign.endsWith('=') && value === figure) return true;
  return sign.startsWith('>') ? value > figure : value < figure;
}

const multiples: Record<string, number> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  '%': 0.01,
  B: 1,
  kB: 1024,
  KB: 1024,
  MB: 1024 ** 2,
  GB: 1024 ** 3,
  TB: 1024 ** 4,
};

/** A count, bytes, a share, or a duration in milliseconds, as columns sort; null if it is none of them. */
function parseFigure(text: string): number | null {
  const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)([a-zA-Z%]*)$/.exec(text) ?? [];
  const multiple = multiples[unit];
  return amount !== undefined && multiple !== undefined ? Number(amount) * multiple : parseDurationMs(text);
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
