import {program} from './build.ts';
import {openTerminal, type Terminal, type TerminalOptions} from './terminal.ts';

/** The built program on a real terminal. */
export function openProgram(
  args: string[],
  options: Omit<TerminalOptions, 'command' | 'args'> = {},
): Terminal {
  return openTerminal({command: process.execPath, args: [program, ...args], ...options});
}
