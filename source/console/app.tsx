import {render} from 'ink';
import {useLayoutEffect} from 'react';
import {useStore} from 'zustand';
import {drawFrame} from './frame.ts';
import type {Line} from './screen/line.ts';
import type {Screen} from './screen/screen.ts';
import type {Theme} from './screen/theme.ts';
import type {ConsoleStore} from './state/state.ts';

type AppProps = {store: ConsoleStore; screen: Screen; theme: Theme};

/**
 * Ink manages React's subscription to the store and its components. Frames are painted on the Screen, cell
 * by cell, instead of through Ink's output: that costs 12 ms and 7 kB a frame at 160x50, a cell grid 2 ms and some
 * hundred bytes. Input comes from `readInput`: Ink takes a lone ESC for the Esc key at once, and the rest of
 * a split sequence for keys.
 */
export function App({store, screen, theme}: AppProps) {
  const lines = useStore(store, state => memoFrame(state, theme));
  return <Frame lines={lines} screen={screen} />;
}

function Frame({lines, screen}: {lines: Line[]; screen: Screen}) {
  useLayoutEffect(() => screen.paint(lines), [lines, screen]);
  return null;
}

let last: {state: unknown; lines: Line[]} | undefined;

/** useStore needs the same object for the same state, or React renders forever. */
function memoFrame(state: Parameters<typeof drawFrame>[0], theme: Theme): Line[] {
  if (last?.state !== state) last = {state, lines: drawFrame(state, theme)};
  return last.lines;
}

/**
 * Mounts the app without output of its own: the Screen writes. `ended` rejects with what a
 * component threw; Ink itself would only stop.
 */
export function mountApp(
  props: AppProps,
  stdin: NodeJS.ReadStream,
  size: {columns: number; rows: number},
): {unmount(): void; ended: Promise<unknown>} {
  const nowhere = {
    ...size,
    isTTY: true,
    write: () => true,
    on: () => nowhere,
    off: () => nowhere,
  } as unknown as NodeJS.WriteStream;
  const app = render(<App {...props} />, {
    stdin,
    stdout: nowhere,
    stderr: nowhere,
    // Ink then hands whole frames to `stdout.write` without touching the cursor, CI or not.
    debug: true,
    exitOnCtrlC: false,
    patchConsole: false,
  });
  return {unmount: () => app.unmount(), ended: app.waitUntilExit()};
}
