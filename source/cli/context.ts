import type {ExitCode} from '../model/run.ts';

/** Where a command writes, a line at a time: results to stdout, messages to stderr. */
export type Output = {
  stdout(text: string): void;
  stderr(text: string): void;
  isTty: boolean;
  columns: number;
};

/** What the program is given by the process it runs in; cli.tsx alone reads the arguments and the environment. */
export type CliContext = {
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  stdin: NodeJS.ReadStream;
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
  output: Output;
  /** Leaves at once, the terminal as it was; for what cannot wait for a command's own end. */
  exit(code: ExitCode): never;
};

/** The console and a typed confirmation need one; a pipe, a pipeline and cron have none. */
export function hasTerminal({stdin, stdout}: CliContext): boolean {
  return stdin.isTTY === true && stdout.isTTY === true;
}
