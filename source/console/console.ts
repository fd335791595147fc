import {assess} from '../core/assessment/assess.ts';
import type {ThemeName} from '../core/configuration.ts';
import {describeInterruption} from '../core/engine/run-state.ts';
import {AbortError, exitCodes} from '../core/errors.ts';
import {attachFactFindings, worstSeverity} from '../core/recipe/diagnose.ts';
import type {SampleEvent, Sampler} from '../model/ports.ts';
import type {RunState} from '../model/run.ts';
import {mountApp} from './app.tsx';
import {createScroller} from './components/page.tsx';
import {createEffects} from './effects.ts';
import type {InputEvent} from './input/decoder.ts';
import {type InputReader, inputOptionsOf, readInput} from './input/read-input.ts';
import type {ConsolePorts} from './ports.ts';
import {createCursorReports, createFramePace} from './screen/frame-pace.ts';
import {frameDrawnByInk} from './screen/ink-output.ts';
import {createScreen} from './screen/screen.ts';
import {type TerminalStreams, takeTerminal} from './screen/terminal.ts';
import {createTheme, withoutAmbiguous} from './screen/theme.ts';
import {rememberedOf} from './state/remembered.ts';
import {type ConsoleState, createState} from './state/state.ts';
import {createConsoleStore, type Message} from './store.ts';
import {views} from './views/index.ts';

/** How the program is ended by signals, and how the console asks for its end. */
type Interrupts = {
  signal: AbortSignal;
  /** SIGINT: Ctrl-C as a key, with a run under way. SIGHUP: the terminal was lost. */
  interrupt(cause: 'SIGINT' | 'SIGHUP'): void;
};

export type ConsoleOptions = {
  address: string;
  /** Where the address is from, in short, unless the call named it: `.env`. */
  source?: string | null;
  isProduction: boolean;
  environment?: string | null;
  interval_ms: number;
  theme?: ThemeName;
  env: Record<string, string | undefined>;
  streams: TerminalStreams;
  interrupts: Interrupts;
  /** Shown once at the start: ignored URL parameters, unfinished runs. */
  notice: string | null;
  /** There is no server, only `past`: it is played from its beginning. */
  isRecording: boolean;
};

/** Input is read after the first snapshot, or after this time while the server is still awaited. */
const readInputAfterMs = 60;

/** Signs like `▲` are two cells wide in some East Asian settings. */
const ambiguousCharacter = '\u001b[H▲';
const columnIfWide = 3;

/** How long leaving may wait for answers of the terminal, which may be far away; after a signal, shorter. */
const answerMs = 3000;
const answerAfterSignalMs = 300;

/** How the console ended, and the result of an interrupted run in one line. */
export type Leaving = {outcome: 'left' | 'never connected'; interruption: string | null};

/**
 * Opens the console; resolves when the user quits or a signal ends it. The terminal is restored at
 * once; a run in progress is ended first, while readings continue. The waiting screen is drawn while the server
 * answers, so that Ink's code is compiled before the first snapshot. Rejects with the error of a defect, after restoring the terminal.
 */
