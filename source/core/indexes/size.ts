import type {Table} from '../../model/catalog.ts';
import {rowsOf} from './selectivity.ts';
import type {Columns} from './shape.ts';
import type {IndexSpec} from './spec.ts';

const pageBytes = 8192;
/** Of a btree as it is built (BTREE_DEFAULT_FILLFACTOR). */
const fill = 0.9;
const header = 8;
const itemPointer = 4;
const heapPointer = 6;
/** What an expression's result is taken for. */
const unknownWidth = 32;

/**
 * Bytes an index will take, from the widths in pg_stats. A btree keeps a key that several rows share once, with
 * their places (deduplication, 13 and later).
 */
export function estimateSize(table: Table, {method, keys, predicate}: IndexSpec, columns: Columns): number {
  const known = keys.map(({expression}) =>
    columns.get(table.oid)?.find(({name}) => expression === `"${name.replaceAll('"', '""')}"`),
  );
  const rows = Math.ceil(rowsOf(table) * (predicate === null ? 1 : partOf(predicate, table, columns)));
  const width = known.reduce((sum, column) => sum + (column?.average_width_bytes ?? unknownWidth), 0);
  // Each value inside a document is a key of its own, with the places where it stands.
  if (method === 'gin') return pagesFor(rows * width * 0.5);
  const entry = Math.ceil(width / 8) * 8 + header + itemPointer;
  const distinct = known.reduce((product, column) => product * distinctOf(column?.n_distinct ?? -1, rows), 1);
  const entries = Math.min(rows, Math.max(1, distinct));
  return pagesFor((entries * entry + (entries < rows ? rows * heapPointer : 0)) / fill);
}

function distinctOf(n_distinct: number, rows: number): number {
  if (n_distinct === 0) return rows;
  return n_distinct > 0 ? n_distinct : -n_distinct * rows;
}

function partOf(predicate: string, table: Table, columns: Columns): number {
  const parts = predicate.split(' AND ').map(part => {
    const [, name, not] = /^"((?:[^"]|"")+)" IS (NOT )?NULL$/.exec(part) ?? [];
    const nulls = columns
      .get(table.oid)
      ?.find(column => column.name === name?.replaceAll('""', '"'))?.null_ratio;
    return nulls === undefined ? 1 : not === undefined ? nulls : 1 - nulls;
  });
  return parts.reduce((product, each) => product * each, 1);
}

/** With the page that describes it. */
function pagesFor(bytes: number): number {
  return (Math.ceil(bytes / pageBytes) + 1) * pageBytes;
}
