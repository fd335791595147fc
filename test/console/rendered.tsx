import {Unicode11Addon} from '@xterm/addon-unicode11';
import xterm, {type IBufferCell} from '@xterm/headless';
import {Box, type DOMElement, render} from 'ink';
import {render as renderOnStockInk} from 'ink-testing-library';
import type {ReactNode} from 'react';
import {expect} from 'vitest';
import {createStore} from 'zustand/vanilla';
// Ink's own modules: what it has laid out is drawn a second time, on the console's grid.
import instances from '../../node_modules/ink/build/instances.js';
import Output from '../../node_modules/ink/build/output.js';
import reconciler from '../../node_modules/ink/build/reconciler.js';
import renderNodeToOutput from '../../node_modules/ink/build/render-node-to-output.js';
import {App} from '../../source/console/app.tsx';
import {ThemeContext} from '../../source/console/components/context.ts';
import type {Frames} from '../../source/console/components/measured.tsx';
import type {Grid} from '../../source/console/screen/grid.ts';
import {GridOutput} from '../../source/console/screen/ink-output.ts';
import {createScreen} from '../../source/console/screen/screen.ts';
import {createTheme, type Theme} from '../../source/console/screen/theme.ts';
import type {ConsoleState} from '../../source/console/state/state.ts';

/** What a mounted element looks like: the cells of the console's grid, and the bytes of stock Ink. */
export type Rendered = {grid: Grid; stock(): string};

/**
 * Renders without what Ink itself would draw of it, which takes most of the time: only tests that compare it with the grid
 * draw it.
 */
function undrawn<Result>(render: () => Result): Result {
  const {prototype} = Output;
  const {write, get} = prototype;
  Object.assign(prototype, {write() {}, get: () => ({output: '', height: 0})});
  try {
    return render();
  } finally {
    Object.assign(prototype, {write, get});
  }
}

const unicode = createTheme({LANG: 'C.UTF-8'});

type Terminal = {columns: number; rows: number; theme?: Theme};

/** Lays an element out with Ink on a terminal of this size, and draws it. */
export function renderElement(element: ReactNode, terminal: Terminal): Pick<Rendered, 'grid'> {
  const mounted = mountElement(() => element, terminal);
  const {grid} = mounted.draw();
  mounted.unmount();
  return {grid};
}

/** An element that stays mounted. `frames`: what calls back after each of them. */
export function mountElement(
  elementOf: (frames: Frames) => ReactNode,
  {columns, rows, theme = unicode}: Terminal,
): {draw(): Rendered; unmount(): void} {
  const listeners = new Set<() => void>();
  const stdout = {
    columns,
    rows,
    isTTY: true,
    write: () => {
      for (const listener of listeners) listener();
      return true;
    },
    on: () => stdout,
    off: () => stdout,
  } as unknown as NodeJS.WriteStream;
  const frames: Frames = listener => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  const app = undrawn(() =>
    render(
      <ThemeContext value={theme}>
        <Box flexDirection="column" width={columns} height={rows}>
          {elementOf(frames)}
        </Box>
      </ThemeContext>,
      {stdout, debug: true, exitOnCtrlC: false, patchConsole: false},
    ),
  );
  // Its fields are private in the types.
  const {rootNode} = instances.get(stdout) as unknown as {rootNode: DOMElement};
  return {
    draw() {
      // What a message has changed is otherwise rendered in the next microtask.
      undrawn(() => reconciler.flushSyncWork());
      const size = {width: columns, height: rows};
      const output = new GridOutput(size);
      renderNodeToOutput(rootNode, output as unknown as Output, {skipStaticElements: true});
      return {
        grid: output.grid,
        stock() {
          const drawn = new Output(size);
          renderNodeToOutput(rootNode, drawn, {skipStaticElements: true});
          return drawn.get().output;
        },
      };
    },
    unmount: () => undrawn(() => app.unmount()),
  };
}

/** The grid's rows as text, without what is blank at their ends. */
export function rowsOfGrid({width, height, text}: Grid): string[] {
  return Array.from({length: height}, (_, y) =>
    text
      .slice(y * width, (y + 1) * width)
      .join('')
      .trimEnd(),
  );
}

/** What a terminal shows after these bytes: each cell's text and look. */
async function cellsAfter(
  bytes: string,
  {columns, rows}: {columns: number; rows: number},
): Promise<string[][]> {
  const terminal = new xterm.Terminal({cols: columns, rows, allowProposedApi: true});
  terminal.loadAddon(new Unicode11Addon());
  terminal.unicode.activeVersion = '11';
  await new Promise<void>(resolve => terminal.write(`\u001b[?7l${bytes}`, resolve));
  const lookOf = (cell: IBufferCell) =>
    [cell.isBold(), cell.isDim(), cell.isUnderline(), cell.isInverse(), cell.getFgColor()].join();
  return Array.from({length: rows}, (_, y) => {
    const row = terminal.buffer.active.getLine(y);
    return Array.from({length: columns}, (_, x) => {
      const cell = row?.getCell(x);
      if (cell === undefined) return '';
      const text = cell.getChars() || ' ';
      // The grid gives a blank no look, unless it is reversed.
      return text === ' ' && !cell.isInverse() ? text : `${text} ${lookOf(cell)}`;
    });
  });
}

/** The rows that stock Ink draws of a component, as text, without what is blank at their ends. */
export function rowsOfStock(element: ReactNode, {columns, rows, theme = unicode}: Terminal): string[] {
  const {lastFrame, unmount} = renderOnStockInk(
    <ThemeContext value={theme}>
      <Box flexDirection="column" width={columns} height={rows}>
        {element}
      </Box>
    </ThemeContext>,
  );
  const frame = lastFrame() ?? '';
  unmount();
  return frame
    .replace(/\u001b\[[\d;]*m/g, '')
    .split('\n')
    .map(row => row.trimEnd());
}

/** The cells of the console in this state. */
export function gridOf(state: ConsoleState, theme: Theme): Grid {
  return renderElement(<App store={createStore(() => state)} theme={theme} />, {...state, theme}).grid;
}

/** Fails where stock Ink and the console's grid show this state differently in a cell. */
export async function expectSameCells(state: ConsoleState, theme: Theme): Promise<void> {
  const app = <App store={createStore(() => state)} theme={theme} />;
  const mounted = mountElement(() => app, {...state, theme});
  const {grid, stock} = mounted.draw();
  const bytes = stock();
  mounted.unmount();
  let painted = '';
  const write = (bytes: string) => {
    painted += bytes;
    return true;
  };
  createScreen(write, theme, state.columns, state.rows).paint(grid);
  const shown = await cellsAfter(painted, state);
  expect(shown).toEqual(await cellsAfter(bytes.replaceAll('\n', '\r\n'), state));
}
