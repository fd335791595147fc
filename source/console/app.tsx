import {Box, render} from 'ink';
import {useState} from 'react';
import {Footer} from './components/footer.tsx';
import {Header} from './components/header.tsx';
import {type Frames, FramesContext, LastSizesContext, type Size} from './components/measured.tsx';
import {ScrollerContext} from './components/page.tsx';
import {ProductionFrame} from './components/production-frame.tsx';
import {createScroller, type Scroller} from './components/scroller.ts';
import {Scrubber} from './components/scrubber.tsx';
import {StoreContext, useConsole} from './components/store-context.ts';
import {Tabs} from './components/tabs.tsx';
import {Rows} from './components/text.tsx';
import {ThemeContext} from './components/theme-context.ts';
import {Waiting} from './components/waiting.tsx';
import {Dialog, isDialogOpen} from './dialogs/dialog.tsx';
import {isTooSmall, tooSmallRows} from './least-size.ts';
import type {Theme} from './screen/theme.ts';
import type {ViewId} from './state/browsing.ts';
import type {ConsoleState, ConsoleStore} from './state/state.ts';
import {viewOf} from './views/index.ts';

type AppProps = {store: ConsoleStore; theme: Theme; scroller?: Scroller; frames?: Frames};

/** The console: header, tabs, a view or a dialog, footer. */
export function App({store, theme, scroller, frames = () => () => {}}: AppProps) {
  const ownScroller = useState(createScroller)[0];
  const lastSizes = useState(() => new Map<string, Size>())[0];
  return (
    <ThemeContext value={theme}>
      <StoreContext value={store}>
        <FramesContext value={frames}>
          <LastSizesContext value={lastSizes}>
            <ScrollerContext value={scroller ?? ownScroller}>
              <Screen />
            </ScrollerContext>
          </LastSizesContext>
        </FramesContext>
      </StoreContext>
    </ThemeContext>
  );
}

function Screen() {
  const {columns, rows, isProduction, isSmall} = useConsole(state => ({
    columns: state.columns,
    rows: state.rows,
    isProduction: state.isProduction,
    isSmall: isTooSmall(state),
  }));
  return (
    <Box flexDirection="column" width={columns} height={rows} overflow="hidden">
      {isSmall && <Rows rows={tooSmallRows} />}
      {!isSmall && isProduction && (
        <ProductionFrame columns={columns} rows={rows}>
          <Inside />
        </ProductionFrame>
      )}
      {!isSmall && !isProduction && <Inside />}
    </Box>
  );
}

function Inside() {
  const past = useConsole(state => state.past);
  return (
    <>
      <Header />
      <Tabs />
      <Body />
      {past !== null && <Scrubber past={past} />}
      <Footer />
    </>
  );
}

function Body() {
  const shown = useConsole(shownBy);
  if (shown === 'dialog') return <Dialog />;
  if (shown === 'waiting') return <Waiting />;
  const {Component} = viewOf(shown);
  return <Component />;
}

/** What stands between the tabs and the footer: a view, a dialog on top of it, or neither before the first snapshot. */
function shownBy(state: ConsoleState): ViewId | 'dialog' | 'waiting' {
  if (isDialogOpen(state)) return 'dialog';
  return state.snapshot !== null || state.view === 'journal' ? state.view : 'waiting';
}

/** Where Ink draws: `onFrame` is called after every frame, with the frame's bytes where Ink's own Output made it. */
export type Canvas = {size(): {columns: number; rows: number}; onFrame(bytes: string): void};

/** Mounts the app. `ended` rejects with what a component threw. */
export function mountApp(
  props: Omit<AppProps, 'frames'>,
  stdin: NodeJS.ReadStream,
  canvas: Canvas,
): {unmount(): void; setTheme(theme: Theme): void; ended: Promise<unknown>} {
  const listeners = new Set<() => void>();
  const frames: Frames = listener => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  };
  const stdout = {
    get columns() {
      return canvas.size().columns;
    },
    get rows() {
      return canvas.size().rows;
    },
    isTTY: true,
    write: (bytes: string) => {
      for (const listener of listeners) listener();
      canvas.onFrame(bytes);
      return true;
    },
    on: () => stdout,
    off: () => stdout,
  } as unknown as NodeJS.WriteStream;
  const app = render(<App {...props} frames={frames} />, {
    stdin,
    stdout,
    stderr: stdout,
    // Ink then hands each frame to `stdout.write` as its Output made it, without touching the cursor, CI or not.
    debug: true,
    exitOnCtrlC: false,
    patchConsole: false,
  });
  return {
    unmount: () => app.unmount(),
    setTheme: theme => app.rerender(<App {...props} theme={theme} frames={frames} />),
    ended: app.waitUntilExit(),
  };
}
