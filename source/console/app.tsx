import {Box, render} from 'ink';
import {drawHeader, drawTabs} from './components/chrome.ts';
import {drawFooter} from './components/footer.ts';
import {type Frames, FramesContext, Measured} from './components/measured.tsx';
import {ProductionFrame} from './components/production-frame.tsx';
import {drawScrubber} from './components/scrubber.ts';
import {StoreContext, useConsole} from './components/store-context.ts';
import {Lines} from './components/text.tsx';
import {ThemeContext, useTheme} from './components/theme-context.ts';
import {drawBody, showsView} from './frame.ts';
import {isTooSmall, tooSmallLines} from './least-size.ts';
import type {Line} from './screen/line.ts';
import type {Theme} from './screen/theme.ts';
import type {ConsoleState, ConsoleStore} from './state/state.ts';
import {viewOf} from './views/index.ts';

type AppProps = {store: ConsoleStore; theme: Theme; frames?: Frames};

/** The console: header, tabs, a view or a dialog, footer. */
export function App({store, theme, frames = () => () => {}}: AppProps) {
  return (
    <ThemeContext value={theme}>
      <StoreContext value={store}>
        <FramesContext value={frames}>
          <Screen />
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
      {isSmall && <Lines lines={tooSmallLines} width={columns} />}
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
  return (
    <>
      <Drawn height={1} draw={(state, width, theme) => [drawHeader(state, width, theme)]} />
      <Drawn height={1} draw={(state, width, theme) => [drawTabs(state, width, theme)]} />
      <Body />
    </>
  );
}

/** To become components. */
function Body() {
  const state = useConsole(whole => whole);
  const theme = useTheme();
  if (showsView(state)) {
    const {Component} = viewOf(state.view);
    return (
      <>
        <Component />
        {state.past !== null && <Drawn height={1} draw={drawPast} />}
        <Drawn height={1} draw={(shown, width) => [drawFooter(shown, width, 0)]} />
      </>
    );
  }
  return (
    <Measured>
      {({width, height}) => {
        const around = 1 + (state.past === null ? 0 : 1);
        const body = drawBody(state, {width, height: height - around}, theme);
        const lines = [
          ...Array.from({length: height - around}, (_, y) => body.lines[y] ?? {spans: []}),
          ...(state.past === null ? [] : [drawScrubber(state.past, width, theme)]),
          drawFooter(state, width, body.below),
        ];
        return <Lines lines={lines} width={width} />;
      }}
    </Measured>
  );
}

function drawPast({past}: ConsoleState, width: number, theme: Theme): Line[] {
  return past === null ? [] : [drawScrubber(past, width, theme)];
}

/** To become components. */
function Drawn({
  draw,
  height,
}: {
  draw(state: ConsoleState, width: number, theme: Theme): Line[];
  height: number;
}) {
  const state = useConsole(whole => whole);
  const theme = useTheme();
  return (
    <Measured flexGrow={0} flexShrink={0} flexBasis={height} height={height}>
      {({width}) => <Lines lines={draw(state, width, theme)} width={width} />}
    </Measured>
  );
}

/** Where Ink draws: `onFrame` is called after every frame, with the frame's bytes where Ink's own Output made it. */
export type Canvas = {size(): {columns: number; rows: number}; onFrame(bytes: string): void};

/** Mounts the app. `ended` rejects with what a component threw. */
export function mountApp(
  props: Omit<AppProps, 'frames'>,
  stdin: NodeJS.ReadStream,
  canvas: Canvas,
): {unmount(): void; ended: Promise<unknown>} {
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
  return {unmount: () => app.unmount(), ended: app.waitUntilExit()};
}
