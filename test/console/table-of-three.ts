import type {Column} from '../../source/console/rows/arrange.ts';
import type {TableState} from '../../source/console/state/browsing.ts';

export type Row = {id: string; state: string; age: number | null};

export const columns: Column<Row>[] = [
  {id: 'id', help: '', title: 'ID', width: 5, priority: 1, text: row => row.id, sortValue: row => row.id},
  {
    id: 'state',
    help: '',
    title: 'STATE',
    width: 10,
    priority: 2,
    text: row => row.state,
    sortValue: row => row.state,
  },
  {
    id: 'age',
    help: '',
    title: 'AGE',
    width: 6,
    priority: 4,
    align: 'right',
    text: row => String(row.age),
    sortValue: row => row.age,
  },
  {
    id: 'query',
    help: '',
    title: 'QUERY',
    width: 10,
    priority: 3,
    grows: true,
    text: row => `select ${row.id}`,
    sortValue: () => null,
  },
];
export const rows: Row[] = [
  {id: 'a', state: 'idle', age: 5},
  {id: 'b', state: 'active', age: null},
  {id: 'c', state: 'idle in transaction', age: 9},
];
export const table: TableState = {
  sort: {column: 'age', isDescending: true},
  filter: '',
  cursor: null,
  tagged: [],
  frozenOrder: null,
  groupBy: null,
};

export const idOf = (row: Row) => row.id;
