import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {performance} from 'node:perf_hooks';
import {type IPty, spawn} from '@lydell/node-pty';
import {type Cell, createEmulator, type EmulatorOptions, readCell, readRows} from './terminal-emulator.ts';
import {type KeyName, keySequence} from './terminal-keys.ts';
import {emulatorLeftovers, restoreCheckingShell, settingsLeftovers} from './terminal-restore.ts';
import {createWaiting, type Expected} from './terminal-waiting.ts';

/**
 * Starts a program on a real pseudo-terminal and shows what a person in front of it would see.
 *
 * The environment has nothing of the caller's (no DATABASE_URL; no CI, with which Ink draws nothing and chalk uses no
 * colours). HOME, XDG_STATE_HOME and the working directory are a temporary folder, which `close` removes, so use absolute
 * paths or set `cwd`.
 *
 * With `checksRestore` the program runs under a shell that outlives it and records the terminal's settings before
 * and after, which `leftovers` needs. Exit codes are then the shell's: 128 plus the signal's number.
 *
 * Every terminal must be closed: `close` ends what still runs.
 */
export function openTerminal(options: TerminalOptions): Terminal {
  const {columns = 80, rows = 24} = options;
  const folder = mkdtempSync(join(tmpdir(), 'poolctl-terminal-'));
  const [file, args] = options.checksRestore
    ? ['/bin/sh', ['-c', restoreCheckingShell, 'sh', folder, options.command, ...(options.args ?? [])]]
    : [options.command, options.args ?? []];
  const {emulator, isCursorHidden} = createEmulator({...options, columns, rows});

  const startedAt_ms = performance.now();
  const pty = spawn(file, args, {
    cols: columns,
    rows,
    name: options.env?.TERM ?? 'xterm-256color',
    cwd: options.cwd ?? folder,
    env: {
      PATH: process.env.PATH,
      LANG: 'C.UTF-8',
      HOME: folder,
      XDG_STATE_HOME: join(folder, 'state'),
      TERM: 'xterm-256color',
      ...options.env,
    },
  });

  const output: string[] = [];
  let outputBytes = 0;
  let exit: TerminalExit | null = null;
  let isHungUp = false;

  const show = (data: string) => {
    const at_ms = performance.now();
    output.push(data);
    outputBytes += Buffer.byteLength(data);
    // The callback runs after this chunk was parsed and before the next one.
    emulator.write(data, () => waiting.check(at_ms));
  };
  const later = (then: () => void) => (options.delay_ms ? void setTimeout(then, options.delay_ms) : then());
  const arrive = (data: string) => later(() => show(data));
  const send = (data: string) =>
    later(() => {
      if (!exit && !isHungUp) pty.write(data);
    });
  pty.onData(options.bytesPerSecond ? slowly(pty, options.bytesPerSecond, arrive) : arrive);
  // Answers queries (cursor position, device attributes) like a real terminal.
  emulator.onData(send);
  const onExit = new Promise<TerminalExit>(resolve => {
    pty.onExit(({exitCode, signal}) => {
      // The callback of an empty write runs when all output before it is on the screen.
      const end = () =>
        emulator.write('', () => {
          exit = {exitCode, signal: signal || null};
          waiting.check(performance.now());
          waiting.end(JSON.stringify(exit));
          resolve(exit);
        });
      later(end);
    });
  });

  const terminal: Terminal = {
    get pid() {
      return options.checksRestore ? readPid(folder) : pty.pid;
    },
    startedAt_ms,
    onExit,
    screen: () => readRows(emulator),
    text: () => terminal.screen().join('\n'),
    isHalfDrawn: () => emulator.modes.synchronizedOutputMode,
    cell: (x, y) => readCell(emulator, x, y),
    cursor: () => ({
      x: emulator.buffer.active.cursorX,
      y: emulator.buffer.active.cursorY,
      isVisible: !isCursorHidden(),
    }),
    isAlternateBuffer: () => emulator.buffer.active.type === 'alternate',
    waitFor: (expected, {timeout_ms = 30_000} = {}) => waiting.waitFor(expected, timeout_ms),
    write(keys) {
      send(keys);
      return performance.now();
    },
    press(...names) {
      return terminal.write(names.map(name => keySequence(name, emulator.modes)).join(''));
    },
    type(text, ...names) {
      return terminal.write(text + names.map(name => keySequence(name, emulator.modes)).join(''));
    },
    paste: text => terminal.write(`\u001b[200~${text}\u001b[201~`),
    resize(newColumns, newRows) {
      emulator.resize(newColumns, newRows);
      pty.resize(newColumns, newRows);
      waiting.check(performance.now());
    },
    bytesWritten: () => outputBytes,
    rawOutput: () => output.join(''),
    kill(signal = 'SIGTERM') {
      signalIfAlive(terminal.pid, signal);
    },
    stopReading: () => pty.pause(),
    readOn: () => pty.resume(),
    hangUp() {
      isHungUp = true;
      if ('destroy' in pty && typeof pty.destroy === 'function') pty.destroy();
    },
    async leftovers() {
      if (!options.checksRestore) throw new Error('leftovers() needs openTerminal({checksRestore: true})');
      await onExit;
      return [...emulatorLeftovers(emulator, isCursorHidden()), ...settingsLeftovers(folder)];
    },
    async close() {
      if (!exit) {
        if (options.checksRestore) signalIfAlive(readPid(folder, pty.pid), 'SIGKILL');
        signalIfAlive(pty.pid, 'SIGKILL');
        await onExit;
      }
      emulator.dispose();
      rmSync(folder, {recursive: true, force: true});
    },
  };
  const waiting = createWaiting(terminal);
  return terminal;
}

