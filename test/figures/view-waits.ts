import {expect} from 'vitest';
import {classSigns, groupColumns, shownLoad} from '../../source/console/rows/waits.ts';
import type {ConsoleState} from '../../source/console/state/state.ts';
import {loadClasses} from '../../source/core/activity/busy-sessions.ts';
import {type LoadDimension, loadDimensions} from '../../source/core/activity/load-over.ts';
import {groupBy} from '../../source/core/group-by.ts';
import {formatAge, formatRatio} from '../../source/core/text/format.ts';
import {press, rowsOf} from '../console/played.ts';
import {type Cells, textLength} from './cells.ts';
import {printedCells, rowsAt, type Seen, sortedCells} from './seen.ts';

/** A busy session of one of the readings: what it is in each dimension, as SQL says. */
type Busy = {[dimension in LoadDimension | 'class']: string} & {query_id: string};

/** Grouped by every dimension, and what Enter on each of these groups shows. */
export function expectWaits(seen: Seen): void {
  const busy = busyOf(seen);
  let {state} = seen;
  // Both readings are within five minutes.
  for (let turn = 0; turn < 5 && state.window !== '5min'; turn++) state = press(state, 't');
  expect(state.window).toBe('5min');
  expectHead({...seen, state}, busy);
  for (const _ of loadDimensions) {
    expectGroups(state, busy);
    const groups = shownLoad(state)?.groups ?? [];
    for (const [index, {key}] of groups.entries()) {
      const at = shownLoad(state)?.dimension ?? 'event';
      const within = busy.filter(each => each[at] === key || (at === 'statement' && each.query_id === key));
      expect(within, `${at} ${key}`).not.toEqual([]);
      const drilled = press(state, ...Array.from({length: index}, () => 'down'), 'enter');
      // Where they differ in nothing else, Enter says so.
      const differ = loadDimensions.filter(each => new Set(within.map(row => keyIn(row, each))).size > 1);
      expect(drilled.tables.waits?.filter === state.tables.waits?.filter, `${at} ${key}`).toBe(
        differ.length === 0,
      );
      if (differ.length > 0) expectGroups(drilled, within);
    }
    state = press(state, 's');
  }
}

/** Those that poolctl's role sees. Both readings stand for as long. */
function busyOf(seen: Seen): Busy[] {
  return ([1, 2] as const).flatMap(time => {
    const objects = new Map(rowsAt(seen, 'lock_waits', time).map(({pid, object}) => [pid, object]));
    return rowsAt(seen, 'view.busy', time)
      .filter(({usename}) => seen.sees(usename))
      .map(row => ({...row, object: objects.get(row.pid) ?? '(waits for no lock)'}) as unknown as Busy);
  });
}

const readings = 2;

function keyIn(busy: Busy, dimension: LoadDimension): string {
  return dimension === 'statement' ? busy.query_id : busy[dimension];
}

/** By the dimension on the screen. */
function expectGroups(state: ConsoleState, busy: readonly Busy[]): void {
  const found = shownLoad(state)?.groups ?? [];
  const by = loadDimensions.find(each =>
    rowsOf(state).some(row => new RegExp(`SHARE +${each.toUpperCase()}`).test(row)),
  );
  expect(by !== undefined, rowsOf(state).join('\n')).toBe(true);
  const dimension = by ?? 'event';
  const groups = groupBy(busy, each => keyIn(each, dimension));
  const expected = [...groups.values()].map((rows): Cells => {
    const sessions = rows.length / readings;
    const classes = [...groupBy(rows, row => row.class)].map(([name, those]): [string, number] => [
      name,
      those.length,
    ]);
    return {
      sessions: sessions.toFixed(sessions < 10 ? 2 : 1),
      share: formatRatio(rows.length / busy.length),
      value: textIn(rows, dimension),
      classes: inOrder(classes.map(([name, count]) => `${name} ${formatRatio(count / rows.length, 0)}`)),
    };
  });
  // A statement is called by the first text that was seen of it.
  const texts = new Map(
    busy.map(row => [textIn([row], 'statement'), textIn(groups.get(row.query_id) ?? [], 'statement')]),
  );
  const printed = printedCells(state, groupColumns, found, ['SHARE', 'CLASSES']).map(
    (cells): Cells => ({
      ...cells,
      classes: inOrder((cells.classes ?? '').split(', ')),
      ...(dimension === 'statement' && {value: texts.get(cells.value ?? '') ?? ''}),
    }),
  );
  const ids = groupColumns.map(({id}) => id);
  expect(sortedCells(printed, ids), `${dimension} ${state.tables.waits?.filter}`).toEqual(
    sortedCells(expected, ids),
  );
}

function textIn(rows: readonly Busy[], dimension: LoadDimension): string {
  const [first = ''] = rows.map(row => row[dimension]).sort();
  return first.slice(0, textLength).trimEnd();
}

function expectHead(seen: Seen, busy: readonly Busy[]): void {
  const [from, to] = seen.readings.map(({at}) => Date.parse(at)) as [number, number];
  const [early, late] = ([1, 2] as const).map(time =>
    Number(rowsAt(seen, 'load', time)[0]?.hidden_sessions),
  ) as [number, number];
  const hidden = (early + late) / readings;
  const every = to - from < 1000 ? `${to - from}ms` : formatAge(to - from);
  const screen = rowsOf(seen.state);
  expect(screen).toContain(
    `${(busy.length / readings).toFixed(1)} busy sessions on average of ${readings} snapshots in ${formatAge(to - from)} (samples of poolctl, every ${every})${hidden === 0 ? '' : `, and ${hidden.toFixed(1)} sessions whose state is hidden`}`,
  );
  const sums = loadClasses.flatMap(name => {
    const count = busy.filter(each => each.class === name).length / readings;
    const {sign, name: words} = classSigns[name];
    return count === 0 ? [] : [` ${sign} ${words} ${count.toFixed(1)}`];
  });
  if (sums.length > 0)
    expect(
      screen.some(row => row.startsWith(sums.join(' '))),
      screen.join('\n'),
    ).toBe(true);
}

/** Those of one size are in any order. */
function inOrder(classes: readonly string[]): string {
  return classes.toSorted().join(', ');
}
