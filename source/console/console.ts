import type {FactNeeds, Facts} from '../core/facts.ts';
import type {JournalEntry} from '../core/journal.ts';
import type {Sampler} from '../core/ports.ts';
import type {Plan, Recipe} from '../core/recipe.ts';
import type {RunState} from '../core/run-state.ts';
import type {Backend, Statement} from '../core/snapshot.ts';
import type {WatchedFacts} from '../core/watched-facts.ts';
import {drawFrame} from './frame.ts';
import {commandOf} from './keymap.ts';
import type {Effect, Message} from './messages.ts';
import {createScreen} from './screen/screen.ts';
import {createTheme} from './screen/theme.ts';
import {createState} from './state.ts';
import {createConsoleStore} from './store.ts';
import {type TerminalStreams, takeTerminal} from './terminal.ts';

/** Everything the console can make happen, injected: it imports no server, file or process of its own. */
export type ConsolePorts = {
  sampler: Sampler;
  recipes: Recipe[];
  explain(statement: Statement): Promise<string[]>;
  /** Its whole statement, and its locks as lines for people. */
  describeSession(backend: Backend): Promise<{query: string | null; locks: string[]}>;
  carryOut(plan: Plan, signal: AbortSignal): AsyncIterable<RunState>;
  readJournal(): Promise<{entries: JournalEntry[]; problem: string | null; unfinished: number}>;
  /** Facts that recipes ask for beyond the readings. */
  gather(needs: FactNeeds): Promise<Facts>;
  /** Says what is waited for before the first reading. */
  onConnecting(listener: (message: string) => void): void;
  /** Says what is to be known while something is carried out. */
  onNotice(listener: (text: string) => void): void;
};

export type ConsoleOptions = {
  address: string;
  isProduction: boolean;
  interval_ms: number;
  env: Record<string, string | undefined>;
  streams: TerminalStreams;
  /** Shown once at the start: stripped parameters, unfinished acts. */
  notice: string | null;
};

/** Input waits for Ink; if no reading came by then, Ink is loaded while the server is waited for. */
const inkAfterMs = 60;
/** Leaving in the middle of a run, the step under way is seen to its end, unless the server keeps silent. */
const runEndsWithinMs = 2000;

/**
 * Opens the console and resolves when the user leaves it. The first frame is painted before Ink and React are
 * loaded: a pure function draws it, so it needs neither. Rejects with what a defect throws, the terminal restored.
 */
export async function openConsole(
  ports: ConsolePorts,
  options: ConsoleOptions,
): Promise<'left' | 'never connected'> {
  const theme = createTheme(options.env);
  const ending = new AbortController();
  const terminal = takeTerminal(options.streams, () => ending.abort());
  const {columns, rows} = terminal.size();
  const screen = createScreen(terminal.write, theme, columns, rows);
  const {store, dispatch} = createConsoleStore(
    createState({columns, rows, ...options, recipes: ports.recipes}),
    effect => effects.perform(effect),
  );
  const effects = createEffects(ports, {
    dispatch,
    terminal,
    screen,
    ending,
    repaint: () => screen.paint(drawFrame(store.getState(), theme)),
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

  const stopPainting = store.subscribe(state => screen.paint(drawFrame(state, theme)));
  let tellFirst = () => {};
  const firstReading = new Promise<void>(resolve => {
    tellFirst = resolve;
  });
  const followed = followReadings(ports.sampler, dispatch, {
    signal: ending.signal,
    onReading: () => tellFirst(),
  });
  // What fails while nobody waits for it any more is of no consequence.
  followed.catch(() => {});
  let unmount = () => {};
  try {
    await Promise.race([firstReading, delay(inkAfterMs), followed]);
    const {mountApp} = await import('./app.tsx');
    stopPainting();
    const app = mountApp({store, screen, theme, onKey: pressKey}, options.streams.stdin, terminal.size());
    unmount = app.unmount;
    app.ended.catch(() => {});
    effects.perform({kind: 'read-journal'});
    // The user leaves, or a defect ends the readings or the drawing: then it is told, not shown as a still screen.
    await Promise.race([aborted(ending.signal), followed, app.ended]);
  } finally {
    ending.abort();
    unmount();
    terminal.restore();
  }
  await Promise.race([effects.endRun(), delay(runEndsWithinMs)]);
  const {snapshot, link} = store.getState();
  return snapshot === null && link.kind === 'lost' ? 'never connected' : 'left';

  function pressKey(key: string): void {
    const meaning = commandOf(key, store.getState());
    if (meaning === null) return;
    if ('blocked' in meaning) dispatch({kind: 'notice', notice: {text: meaning.blocked, severity: 'info'}});
    else dispatch(meaning.command);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), {once: true});
  });
}

