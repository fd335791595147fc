import {Box} from 'ink';
import {useMemo} from 'react';
import type {Column} from '../rows/arrange.ts';
import {uniqueKeys} from '../rows/arrange.ts';
import {textWidth} from '../screen/cell-width.ts';
import {fitText, type Span, span} from '../screen/line.ts';
import type {TableState} from '../state/browsing.ts';
import {useTheme} from './context.ts';
import {Measured, type Size} from './measured.tsx';
import {PageWidth, Prose} from './prose.tsx';
import {PaintedRow, Text} from './text.tsx';

type TableProps<Row> = {
  /** In the order shown. */
  rows: Row[];
  table: TableState;
  columns: Column<Row>[];
  idOf: (row: Row) => string;
  /** Shown in an empty table. */
  emptyText: string;
};

/** The titles and the rows around the cursor, in the room that is left. */
export function Table<Row>(props: TableProps<Row>) {
  return <Measured name="table">{size => <Rows {...props} {...size} />}</Measured>;
}

function Rows<Row>({rows, table, columns, idOf, emptyText, width, height}: TableProps<Row> & Size) {
  const {symbols} = useTheme();
  const fitted = useMemo(() => fitColumns(columns, width, rows), [columns, width, rows]);
  const selected = table.cursor === null ? 0 : rows.findIndex(row => idOf(row) === table.cursor);
  const first = firstVisible(rows.length, selected, height - 1);
  const shown = rows.slice(first, first + height - 1);
  const keys = uniqueKeys(shown.map(idOf));
  return (
    <>
      <Titles columns={columns} fitted={fitted} sort={table.sort} />
      {shown.map((row, index) => {
        const id = idOf(row);
        const marker = table.tagged.includes(id) ? `${symbols.tagged} ` : '  ';
        const parts = partsOf(row, fitted, marker, symbols.ellipsis);
        if (first + index !== selected) return <PaintedRow key={keys[index]} spans={parts} />;
        return (
          <Text key={keys[index]} role="selected">
            {fitText(parts.map(({text}) => text).join(''), width)}
          </Text>
        );
      })}
      {rows.length === 0 && (
        <PageWidth value={width}>
          <Prose text={emptyText} role="muted" />
        </PageWidth>
      )}
    </>
  );
}

type Fitted<Row> = {column: Column<Row>; width: number}[];

/** The titles of the columns, and at the right the column that decides the order where it is not shown. */
function Titles<Row>({
  columns,
  fitted,
  sort,
}: {
  columns: Column<Row>[];
  fitted: Fitted<Row>;
  sort: TableState['sort'];
}) {
  const {symbols} = useTheme();
  const arrow = sort.isDescending ? symbols.descending : symbols.ascending;
  const isShown = fitted.some(({column}) => column.id === sort.column);
  const unseen = isShown ? undefined : columns.find(({id}) => id === sort.column);
  const titles = fitted.flatMap(({column, width}, index) => {
    const isSorted = column.id === sort.column;
    const title = isSorted ? `${column.title.slice(0, Math.max(1, width - 1))}${arrow}` : column.title;
    const shown = fitText(title, width, column.align, '');
    return [span(index === 0 ? '  ' : ' '), span(shown, isSorted ? 'strong' : 'muted')];
  });
  return (
    <Box flexShrink={0} height={1}>
      <Box flexGrow={1}>
        <PaintedRow spans={titles} />
      </Box>
      {unseen && (
        <Box flexShrink={0}>
          <Text role="strong">{`  by ${unseen.title}${arrow}`}</Text>
        </Box>
      )}
    </Box>
  );
}

/** A row in as few parts as its roles allow. Blanks have no role, so that no style is written for them. */
function partsOf<Row>(row: Row, fitted: Fitted<Row>, marker: string, ellipsis: string): Span[] {
  const parts: Span[] = marker.trim() === '' ? [] : [span(marker, 'warning')];
  let plain = marker.trim() === '' ? marker : '';
  let before = '';
  for (const {column, width} of fitted) {
    const cell = before + fitText(column.text(row), width, column.align, ellipsis);
    const role = column.role?.(row) ?? 'plain';
    const text = role === 'plain' ? '' : cell.trim();
    before = ' ';
    if (text === '') {
      plain += cell;
      continue;
    }
    const begin = cell.length - cell.trimStart().length;
    plain += cell.slice(0, begin);
    if (plain !== '') parts.push(span(plain));
    parts.push(span(text, role));
    plain = cell.slice(begin + text.length);
  }
  if (plain !== '') parts.push(span(plain));
  return parts;
}

const gap = 1;
const markerWidth = 2;

/**
 * Cells by which the columns up to the growing one are widened together, where their texts would be cut, before less
 * important columns are added.
 */
const comfortCells = 16;

/**
 * The columns that fit, in their order: those with the lowest priority number first, and after one that does not fit
 * those that still do. Up to half of the remaining width goes to columns whose texts in `rows` would be cut, the rest to
 * the growing one.
 */
export function fitColumns<Row>(all: Column<Row>[], width: number, rows: Row[] = []): Fitted<Row> {
  const columns = all.filter(({isRare, text}) => !isRare || rows.some(row => text(row) !== ''));
  const leastOf = (column: Column<Row>) =>
    Math.max(column.width, Math.floor(width * (column.leastShare ?? 0)));
  const widths = new Map<Column<Row>, number>();
  let spare = width - markerWidth + gap;
  let added = 0;
  const byPriority = columns.toSorted((a, b) => a.priority - b.priority);
  const growing = byPriority.findIndex(({grows}) => grows);
  const keep = (candidates: Column<Row>[]) => {
    for (const column of candidates) {
      const needed = leastOf(column) + gap;
      if (needed > spare && widths.size > 0) continue;
      widths.set(column, leastOf(column));
      spare = Math.max(0, spare - needed);
    }
  };
  /** Widens the columns whose texts would be cut, by half of what is left and by `most` cells together. */
  const widen = (most: number) => {
    let left = Math.min(most, Math.floor((spare + added) / 2)) - added;
    for (const column of columns) {
      const own = widths.get(column);
      if (own === undefined) continue;
      const more = Math.max(0, Math.min(left, wantedWidth(column, rows) - own));
      widths.set(column, own + more);
      left -= more;
      spare -= more;
      added += more;
    }
  };
  keep(byPriority.slice(0, growing + 1));
  widen(comfortCells);
  keep(byPriority.slice(growing + 1));
  widen(width);
  return columns.flatMap(column => {
    const own = widths.get(column);
    return own === undefined ? [] : [{column, width: own + (column.grows ? spare : 0)}];
  });
}

function wantedWidth<Row>({width, widest = width, text}: Column<Row>, rows: Row[]): number {
  if (widest === width) return width;
  return rows.reduce(
    (most, row) => Math.max(most, Math.min(widest, textWidth(text(row).slice(0, widest)))),
    width,
  );
}

/** The first row shown: scrolls as little as needed to keep the cursor visible. */
function firstVisible(rows: number, selected: number, bodyHeight: number): number {
  if (selected < bodyHeight) return 0;
  const margin = Math.min(3, Math.floor(bodyHeight / 4));
  return Math.min(rows - bodyHeight, selected - bodyHeight + 1 + margin);
}
