import {program} from './build.ts';
import {openTerminal, type Terminal, type TerminalOptions} from './terminal.ts';

/** The built console on a real terminal, against `url`. */
export function openProgram(
  args: string[],
  options: Omit<TerminalOptions, 'command' | 'args'> = {},
): Terminal {
  return openTerminal({command: process.execPath, args: [program, ...args], ...options});
}

/** The lines of a screen, one text. */
export function shown(terminal: Terminal): string {
  return terminal.screen().join('\n');
}
