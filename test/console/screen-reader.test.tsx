import {render} from 'ink';
import {expect, it} from 'vitest';
import {createStore} from 'zustand/vanilla';
import {App} from '../../source/console/app.tsx';
import {createTheme} from '../../source/console/screen/theme.ts';
import type {ConsoleState} from '../../source/console/state/state.ts';
import {views} from '../../source/console/views/index.ts';
import {dialogs, type Size, start} from './dialog-states.ts';
import {press} from './played.ts';
import {viewState} from './view-states.ts';

const size: Size = [100, 40];
const theme = createTheme({LANG: 'C.UTF-8', INK_SCREEN_READER: 'true', NO_COLOR: '1'});

/** What Ink writes of this state for a screen reader, without SGR sequences. */
function spoken(state: ConsoleState): string {
  let text = '';
  const listeners = new Set<() => void>();
  const stdout = {
    columns: state.columns,
    rows: state.rows,
    isTTY: true,
    write(bytes: string) {
      text = bytes;
      for (const listener of listeners) listener();
      return true;
    },
    on: () => stdout,
    off: () => stdout,
  } as unknown as NodeJS.WriteStream;
  const frames = (listener: () => void) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  const app = render(<App store={createStore(() => state)} theme={theme} frames={frames} />, {
    ...{stdout, debug: true, isScreenReaderEnabled: true, exitOnCtrlC: false, patchConsole: false},
  });
  const shown = text;
  app.unmount();
  return shown.replace(/\u001b\[[\d;]*m/g, '');
}

/** Lines, bars and signs that a screen reader calls by their names in Unicode; controls. */
const unspeakable = /[\u2500-\u27bf\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/;

it.each(views)('reads $title: which view it is, and each of its rows', view => {
  const {key, title} = view;
  const text = spoken(viewState(view, size));
  expect(text).not.toMatch(unspeakable);
  expect(text).toMatch(new RegExp(`^view ${key} ${title}\\b.*; others: .*\\.`, 'm'));
  expect(text).toMatch(/^[^\n]{0,2}>/m);
  expect(text).toMatch(/Enter.* \? help/);
  expect(text).not.toMatch(/undefined|NaN|\[object/);
});

it.each([
  ['1', /^slots {2}5 of 97 slots used, max_connections 100$/m],
  ['1', /slots used: 5 slots, 5 to 5 in the last 11s\. active: 5 slots, 5 to 5 in the last 11s\. /],
  ['9', /^busy sessions over time: 5 at the end, 5 to 5\.$/m],
] as const)('reads what is drawn in view %s as a sentence: %s', (key, sentence) => {
  expect(spoken(viewState({key}, size))).toMatch(sentence);
});

const pages: Record<string, (size: Size) => ConsoleState> = {
  ...Object.fromEntries(
    Object.entries(dialogs).map(([name, open]) => [name, (size: Size) => open(start(size))]),
  ),
  ...Object.fromEntries(
    views.map(view => [`Enter in ${view.title}`, size => press(viewState(view, size), 'enter')]),
  ),
  'all of the Overview': size => press(viewState({key: '1'}, size), 'o'),
};

it.each(Object.keys(pages))('reads a page whole, and how to leave it: %s', name => {
  const text = spoken(pages[name]?.(size) as ConsoleState);
  expect(text).not.toMatch(unspeakable);
  expect(text).toMatch(/Esc|these sessions differ in nothing else/);
  expect(text).not.toMatch(/undefined|NaN|\[object/);
});
