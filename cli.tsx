import {closeSync} from 'node:fs';
import {isatty} from 'node:tty';
import type {CliContext} from './source/cli/context.ts';
import {exitCodeAfterSignal, isInterrupted} from './source/cli/interrupts.ts';
import {run} from './source/commands/console/command.ts';
import {AbortError, exitCodes} from './source/core/errors.ts';
import {redactSecrets} from './source/core/text/redact.ts';
import {sanitise} from './source/core/text/sanitise.ts';
import type {ExitCode} from './source/model/run.ts';

const {env, argv, stdin, stdout, stderr} = process;
const context: CliContext = {
  env,
  cwd: process.cwd(),
  stdin,
  stdout,
  stderr,
  output: {
    stdout: text => void stdout.write(`${text}\n`),
    stderr: text => void stderr.write(`${text}\n`),
    isTty: stdout.isTTY,
    columns: stdout.columns || 80,
  },
  exit,
};
let outputError: NodeJS.ErrnoException | null = null;

// `ps` shows the title instead of the arguments: a URL can contain a password.
process.title = 'poolctl';
// A warning of Node or pg would be written over the screen.
process.removeAllListeners('warning');
process.on('warning', () => {});
// Node would open its debugger, to every user of the machine.
process.on('SIGUSR1', () => {});
// The reader of a pipe can be gone (`| head`): that must not end the program in the middle of a step.
stdout.on('error', error => {
  outputError ??= error;
});
stderr.on('error', () => {});
// Reported after the exit handlers, when the console has left the screen.
process.on('uncaughtException', error => {
  process.once('exit', () => report(error));
  exit(exitCodes.actFailed);
});

const exitCode = exitCodeAfterSignal(await main());
// All output is flushed first; an open connection does not keep the process running, nor, once it was interrupted, a
// reader that does not read.
if (isInterrupted()) setTimeout(() => exit(exitCode), 1000);
stdout.write('', error => {
  const failure = outputError ?? error ?? null;
  exit(failure === null || isTerminalLost(1) ? exitCode : reportOutputError(failure, exitCode));
});

/** On exit Node resets the terminal, and aborts with a core dump where the terminal is lost: it is closed first. */
function exit(code: ExitCode): never {
  for (const fd of [0, 1, 2] as const) if (isTerminalLost(fd)) closeSync(fd);
  process.exit(code);
}

function isTerminalLost(fd: 0 | 1 | 2): boolean {
  const {isTTY} = ([stdin, stdout, stderr] as const)[fd];
  return isTTY && !isatty(fd);
}

async function main(): Promise<ExitCode> {
  const words = argv.slice(2);
  try {
    // `poolctl [url]` has nothing to parse: the console does not wait for the table of commands to load.
    if (words.length === 0 || (words.length === 1 && isUrl(words[0])))
      return await run(context, {words, flags: {}});
    const {runCall} = await import('./source/commands/index.ts');
    return await runCall(context, words);
  } catch (error) {
    return report(error);
  }
}

function isUrl(word = ''): boolean {
  return word.includes('://') && !word.startsWith('-');
}

/** Prints what failed and what helps. Arguments can be quoted in it, and a URL among them: passwords are masked. */
function report(error: unknown): ExitCode {
  const say = (text: string) => stderr.write(`${sanitise(redactSecrets(text))}\n`);
  if (error instanceof AbortError) {
    say(`poolctl: ${error.message}`);
    if (error.hint !== undefined) say(`  ${error.hint}`);
    return error.exitCode;
  }
  say(`poolctl: internal error, please report it: ${error instanceof Error ? error.message : String(error)}`);
  return exitCodes.actFailed;
}

/** A closed pipe is no failure; a full disk leaves an incomplete document. */
function reportOutputError(error: NodeJS.ErrnoException, exitCode: ExitCode): ExitCode {
  if (error.code === 'EPIPE') return exitCode;
  const hint = 'The output is incomplete.';
  report(new AbortError(`cannot write the output: ${error.message}`, {hint, exitCode: exitCodes.actFailed}));
  return exitCode === exitCodes.ok ? exitCodes.actFailed : exitCode;
}
