import {Box, render} from 'ink';
import {type ReactNode, useState} from 'react';
import {sanitise} from '../core/text/sanitise.ts';
import {StoreContext, ThemeContext, useConsole, useTheme} from './components/context.ts';
import {Footer} from './components/footer.tsx';
import {Header} from './components/header.tsx';
import {type Frames, FramesContext, LastSizesContext, type Size} from './components/measured.tsx';
import {createScroller, type Scroller, ScrollerContext} from './components/page.tsx';
import {Scrubber} from './components/scrubber.tsx';
import {Tabs} from './components/tabs.tsx';
import {Rows, Text} from './components/text.tsx';
import {Dialog, isDialogOpen} from './dialogs/dialog.tsx';
import {textWidth} from './screen/cell-width.ts';
import {fitText} from './screen/line.ts';
import type {Theme} from './screen/theme.ts';
import type {ViewId} from './state/browsing.ts';
import {isTooSmall, leastSize} from './state/browsing.ts';
import type {ConsoleState, ConsoleStore} from './state/state.ts';
import {viewOf} from './views/index.ts';
import {LeftRun} from './wizard/run-page.tsx';

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
      {isSmall && <Rows rows={[`poolctl needs ${leastSize.columns}x${leastSize.rows}`, 'Ctrl-C quits']} />}
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
  const {past, leftRun} = useConsole(state => ({past: state.past, leftRun: state.leftRun}));
  return (
    <>
      <Header />
      <Tabs />
      <Body />
      {leftRun !== null && <LeftRun left={leftRun} />}
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

/** A red frame that names a target marked production, so that it is not mistaken for another. */
function ProductionFrame({columns, rows, children}: {columns: number; rows: number; children: ReactNode}) {
  const {
    symbols: {
      corners: [topLeft, topRight, bottomLeft, bottomRight],
      horizontal,
      vertical,
    },
  } = useTheme();
  const name = useConsole(({snapshot, address}) =>
    snapshot
      ? `${snapshot.target.host} database ${snapshot.target.database} as ${snapshot.target.user}`
      : address,
  );
  const title = sanitise(` PRODUCTION ${name} `);
  const shown = textWidth(title) <= columns - 4 ? title : fitText(title, columns - 4);
  const rule = columns - 3 - textWidth(shown);
  const edge = (
    <Box width={1} flexShrink={0}>
      <Rows role="danger" rows={new Array<string>(rows - 2).fill(vertical)} />
    </Box>
  );
  return (
    <>
      <Text role="danger">{topLeft + horizontal + shown + horizontal.repeat(rule) + topRight}</Text>
      <Box flexGrow={1} flexBasis={0}>
        {edge}
        <Box flexDirection="column" flexGrow={1} flexBasis={0}>
          {children}
        </Box>
        {edge}
      </Box>
      <Text role="danger">{bottomLeft + horizontal.repeat(columns - 2) + bottomRight}</Text>
    </>
  );
}

/** Before the first snapshot: what the console waits for, and how to quit. */
function Waiting() {
  const link = useConsole(state => state.link);
  return (
    <Box flexDirection="column" flexGrow={1} justifyContent="center" paddingX={2}>
      <Text role={link.kind === 'lost' ? 'danger' : 'strong'} wrap="wrap">
        {link.kind === 'live' ? 'reading the first snapshot' : link.message}
      </Text>
      {link.kind === 'lost' && link.hint && <Text wrap="wrap">{link.hint}</Text>}
      <Text role="muted">q quits</Text>
    </Box>
  );
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
