import type {Flags} from '../../cli/call/parse-call.ts';
import {type CliContext, hasTerminal} from '../../cli/context.ts';
import {readInterval} from '../../cli/flag-values.ts';
import {catchInterrupts, exitCodeOfNormalEnd, type Interrupts, raceInterrupt} from '../../cli/interrupts.ts';
import {runSnapshot} from '../../cli/reading.ts';
import {usageError} from '../../core/errors.ts';
import {jsonText} from '../../core/text/json.ts';
import {type Demo, startDemo} from '../../demo/demo.ts';
import type {ExitCode} from '../../model/run.ts';
import type {ConnectionRequest} from '../../postgres/connect/request.ts';

export type DemoPorts = {
  requestTo(server: {url: string; rescueUrl: string}): Promise<ConnectionRequest>;
  openConsole(request: ConnectionRequest, interrupts: Interrupts): Promise<ExitCode>;
};

/**
 * The throwaway server and the console on it; one reading instead with `--once` and without a terminal, its address
 * with `--serve`. What the console is made of is given, not imported: cut into files that two share, it would take
 * longer to start.
 */
export async function runDemo(
  context: CliContext,
  flags: Flags,
  {requestTo, openConsole}: DemoPorts,
): Promise<ExitCode> {
  if (flags.once && flags.serve) {
    throw usageError('--once leaves and --serve stays', 'Leave out one of them.');
  }
  // Said before the server is there, not after.
  readInterval(flags);
  const tell = (text: string) => context.output.stderr(`poolctl demo: ${text}`);
  const interrupts = catchInterrupts(context, {within_ms: 20_000});
  const {signal} = interrupts;
  let demo: Demo | null = null;
  try {
    // Interrupted half way, the server's watchdog clears it away.
    const starting = startDemo({seed: flags.seed ?? 1, calm: flags.calm ?? false, onProgress: tell});
    demo = await raceInterrupt(starting, signal);
    const request = await requestTo(demo);
    tell(demo.description);
    if (flags.serve) return await serve(context, demo, {json: flags.json ?? false, signal});
    if (!flags.once && hasTerminal(context)) return await openConsole(request, interrupts);
    return await runSnapshot(context, request, flags);
  } finally {
    await demo?.stop();
    interrupts.release();
  }
}

/** For other terminals: the address on stdout, and the server until Ctrl-C, its normal end, or another signal. */
async function serve(
  {output}: CliContext,
  {url, rescueUrl}: Demo,
  {json, signal}: {json: boolean; signal: AbortSignal},
): Promise<ExitCode> {
  output.stdout(json ? jsonText({schema_version: 1, url, rescue_url: rescueUrl}) : url);
  output.stderr(`poolctl demo: where every slot is taken, POOLCTL_RESCUE_URL=${rescueUrl}`);
  output.stderr('poolctl demo: it is there until Ctrl-C');
  // A signal alone does not keep the process running.
  const running = setInterval(() => {}, 60_000);
  await new Promise(resolve => {
    if (signal.aborted) resolve(null);
    signal.addEventListener('abort', resolve, {once: true});
  });
  clearInterval(running);
  return exitCodeOfNormalEnd();
}