export async function openConsole(ports: ConsolePorts, options: ConsoleOptions): Promise<Leaving> {
  const theme = createTheme(options.env, options.theme);
  const {interrupts} = options;
  const ending = new AbortController();
  // Readings continue until a run has ended: on a full server only their connection can end it.
  const stopReading = new AbortController();
  const terminal = takeTerminal(options.streams, {
    onLost: () => interrupts.interrupt('SIGHUP'),
    onStop: () => effects.perform({kind: 'suspend'}),
    onContinued() {
      reports.forget();
      pace.restart();
      effects.perform({kind: 'redraw'});
    },
    onReady: () => pace.onTaken(),
  });
  if (interrupts.signal.aborted) ending.abort();
  interrupts.signal.addEventListener('abort', () => ending.abort(), {once: true});
  const {columns, rows} = terminal.size();
  const reports = createCursorReports(terminal.write);
  const pace = createFramePace(reports, {
    write: terminal.write,
    onReady: () => screen.resume(),
    now: () => performance.now(),
  });
  const writeFrame = (bytes: string) => ending.signal.aborted || pace.write(bytes);
  const screen = createScreen(writeFrame, theme, columns, rows);
  const {store, dispatch, batch} = createConsoleStore(
    createState({
      columns,
      rows,
      ...options,
      recipes: ports.recipes,
      views,
      source_directory: ports.scan?.directory ?? null,
    }),
    effect => effects.perform(effect),
  );
  const scroller = createScroller();
  const firstReport = pace.begin(theme.charset === 'unicode' ? ambiguousCharacter : '');
  let input: InputReader | null = null;
  const effects = createEffects(ports, {
    dispatch,
    terminal: {
      write: terminal.write,
      async suspend() {
        await pendingAnswers();
        await input?.pause();
        if (ending.signal.aborted) return;
        await terminal.suspend();
        input?.resume();
      },
    },
    screen,
    scroll: scroller.scroll,
    quit: isRunning => (isRunning ? interrupts.interrupt('SIGINT') : ending.abort()),
    repaint: paintFrame,
  });

  terminal.onResize(() => {
    const size = terminal.size();
    screen.resize(size.columns, size.rows);
    dispatch({kind: 'resized', ...size});
  });
  ports.onConnecting(message => dispatch({kind: 'connecting', message}));
  const warn = (text: string) => dispatch({kind: 'notice', notice: {text, severity: 'warning'}});
  ports.onNotice(warn);
  if (options.notice) warn(options.notice);

  let endFirstReading = () => {};
  const firstReading = new Promise<void>(resolve => {
    endFirstReading = resolve;
  });
  const keep = createRecorder(ports);
  let refused: AbortError | null = null as AbortError | null;
  const followed = followReadings(ports.sampler, dispatch, {
    signal: stopReading.signal,
    onReading: reading => {
      endFirstReading();
      refused ??= refusalOf(reading, store.getState());
      if (refused !== null) ending.abort();
      keep(reading, store.getState());
    },
  });
  if (options.isRecording) effects.perform({kind: 'read-past', at_ms: 0, by: 0});
  // Once the console has ended, a failure here no longer matters.
  followed.catch(() => {});
  let unmount = () => {};
  let isPaintDue = false;
  let textFrame = '';
  let runs: RunState[] = [];
  try {
    const app = mountApp({store, theme, scroller}, options.streams.stdin, {
      size: terminal.size,
      onFrame: bytes => {
        textFrame = bytes;
        paintSoon();
      },
    });
    unmount = app.unmount;
    app.ended.catch(() => {});
    void firstReport.then(column => {
      if (column !== columnIfWide) return;
      const narrow = withoutAmbiguous(theme);
      screen.setCharset(narrow.charset);
      app.setTheme(narrow);
    });
    await Promise.race([firstReading, delay(readInputAfterMs), followed]);
    input = readInput(options.streams.stdin, takeAll, {
      ...inputOptionsOf(options.env),
      onCursorReport: reports.onReport,
    });
    ports.onFirstFrame?.();
    effects.perform({kind: 'read-journal'});
    effects.perform({kind: 'read-remembered'});
    // The user leaves, or a defect ends the readings or the drawing: then the error is reported instead of a frozen screen.
    await Promise.race([aborted(ending.signal), followed, app.ended]);
  } finally {
    ending.abort();
    if (input !== null) await pendingAnswers();
    input?.stop();
    unmount();
    terminal.restore();
    runs = await effects.endRuns();
    await ports.remembered?.write(rememberedOf(store.getState()));
    stopReading.abort();
  }
  if (refused !== null) throw refused;
  const {snapshot, link} = store.getState();
  const outcome = snapshot === null && link.kind === 'lost' ? 'never connected' : 'left';
  return {outcome, interruption: runs.map(describeInterruption).join('\n') || null};

  /** Waits for the terminal's pending answers, which would otherwise be typed into the shell. */
  function pendingAnswers(): Promise<unknown> {
    return Promise.race([
      reports.answered(),
      delay(answerMs),
      aborted(interrupts.signal).then(() => delay(answerAfterSignalMs)),
    ]);
  }

  /** Renders that follow upon each other within one turn, as after a measurement, are painted once. */
  function paintSoon(): void {
    if (isPaintDue) return;
    isPaintDue = true;
    queueMicrotask(() => {
      isPaintDue = false;
      paintFrame();
    });
  }

  /** Ink's output for screen readers (INK_SCREEN_READER=true) is text instead of a frame. */
  function paintFrame(): void {
    if (textFrame === '') screen.paint(frameDrawnByInk());
    else screen.showText(textFrame);
  }

  /** All of one read: one frame for them. */
  function takeAll(events: InputEvent[]): void {
    scroller.dropPending();
    batch(() => {
      for (const event of events) if (!ending.signal.aborted) dispatch(event);
    });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), {once: true});
  });
}

/** Dispatches the sampler's events until the signal aborts. */
async function followReadings(
  sampler: Sampler,
  dispatch: (message: Message) => void,
  {signal, onReading}: {signal: AbortSignal; onReading: (reading: SampleEvent) => void},
): Promise<void> {
  for await (const reading of sampler.events(signal)) {
    if (reading.kind === 'snapshot') {
      const effective_interval_ms = sampler.effectiveIntervalMs();
      const {snapshot, viaRescueUrl = false} = reading;
      dispatch({kind: 'read', snapshot, effective_interval_ms, viaRescueUrl});
    } else {
      const {message, hint = null, retry_in_ms} = reading;
      dispatch({kind: 'lost', message, hint, retry_in_ms});
    }
    onReading(reading);
  }
}

/** At the start a refused login is not retried: another attempt would only count towards a lockout. */
function refusalOf(reading: SampleEvent, {snapshot}: ConsoleState): AbortError | null {
  if (reading.kind !== 'lost' || reading.retry_in_ms !== null || snapshot !== null) return null;
  return new AbortError(reading.message, {
    exitCode: exitCodes.connection,
    ...(reading.hint !== undefined && {hint: reading.hint}),
  });
}

function delay(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}

/** Records each reading for the last hour: a snapshot with its own findings, which while paused are not those shown. */
function createRecorder({
  recipes,
  past,
  onFindings,
}: ConsolePorts): (reading: SampleEvent, state: ConsoleState) => void {
  const withFacts = attachFactFindings(recipes);
  return (reading, {snapshot: shown, assessment, samples, past: shownPast, diagnosisData: data}) => {
    if (reading.kind !== 'snapshot') return past.record(reading, null);
    const {snapshot} = reading;
    const {findings, diagnosed} =
      assessment !== null && shown === snapshot
        ? assessment
        : assess({recipes, snapshot, samples: shownPast?.now?.samples ?? samples, data});
    onFindings?.(findings);
    past.record({...reading, snapshot: withFacts(snapshot, data, diagnosed)}, worstSeverity(findings));
  };
}
