import type {Call} from '../../cli/call/usage.ts';
import {canShowConsole} from '../../cli/console-terminal.ts';
import type {CliContext} from '../../cli/context.ts';
import {readInterval} from '../../cli/flag-values.ts';
import {catchInterrupts, exitCodeOfNormalEnd, raceInterrupt, untilAborted} from '../../cli/interrupts.ts';
import {usageError} from '../../core/errors.ts';
import {jsonText} from '../../core/text/json.ts';
import {type Demo, startDemo} from '../../demo/demo.ts';
import type {ExitCode} from '../../model/run.ts';
import type {usage} from './flags.ts';

type OtherCommands = {
  console(
    context: CliContext,
    call: {words: string[]; flags: Pick<Call<typeof usage>['flags'], 'interval' | 'journal'>},
  ): Promise<ExitCode>;
  snapshot(context: CliContext, call: {words: string[]; flags: object}): Promise<ExitCode>;
};

/**
 * `poolctl demo`: starts the throwaway server and opens the console on it. `--once`, or no terminal, prints one
 * snapshot; `--serve` prints the URL.
 */
export async function runDemo(
  context: CliContext,
  {flags}: Call<typeof usage>,
  {console, snapshot}: OtherCommands,
): Promise<ExitCode> {
  if (flags.once && flags.serve) {
    throw usageError('--once and --serve cannot be used together', 'Leave out one of them.');
  }
  // Reports an invalid interval before the server starts.
  readInterval(flags);
  const report = (text: string) => context.output.stderr(`poolctl demo: ${text}`);
  const interrupts = catchInterrupts(context, {within_ms: 20_000});
  const {signal} = interrupts;
  let demo: Demo | null = null;
  try {
    // If this is interrupted, the server's watchdog removes the server.
    const starting = startDemo({seed: flags.seed ?? 1, calm: flags.calm ?? false, onProgress: report});
    demo = await raceInterrupt(starting, signal);
    report(demo.description);
    if (flags.serve) return await serve(context, demo, {json: flags.json ?? false, signal});
    const within = {...context, env: {...context.env, POOLCTL_RESCUE_URL: demo.rescueUrl}, interrupts};
    const words = [demo.url];
    if (flags.once || !canShowConsole(context)) return await snapshot(within, {words, flags: {}});
    const {interval, journal} = flags;
    return await console(within, {words, flags: {interval, journal}});
  } finally {
    await demo?.stop();
    interrupts.release();
  }
}

/** Prints the URL, for use in other terminals, and runs the server until Ctrl-C or another signal. */
async function serve(
  {output}: CliContext,
  {url, rescueUrl}: Demo,
  {json, signal}: {json: boolean; signal: AbortSignal},
): Promise<ExitCode> {
  output.stdout(json ? jsonText({schema_version: 1, url, rescue_url: rescueUrl}) : url);
  output.stderr(`poolctl demo: when every slot is taken, use POOLCTL_RESCUE_URL=${rescueUrl}`);
  output.stderr('poolctl demo: running until Ctrl-C');
  // The timer keeps the process running.
  const running = setInterval(() => {}, 60_000);
  await untilAborted(signal);
  clearInterval(running);
  return exitCodeOfNormalEnd();
}