export type TerminalOptions = Partial<EmulatorOptions> & {
  command: string;
  args?: string[];
  /** Added to the clean environment; `undefined` removes a variable. */
  env?: Record<string, string | undefined>;
  cwd?: string;
  checksRestore?: boolean;
  /** How long output and keys take, each on its way, as over SSH to another continent. */
  delay_ms?: number;
  /** Output is shown at the speed of a slow line. */
  bytesPerSecond?: number;
};

type TerminalExit = {exitCode: number; signal: number | null};

export type Terminal = {
  /** The program's process ID, with `checksRestore` too, where it is known after the first output. */
  readonly pid: number;
  /** On performance.now()'s clock, right before the program was forked. */
  readonly startedAt_ms: number;
  readonly onExit: Promise<TerminalExit>;
  /** The rows of the screen without trailing blanks. */
  screen(): string[];
  text(): string;
  /** The program has written part of a frame in synchronised output (mode 2026): `waitFor` sees nothing until it is whole. */
  isHalfDrawn(): boolean;
  /** Zero-based, like `cursor`. */
  cell(x: number, y: number): Cell;
  cursor(): {x: number; y: number; isVisible: boolean};
  isAlternateBuffer(): boolean;
  /**
   * Resolves when the screen fulfils `expected`: a string it contains, a RegExp for its rows joined by \n, or a predicate.
   * Returns the time (performance.now()) of the output that fulfilled it. Rejects after `timeout_ms` or when the program
   * ends, with the last screen in the message.
   */
  waitFor(expected: Expected<Terminal>, options?: {timeout_ms?: number}): Promise<number>;
  /** Writes bytes unchanged; returns the time (performance.now()) of the write. */
  write(bytes: string): number;
  /** Presses keys by name, in one write. */
  press(...names: KeyName[]): number;
  /** Types a text and then keys by name, in one write. */
  type(text: string, ...names: KeyName[]): number;
  /** Pastes a text like a terminal in bracketed paste mode. */
  paste(text: string): number;
  resize(columns: number, rows: number): void;
  /** Bytes the program has written to the terminal so far. */
  bytesWritten(): number;
  rawOutput(): string;
  /** Sends a signal to the program; default SIGTERM. */
  kill(signal?: NodeJS.Signals): void;
  /** Reads no output until `readOn`, like a terminal in which text is selected, or a serial line with flow control. */
  stopReading(): void;
  readOn(): void;
  /** Closes the terminal's other side, like a dropped ssh connection. */
  hangUp(): void;
  /** After the end: the modes that were not restored (alternate buffer, cursor, raw mode, mouse); [] if all were. */
  leftovers(): Promise<string[]>;
  close(): Promise<void>;
};

/** Hands on what is read at that speed, and reads no more than a line's few hundred bytes ahead. */
function slowly(pty: IPty, bytesPerSecond: number, show: (data: string) => void): (data: string) => void {
  let waiting = '';
  const next = () => {
    show(waiting.slice(0, bytesPerSecond / 20));
    waiting = waiting.slice(bytesPerSecond / 20);
    if (waiting === '') pty.resume();
    else setTimeout(next, 50);
  };
  return data => {
    if (waiting === '') setTimeout(next, 50);
    waiting += data;
    pty.pause();
  };
}

function readPid(folder: string, fallback?: number): number {
  try {
    return Number(readFileSync(join(folder, 'pid'), 'utf8'));
  } catch (cause) {
    if (fallback !== undefined) return fallback;
    throw new Error('the program is not running yet: wait for its first output', {cause});
  }
}

function signalIfAlive(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
