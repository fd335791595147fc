import type {Flags} from '../commands/parse-call.ts';
import type {ExitCode} from '../core/errors.ts';
import {startDemo} from '../demo/demo.ts';
import type {ConnectionRequest} from '../postgres/connection-request.ts';
import {takeInterrupts, untilInterrupted} from './interrupt.ts';
import {runSnapshot} from './reading.ts';
import {hasTerminal, type Shell} from './shell.ts';

export type DemoPorts = {
  requestTo(server: {url: string; rescueUrl: string}): ConnectionRequest;
  openConsole(request: ConnectionRequest): Promise<ExitCode>;
};

/**
 * The throwaway server and the console on it; one reading instead with `--once` and without a terminal. What the
 * console is made of is given, not imported: cut into files that two share, it would take longer to start.
 */
export async function runDemo(
  shell: Shell,
  flags: Flags,
  {requestTo, openConsole}: DemoPorts,
): Promise<ExitCode> {
  const tell = (text: string) => shell.output.talk(`poolctl demo: ${text}`);
  const {signal, release} = takeInterrupts(shell.output.talk);
  // Interrupted half way, the server's watchdog clears it away.
  const starting = startDemo({seed: flags.seed ?? 1, calm: flags.calm ?? false, onProgress: tell});
  const demo = await untilInterrupted(starting, signal);
  try {
    const request = requestTo(demo);
    tell(demo.description);
    release();
    if (!flags.once && hasTerminal(shell)) return await openConsole(request);
    return await runSnapshot(shell, request, flags);
  } finally {
    await demo.stop();
  }
}
