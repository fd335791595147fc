import {sanitise} from '../core/text/sanitise.ts';
import type {ExitCode} from '../model/run.ts';
import type {Interrupts} from './interrupts.ts';

/** Where a command writes lines: results to stdout, messages to stderr. */
export type Output = {
  stdout(text: string): void;
  stderr(text: string): void;
  isTty: boolean;
  columns: number;
};

/** The process a command runs in. cli.tsx alone reads the arguments and the environment. */
export type CliContext = {
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
  output: Output;
  /** Ends the process immediately, and leaves the terminal as it was. */
  exit(code: ExitCode): never;
  /** Set if another command runs this one: the demo runs the console. */
  interrupts?: Interrupts;
};

/** Writes `poolctl: <text>` to stderr. The text may quote a server, a file or an argument. */
export function printMessage({stderr}: Pick<Output, 'stderr'>, text: string): void {
  stderr(sanitise(`poolctl: ${text}`));
}

/** Asks a question on the terminal; null if the user closes it or interrupts. */
export type Prompt = (question: string) => Promise<string | null>;

/** Returns undefined without a terminal. */
export function createPrompt(context: CliContext, signal: AbortSignal): Prompt | undefined {
  return context.stdin.isTTY ? question => prompt(context, question, signal) : undefined;
}

async function prompt(
  {stdin, stderr}: Pick<CliContext, 'stdin' | 'stderr'>,
  question: string,
  signal: AbortSignal,
): Promise<string | null> {
  const {createInterface} = await import('node:readline/promises');
  if (signal.aborted) return null;
  const lines = createInterface({input: stdin, output: stderr});
  const closed = new Promise<null>(resolve => lines.once('close', () => resolve(null)));
  const close = () => lines.close();
  signal.addEventListener('abort', close, {once: true});
  try {
    // After `close` the question stays pending, or rejects from Node 24 on.
    return await Promise.race([lines.question(question).catch(() => closed), closed]);
  } finally {
    signal.removeEventListener('abort', close);
    lines.close();
  }
}
