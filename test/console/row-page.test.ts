import {describe, expect, it} from 'vitest';
import {targetSessions} from '../../source/console/rows/selection.ts';
import {openTable} from '../../source/console/state/browsing.ts';
import {type ConsoleState, openView} from '../../source/console/state/state.ts';
import {views} from '../../source/console/views/index.ts';
import {press, screenOf} from './played.ts';
import {viewState} from './view-states.ts';

const longText = (field: string) => `begin-${field} ${'and so on '.repeat(40)}end-${field}`;

/** A view with its rows one by one, and grouped in each way. */
function groupingsOf(view: (typeof views)[number]): ConsoleState[] {
  const start = viewState(view, [80, 24], longText);
  const all = [start];
  if (view.isGroupable)
    for (let next = press(start, 'B'); openTable(next).groupBy !== null; next = press(next, 'B'))
      all.push(next);
  if (view.sortLabel === 'group by')
    for (let next = press(start, 's'); all.length < (view.columns?.length ?? 0); next = press(next, 's'))
      all.push(next);
  return all;
}

function namesIn(text: string, mark: 'begin' | 'end'): string[] {
  return [...new Set([...text.matchAll(new RegExp(`${mark}-([a-z]+)`, 'g'))].map(([, name = '']) => name))];
}

describe('a text that is cut', () => {
  describe.each(views)('in $title', view => {
    const groupings = groupingsOf(view);

    it.each(groupings.map(state => ({by: openTable(state).groupBy ?? openTable(state).sort.column, state})))(
      'is whole on the page that o opens, rows by $by',
      ({state}) => {
        const pages = openView(state)
          .ids(state)
          .map((_, index) => screenOf({...press(state, 'g', ...Array(index).fill('down'), 'o'), rows: 400}));
        const whole = namesIn([screenOf({...state, rows: 400}), ...pages].join('\n'), 'end');
        expect(whole).toEqual(expect.arrayContaining(begunIn(state)));
      },
    );

    it('is on the screen, so that this is tested', () => {
      expect(groupings.flatMap(begunIn)).not.toEqual([]);
    });
  });
});

it('on the page of a row C and K act on that row, whatever is tagged; on that of a group on nothing', () => {
  const sessions = viewState({key: '2'}, [80, 24]);
  const [, second] = openView(sessions).ids(sessions);
  expect(targetSessions(press(sessions, 'g', 'space', 'o'))).toEqual([second]);
  expect(targetSessions(press(sessions, 'B', 'o'))).toEqual([]);
});

/** The texts on a screen so wide and high that each of them at least begins. */
function begunIn(state: ConsoleState): string[] {
  return namesIn(screenOf({...state, columns: 700, rows: 80}), 'begin');
}
