import type {Flags} from '../commands/parse-call.ts';
import type {ExitCode} from '../core/errors.ts';
import {startDemo} from '../demo/demo.ts';
import {localMachine} from '../postgres/local-machine.ts';
import {locate} from '../postgres/locate.ts';
import {runConsole} from './console.ts';
import {takeInterrupts, untilInterrupted} from './interrupt.ts';
import {runSnapshot} from './reading.ts';
import {hasTerminal, type Shell} from './shell.ts';

/** The throwaway server and the console on it; one reading instead with `--once` and without a terminal. */
export async function runDemo(shell: Shell, flags: Flags): Promise<ExitCode> {
  const tell = (text: string) => shell.output.talk(`poolctl demo: ${text}`);
  const {signal, release} = takeInterrupts(shell.output.talk);
  // Interrupted half way, the server's watchdog clears it away.
  const starting = startDemo({seed: flags.seed ?? 1, calm: flags.calm ?? false, onProgress: tell});
  const demo = await untilInterrupted(starting, signal);
  try {
    const machine = localMachine({...shell.env, POOLCTL_RESCUE_URL: demo.rescueUrl}, shell.cwd);
    const request = locate({url: demo.url, flags: {}, machine});
    tell(demo.description);
    release();
    if (!flags.once && hasTerminal(shell)) return await runConsole(shell, request, flags);
    return await runSnapshot(shell, request, flags);
  } finally {
    await demo.stop();
  }
}
