/** The parts of a terminal that the console uses. */
export type TerminalStreams = {
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
};

// Alternate buffer; no autowrap, so that the last column of the last row can be written without scrolling; pasted
// text in brackets, so that it is distinguished from typed text.
const enterSequence = '\u001b[?1049h\u001b[?7l\u001b[?25l\u001b[?2004h\u001b[0m\u001b[H\u001b[2J';
const leaveSequence = '\u001b[0m\u001b[?2004l\u001b[?7h\u001b[?25h\u001b[?1049l';

/** A process not stopped within this time will not be. */
const unstoppedMs = 200;

export type Terminal = {
  write(bytes: string): void;
  size(): {columns: number; rows: number};
  onResize(listener: () => void): void;
  /** Suspends to the shell; resolves when the shell brings the process to the foreground again. */
  suspend(): Promise<void>;
  /** Restores the terminal. Safe to call twice. */
  restore(): void;
};

/**
 * Takes over the terminal and restores it on every exit: quitting, an exception, the process's exit. `onLost` is called
 * when the terminal is gone (a broken SSH session).
 */
export function takeTerminal({stdin, stdout}: TerminalStreams, onLost: () => void): Terminal {
  let isTaken = false;

  const enter = () => {
    isTaken = true;
    stdin.setRawMode(true);
    stdout.write(enterSequence);
  };
  const restore = () => {
    if (!isTaken) return;
    isTaken = false;
    stdout.write(leaveSequence);
    if (stdin.isTTY) stdin.setRawMode(false);
  };

  // EIO and EPIPE mean that the terminal is gone.
  stdout.on('error', onLost);
  stdin.on('error', onLost);
  stdin.on('end', onLost);
  process.on('exit', restore);
  enter();

  return {
    // A snapshot that arrives while the shell has the terminal must not paint over it.
    write: bytes => void (isTaken && stdout.write(bytes)),
    size: () => ({columns: stdout.columns || 80, rows: stdout.rows || 24}),
    onResize: listener => void stdout.on('resize', listener),
    restore,
    async suspend() {
      restore();
      const resumed = new Promise<void>(resolve => process.once('SIGCONT', () => resolve()));
      process.kill(0, 'SIGTSTP');
      // Without job control (`ssh -t host poolctl`) the kernel drops the stop signal, and no SIGCONT comes.
      await Promise.race([resumed, new Promise(resolve => setTimeout(resolve, unstoppedMs))]);
      enter();
    },
  };
}
