#!/usr/bin/env node
import {closeSync} from 'node:fs';
import {isatty} from 'node:tty';
import type {Answer, Call} from './source/cli/call/parse-call.ts';
import type {CliContext} from './source/cli/context.ts';
import {exitCodeAfterSignal, isInterrupted} from './source/cli/interrupts.ts';
import {locateServer} from './source/cli/locate-server.ts';
import {runConsole} from './source/commands/console/command.ts';
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

// The title takes the place of the arguments in what `ps` shows, and an address holds a password.
process.title = 'poolctl';
// A warning of node's or pg's would land in the middle of the screen.
process.removeAllListeners('warning');
process.on('warning', () => {});
// Left to Node it opens the debugger, to every user of the machine.
process.on('SIGUSR1', () => {});
// Whoever read the output may be gone (`| head`), and what is under way must not end in its middle for that.
stdout.on('error', error => {
  outputError ??= error;
});
stderr.on('error', () => {});
// A stack would land on the screen too, which the console gives back on exit: what is said comes after that.
process.on('uncaughtException', error => {
  process.once('exit', () => report(error));
  exit(exitCodes.actFailed);
});

const exitCode = exitCodeAfterSignal(await main());
// All of the output is handed over first. A server that does not answer must not keep the program from leaving, nor,
// once it was interrupted, a reader that does not read.
if (isInterrupted()) setTimeout(() => exit(exitCode), 1000);
stdout.write('', error => {
  const failure = outputError ?? error ?? null;
  exit(failure === null || isTerminalLost(1) ? exitCode : reportOutputError(failure, exitCode));
});

/** Node resets a terminal as it exits, and aborts, memory and all into a core file, where the terminal has gone. */
function exit(code: ExitCode): never {
  for (const fd of [0, 1, 2] as const) if (isTerminalLost(fd)) closeSync(fd);
  process.exit(code);
}

function isTerminalLost(fd: 0 | 1 | 2): boolean {
  const {isTTY} = ([stdin, stdout, stderr] as const)[fd];
  return isTTY && !isatty(fd);
}

async function main(): Promise<ExitCode> {
  try {
    const call = await parse(argv.slice(2));
    if (!('answer' in call)) return await dispatch(call);
    context.output.stdout(call.answer);
    return exitCodes.ok;
  } catch (error) {
    return report(error);
  }
}

/** Without flags there is nothing to parse, and the console need not wait for a parser to load. */
async function parse(words: string[]): Promise<Call | Answer> {
  const [first] = words;
  if (words.length === 0 || (words.length === 1 && first?.includes('://') && !first.startsWith('-')))
    return {command: 'console', words, flags: {}};
  const {parseCall} = await import('./source/cli/call/parse-call.ts');
  return parseCall(words, async flags => {
    const {loadConfiguredRecipes: recipesToRun} = await import('./source/commands/recipes/command.ts');
    return recipesToRun(context, flags);
  });
}

async function dispatch(call: Call): Promise<ExitCode> {
  const {command, words, flags} = call;
  const [url] = words;
  switch (command) {
    case 'console':
      return runConsole(context, await locateServer(context, {url, flags}), flags);
    case 'demo': {
      const {runDemo} = await import('./source/commands/demo/command.ts');
      return runDemo(context, flags, {
        requestTo: ({url, rescueUrl}) =>
          locateServer({...context, env: {...env, POOLCTL_RESCUE_URL: rescueUrl}}, {url, flags: {}}),
        openConsole: (request, interrupts) => runConsole(context, request, flags, interrupts),
      });
    }
    case 'snapshot': {
      const {runSnapshot} = await import('./source/cli/reading.ts');
      return runSnapshot(context, await locateServer(context, {url, flags}), flags);
    }
    case 'check': {
      const {runCheck} = await import('./source/commands/check/command.ts');
      return runCheck(context, () => locateServer(context, {url, flags}), flags);
    }
    case 'rollout': {
      const {runRollout} = await import('./source/commands/rollout/command.ts');
      return runRollout(context, call, target =>
        locateServer(context, {
          url: target === null ? words[2] : undefined,
          flags: target === null ? flags : {...flags, target},
        }),
      );
    }
    case 'doctor': {
      const {runDoctor} = await import('./source/cli/reading.ts');
      return runDoctor(context, await locateServer(context, {url, flags}), flags);
    }
    case 'run': {
      const {runNamedRecipe} = await import('./source/cli/execution/run-session.ts');
      return runNamedRecipe(context, await locateServer(context, {url: words[1], flags}), call);
    }
    case 'undo': {
      const {undoNamedRun} = await import('./source/cli/execution/run-session.ts');
      return undoNamedRun(context, await locateServer(context, {url: words[1], flags}), call);
    }
    case 'recipes': {
      const {runRecipes} = await import('./source/commands/recipes/command.ts');
      return runRecipes(context, flags);
    }
    case 'replay': {
      if (flags.capture !== undefined) {
        const {runCapture} = await import('./source/commands/replay/capture.ts');
        return runCapture(context, call, to => locateServer(context, {url: to, flags}));
      }
      const {runReplay} = await import('./source/commands/replay/command.ts');
      return runReplay(context, call, {
        requestTo: to => locateServer(context, {url: to, flags}),
        requestToDemo: to => locateServer(context, {url: to, flags: {}}),
      });
    }
    case 'record': {
      const {runRecord} = await import('./source/commands/record/command.ts');
      return runRecord(context, words[0], await locateServer(context, {url: words[1], flags}), flags);
    }
    case 'play': {
      const {runPlay} = await import('./source/commands/play/command.ts');
      return runPlay(context, words[0], flags);
    }
    case 'report': {
      const {runReport} = await import('./source/commands/report/command.ts');
      return runReport(context, words[0], flags);
    }
    case 'journal': {
      const [{showJournal}, {openConfiguredJournal: openJournalOf}] = await Promise.all([
        import('./source/commands/journal/command.ts'),
        import('./source/cli/execution/engine-context.ts'),
      ]);
      const ports = {journal: openJournalOf(context, flags), output: context.output};
      return showJournal(ports, words, flags);
    }
  }
}

/** One line of what is wrong and one of what helps. Words of the call may be in it, and an address among them. */
function report(error: unknown): ExitCode {
  const say = (text: string) => stderr.write(`${sanitise(redactSecrets(text))}\n`);
  if (error instanceof AbortError) {
    say(`poolctl: ${error.message}`);
    if (error.hint !== undefined) say(`  ${error.hint}`);
    return error.exitCode;
  }
  say(`poolctl: this is a defect of poolctl: ${error instanceof Error ? error.message : String(error)}`);
  return exitCodes.actFailed;
}

/** A reader that has gone wanted no more; a full disk leaves a script with half of a document. */
function reportOutputError(error: NodeJS.ErrnoException, exitCode: ExitCode): ExitCode {
  if (error.code === 'EPIPE') return exitCode;
  const hint = 'What was written of it is incomplete.';
  report(new AbortError(`cannot write the output: ${error.message}`, {hint, exitCode: exitCodes.actFailed}));
  return exitCode === exitCodes.ok ? exitCodes.actFailed : exitCode;
}