/** Feeds readings into the store until the signal aborts. */
async function followReadings(
  sampler: Sampler,
  dispatch: (message: Message) => void,
  {signal, onReading}: {signal: AbortSignal; onReading: () => void},
): Promise<void> {
  for await (const reading of sampler.readings(signal)) {
    if (reading.kind === 'snapshot') {
      const effective_interval_ms = sampler.effectiveIntervalMs();
      const {snapshot, cameByRescue = false} = reading;
      dispatch({kind: 'read', snapshot, effective_interval_ms, cameByRescue});
    } else {
      const {message, hint = null, retry_in_ms} = reading;
      dispatch({kind: 'lost', message, hint, retry_in_ms});
    }
    onReading();
  }
}

function delay(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}

type EffectContext = {
  dispatch(message: Message): void;
  terminal: {write(bytes: string): void; suspend(): Promise<void>};
  screen: {invalidate(): void};
  ending: AbortController;
  repaint(): void;
};

type Effects = {
  perform(effect: Effect): void;
  /** Interrupts the run there may be; resolves when its end is in the journal. */
  endRun(): Promise<void>;
};

function createEffects(ports: ConsolePorts, context: EffectContext): Effects {
  const {dispatch, terminal, screen, ending, repaint} = context;
  let running: {interrupt: AbortController; ended: Promise<void>} | undefined;
  const redraw = () => {
    screen.invalidate();
    repaint();
  };
  const perform: Effects['perform'] = effect => {
    switch (effect.kind) {
      case 'quit':
        return ending.abort();
      case 'suspend':
        return void terminal.suspend().then(redraw);
      case 'redraw':
        return redraw();
      case 'set-interval':
        return ports.sampler.setInterval(effect.interval_ms);
      case 'show':
        return ports.sampler.show(effect);
      case 'copy':
        return terminal.write(osc52(effect.text));
      case 'describe-session':
        return void describeSession(ports, effect.backend)
          .catch(messageOf)
          .then(lines => dispatch({kind: 'session-described', id: effect.id, lines}));
      case 'format-statement':
        return void formatLazily(effect.query).then(lines =>
          dispatch({kind: 'statement-formatted', id: effect.id, lines}),
        );
      case 'explain':
        return void ports
          .explain(effect.statement)
          .catch(messageOf)
          .then(lines => dispatch({kind: 'explained', id: effect.id, lines}));
      case 'read-journal':
        return void ports.readJournal().then(
          journal => dispatch({kind: 'journal-read', ...journal}),
          error =>
            dispatch({kind: 'journal-read', entries: [], problem: messageOf(error).join(' '), unfinished: 0}),
        );
      case 'watch-facts':
        // One that fails as a whole has lost its connection: what was known stays, and it is asked for again.
        return void gatherLazily(ports).then(
          watched => dispatch({kind: 'watched', watched}),
          () => {},
        );
      case 'gather': {
        const {gathering} = effect;
        return void ports.gather(gathering.needs).then(
          facts => dispatch({kind: 'gathered', gathering, facts}),
          error => dispatch({kind: 'gather-failed', gathering, message: messageOf(error).join('. ')}),
        );
      }
      case 'carry-out': {
        const interrupt = new AbortController();
        running = {
          interrupt,
          ended: followRun(ports.carryOut(effect.plan, interrupt.signal), dispatch),
        };
        return;
      }
      case 'interrupt-run':
        return running?.interrupt.abort();
    }
  };
  return {
    perform,
    async endRun() {
      running?.interrupt.abort();
      await running?.ended;
    },
  };
}

async function describeSession(ports: ConsolePorts, backend: Backend): Promise<string[]> {
  const {query, locks} = await ports.describeSession(backend);
  const text = query ?? backend.query;
  return [...(text === null ? ['(hidden from this role)'] : await formatLazily(text)), '', ...locks];
}

/** Not before there is something to gather: the first frame needs none of it. */
async function gatherLazily({recipes, gather}: ConsolePorts): Promise<WatchedFacts> {
  const {gatherWatched} = await import('../core/watched-facts.ts');
  return gatherWatched(recipes, gather);
}

/** The formatter is loaded when the first statement is looked at. */
async function formatLazily(query: string): Promise<string[]> {
  const {formatSql} = await import('./format-sql.ts');
  return formatSql(query);
}

async function followRun(
  states: AsyncIterable<RunState>,
  dispatch: (message: Message) => void,
): Promise<void> {
  try {
    for await (const run of states) dispatch({kind: 'run', run});
  } catch (error) {
    dispatch({kind: 'run-failed', message: messageOf(error).join(' ')});
  }
}

function messageOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [String(error)];
  const hint = 'hint' in error && typeof error.hint === 'string' ? [error.hint] : [];
  return [error.message, ...hint];
}

/** The terminal's own clipboard sequence: works through SSH and tmux, where there is no other way. */
function osc52(text: string): string {
  return `\u001b]52;c;${Buffer.from(text.slice(0, 100_000)).toString('base64')}\u0007`;
}
