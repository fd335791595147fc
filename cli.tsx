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
// Warnings of Node and pg would overwrite the screen.
process.removeAllListeners('warning');
process.on('warning', () => {});
// By default Node opens its debugger on this signal, to every user of the machine.
process.on('SIGUSR1', () => {});
// A closed pipe (`| head`) must not end the program in the middle of a step.
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
// The process exits when its output is flushed, even with an open connection. After an interruption it waits 1 s at most,
// as the reader of the output may be stuck; without one, a signal ends it, as nothing handles signals any more.
if (isInterrupted()) setTimeout(() => exit(exitCode), 1000);
await new Promise(resolve => stderr.write('', resolve));
stdout.write('', error => {
  const failure = outputError ?? error ?? null;
  exit(failure === null || isTerminalLost(1) ? exitCode : reportOutputError(failure, exitCode));
});

/** Closes lost terminals first: on exit Node resets the terminal, and aborts with a core dump if it is lost. */
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
    // `poolctl [url]` has no flags to parse: the console starts without loading the table of commands.
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

/** Prints the error and its hint. Passwords are masked, as the message can quote a URL. */
function report(error: unknown): ExitCode {
  const print = (text: string) => stderr.write(`${sanitise(redactSecrets(text))}\n`);
  if (error instanceof AbortError) {
    print(`poolctl: ${error.message}`);
    if (error.hint !== undefined) print(`  ${error.hint}`);
    return error.exitCode;
  }
  print(
    `poolctl: internal error, please report it: ${error instanceof Error ? error.message : String(error)}`,
  );
  return exitCodes.actFailed;
}

/** A closed pipe is no failure; any other error, such as a full disk, is. */
function reportOutputError(error: NodeJS.ErrnoException, exitCode: ExitCode): ExitCode {
  if (error.code === 'EPIPE') return exitCode;
  const hint = 'The output is incomplete.';
  report(new AbortError(`cannot write the output: ${error.message}`, {hint, exitCode: exitCodes.actFailed}));
  return exitCode === exitCodes.ok ? exitCodes.actFailed : exitCode;
}
