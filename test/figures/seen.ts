import {fitColumns} from '../../source/console/components/table.tsx';
import type {Column} from '../../source/console/rows/arrange.ts';
import type {ConsoleState} from '../../source/console/state/state.ts';
import type {Snapshot} from '../../source/model/snapshot.ts';
import {rowsOf} from '../console/played.ts';
import {type Cells, type Document, textLength} from './cells.ts';
import type {Asked} from './compare.ts';
import type {Row} from './sections.ts';

/** A console after two readings, and what the server said of the same time. */
export type Seen = {
  /** With what the console reads beside them: facts, journal, source. High enough for every row of a table. */
  state: ConsoleState;
  readings: readonly [Snapshot, Snapshot];
  /** Of the second reading; it has been compared with SQL. */
  document: Document;
  /** Before and after the first reading, before and after the second. */
  asked: readonly Asked[];
  /** The journal's file. */
  journal: string;
  /** Whether poolctl's role sees what sessions and statements of a role do. */
  sees(role: unknown): boolean;
};

/** A chart is beside another above this width; every column has room. */
export const columns = 320;

/** What the server said before the first reading, or at one of the later three times. */
export function rowsAt({asked}: Seen, path: string, time: 0 | 1 | 2 | 3): Row[] {
  return asked[time]?.[path] ?? [];
}

/** The cells of a table as they are on the screen, by the ids of its columns; `found`: its rows. */
export function printedCells<R>(
  state: ConsoleState,
  shown: Column<R>[],
  found: readonly R[],
  titles: readonly string[] = [shown[0]?.title ?? '', shown.at(-1)?.title ?? ''],
): Cells[] {
  const fitted = fitColumns(shown, columns, [...found]);
  const screen = rowsOf(state);
  const at = screen.findIndex(row => titles.every(title => row.includes(title)));
  return screen.slice(at + 1, at + 1 + found.length).map(row => {
    let from = 2;
    return Object.fromEntries(
      fitted.map(({column, width}): [string, string] => {
        const cell = row.slice(from, from + width).trim();
        from += width + 1;
        // The branches of the tree of locks are drawn before the pid.
        return [
          column.id,
          column.id === 'pid' ? cell.replace(/^\D+/, '') : cell.slice(0, textLength).trimEnd(),
        ];
      }),
    );
  });
}

/** Rows in any order. */
export function sortedCells(all: readonly Cells[], ids: readonly string[]): string[] {
  return all.map(each => JSON.stringify(each, [...ids])).sort();
}
