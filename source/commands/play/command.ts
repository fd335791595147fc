import type {Call} from '../../cli/call/usage.ts';
import {copyText} from '../../cli/clipboard.ts';
import {consoleStreams, requireConsoleTerminal} from '../../cli/console-terminal.ts';
import type {CliContext} from '../../cli/context.ts';
import {readTheme} from '../../cli/flag-values.ts';
import {catchInterrupts, untilAborted} from '../../cli/interrupts.ts';
import {openConfiguredJournal} from '../../cli/journal.ts';
import {readConfigurationFile} from '../../cli/locate-server.ts';
import {loadRecipes} from '../../cli/recipes.ts';
import {noSettings} from '../../core/configuration.ts';
import {type AbortError, exitCodes, usageError} from '../../core/errors.ts';
import type {Sampler} from '../../model/ports.ts';
import type {ExitCode} from '../../model/run.ts';
import {localMachine} from '../../postgres/connect/machine.ts';
import {openRecording} from '../../recording/recording.ts';
import type {usage} from './flags.ts';

/** `poolctl play <file>`: opens the console on a recording, without a server. */
export async function run(
  context: CliContext,
  {words: [file], flags}: Call<typeof usage>,
): Promise<ExitCode> {
  if (file === undefined) throw usageError('play needs a file', 'Usage: poolctl play out.poolctl.');
  requireConsoleTerminal(context, "'poolctl report FILE' prints a recording as Markdown.");
  const configuration = await readConfigurationFile(localMachine(context.env, context.cwd));
  const theme = readTheme(flags, context, configuration?.settings.theme);
  const {recording, target, problem} = await openRecording(file);
  const {recipes, skipped} = await loadRecipes(flags, noSettings);
  const notices = [...(problem === null ? [] : [problem]), ...skipped];
  const interrupts = catchInterrupts(context, {within_ms: 10_000});
  const {openConsole} = await import('../../console/console.ts');
  await openConsole(
    {
      sampler: silentSampler,
      recipes,
      past: {
        recording: async () => recording,
        record: () => {},
        write: () => Promise.reject(usageError('this is already a recording', file)),
      },
      onConnecting: () => {},
      onNotice: () => {},
      loadData: () => Promise.reject(notLive()),
      copy: (text, write) => copyText(context, text, write),
      explain: () => Promise.reject(notLive()),
      describeSession: () => Promise.reject(notLive()),
      execute: () => {
        throw notLive();
      },
      replay: () => Promise.reject(notLive()),
      readJournal: async () => {
        const journal = openConfiguredJournal(context, flags, () => {});
        const entries = await journal.inspect();
        const {reason, unfinished} = await journal.verify();
        return {
          entries: entries.filter(entry => entry.target === target),
          problem: reason,
          unfinished: unfinished.filter(each => each.target === target && each.acting_pid === null).length,
          underWay: journal.underWay(entries),
        };
      },
    },
    {
      address: target,
      isProduction: false,
      interval_ms: 2000,
      theme,
      env: context.env,
      streams: consoleStreams(context),
      interrupts,
      notice: notices.join('; ') || null,
      isRecording: true,
    },
  );
  interrupts.release();
  return interrupts.signal.aborted ? exitCodes.interrupted : exitCodes.ok;
}

/** A sampler without snapshots, as there is no server. */
const silentSampler: Sampler = {
  events: signal => ({
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        await untilAborted(signal);
        return {done: true, value: undefined};
      },
    }),
  }),
  setInterval: () => {},
  effectiveIntervalMs: () => 2000,
  setVisible: () => {},
  refresh: () => {},
};

function notLive(): AbortError {
  return usageError('this is a recording', 'A recording has no server to read from.');
}
