/** The parts of a terminal that the console uses. */
export type TerminalStreams = {
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
};

export type TerminalListeners = {
  /** The terminal is gone (a broken SSH session). */
  onLost(): void;
  /** SIGTSTP: suspend the process. */
  onStop(): void;
  /** The process goes on after a stop: what is on the screen is unknown. */
  onContinued(): void;
  /** The terminal has taken all that was written. */
  onReady(): void;
};

// Alternate buffer; no autowrap, so that the last column of the last row can be written without scrolling; pasted
// text in brackets, so that it is distinguished from typed text.
const enterSequence = '\u001b[?1049h\u001b[?7l\u001b[?25l\u001b[?2004h\u001b[0m\u001b[H\u001b[2J';
// Where there is no alternate buffer (GNU screen by default, the Linux console), the shell goes on in the last row.
const leaveSequence = '\u001b[0m\u001b[?2004l\u001b[?7h\u001b[999H\u001b[K\u001b[?25h\u001b[?1049l';

/** A process not stopped within this time will not be. */
const unstoppedMs = 200;

export type Terminal = {
  /** Writes without waiting. Returns false until the terminal has taken all of it: `onReady` is called then. */
  write(bytes: string): boolean;
  size(): {columns: number; rows: number};
  onResize(listener: () => void): void;
  /** Suspends to the shell; resolves when the shell brings the process to the foreground again. */
  suspend(): Promise<void>;
  /** Restores the terminal. Safe to call twice. */
  restore(): void;
};

/** Takes over the terminal and restores it on every exit: quitting, an exception, the process's exit. */
export function takeTerminal({stdin, stdout}: TerminalStreams, listeners: TerminalListeners): Terminal {
  let isTaken = false;

  const enter = () => {
    isTaken = true;
    // Once raw, Node does nothing for raw, but the shell may have changed the terminal since.
    stdin.setRawMode(false);
    stdin.setRawMode(true);
    stdout.write(enterSequence);
  };
  const restore = () => {
    if (!isTaken) return;
    isTaken = false;
    stdout.write(leaveSequence);
    // This waits for a serial line to take what was written. Node restores the mode on exit without waiting.
    if (stdin.isTTY && stdout.writableLength === 0) stdin.setRawMode(false);
  };
  const onContinued = () => {
    if (!isTaken) return;
    enter();
    listeners.onContinued();
  };

  // EIO and EPIPE mean that the terminal is gone.
  stdout.on('error', listeners.onLost);
  stdin.on('error', listeners.onLost);
  stdin.on('end', listeners.onLost);
  process.on('exit', restore);
  process.on('SIGTSTP', listeners.onStop);
  process.on('SIGCONT', onContinued);
  enter();

  return {
    // A snapshot that arrives while the shell has the terminal must not paint over it.
    write(bytes) {
      if (!isTaken) return true;
      stdout.write(bytes, () => {
        if (stdout.writableLength === 0) listeners.onReady();
      });
      return stdout.writableLength === 0;
    },
    size: () => ({columns: stdout.columns || 80, rows: stdout.rows || 24}),
    onResize: listener => void stdout.on('resize', listener),
    restore,
    async suspend() {
      restore();
      // The shell needs it, however long the terminal takes.
      stdin.setRawMode(false);
      const continued = new Promise<void>(resolve => process.once('SIGCONT', () => resolve()));
      // Without a listener the signal stops the process.
      process.off('SIGTSTP', listeners.onStop);
      process.kill(0, 'SIGTSTP');
      // Without job control (`ssh -t host poolctl`) the kernel drops the stop signal, and no SIGCONT comes.
      await Promise.race([continued, new Promise(resolve => setTimeout(resolve, unstoppedMs))]);
      process.on('SIGTSTP', listeners.onStop);
      enter();
      listeners.onContinued();
    },
  };
}
