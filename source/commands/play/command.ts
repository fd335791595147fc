import type {Flags} from '../../cli/call/parse-call.ts';
import {type CliContext, hasTerminal} from '../../cli/context.ts';
import {openConfiguredJournal} from '../../cli/execution/engine-context.ts';
import {catchInterrupts} from '../../cli/interrupts.ts';
import {loadRecipes} from '../../cli/recipes.ts';
import {openConsole} from '../../console/console.ts';
import {noSettings} from '../../core/configuration.ts';
import {type AbortError, exitCodes, usageError} from '../../core/errors.ts';
import type {Sampler} from '../../model/ports.ts';
import type {ExitCode} from '../../model/run.ts';
import {openRecording} from '../../recording/open-recording.ts';

/** A recording in the console, until the user leaves it. Nothing is connected to. */
export async function runPlay(
  context: CliContext,
  file: string | undefined,
  flags: Flags,
): Promise<ExitCode> {
  if (file === undefined) throw usageError('play: which file?', 'poolctl play out.poolctl');
  if (!hasTerminal(context)) {
    throw usageError('the console needs a terminal', "'poolctl report FILE' tells a recording as Markdown");
  }
  const {recording, target, problem} = await openRecording(file);
  const {recipes, skipped: left_out} = await loadRecipes(flags, noSettings);
  const notices = [...(problem === null ? [] : [problem]), ...left_out];
  const interrupts = catchInterrupts(context, {within_ms: 10_000});
  await openConsole(
    {
      sampler: silentSampler,
      recipes,
      past: {
        tape: async () => recording,
        keep: () => {},
        writeOut: () => Promise.reject(usageError('this is a recording already', file)),
      },
      onConnecting: () => {},
      onNotice: () => {},
      gather: () => Promise.reject(notLive()),
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
      env: context.env,
      streams: {stdin: context.stdin, stdout: context.stdout},
      interrupts,
      notice: notices.join('; ') || null,
      isRecording: true,
    },
  );
  interrupts.release();
  return interrupts.signal.aborted ? exitCodes.interrupted : exitCodes.ok;
}

/** There is no server: nothing comes until the user leaves. */
const silentSampler: Sampler = {
  async *events(signal) {
    await new Promise<void>(resolve => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), {once: true});
    });
  },
  setInterval: () => {},
  effectiveIntervalMs: () => 2000,
  setVisible: () => {},
  refresh: () => {},
};

function notLive(): AbortError {
  return usageError('this is a recording', 'Nothing can be asked of the server from here.');
}
