import {openTerminal, type Terminal} from '../helpers/terminal.ts';
import type {Program} from './programs.ts';
import type {Address} from './stage.ts';

export const columns = 160;
export const rows = 50;

const open = new Set<Terminal>();
let isOver = false;

/** Ends every program that still runs and lets none start: for the end of the bench, whatever the reason. */
export async function closeAllPrograms(): Promise<void> {
  isOver = true;
  await Promise.all([...open].map(close));
}

/** Opens a program on a terminal, hands it to `use`, and ends it afterwards as a person would. */
export async function withProgram<Result>(
  program: Program,
  at: Address,
  use: (terminal: Terminal) => Promise<Result>,
): Promise<Result> {
  return withTerminal(program.command(at), async terminal => {
    const result = await use(terminal);
    await leave(terminal, program);
    return result;
  });
}

/** For what is no program of ours to quit: it is killed when `use` is done. */
export async function withTerminal<Result>(
  command: {command: string; args: string[]; env: Record<string, string>},
  use: (terminal: Terminal) => Promise<Result>,
): Promise<Result> {
  if (isOver) throw new Error('the bench is over');
  const terminal = openTerminal({...command, columns, rows});
  open.add(terminal);
  try {
    return await use(terminal);
  } finally {
    await close(terminal);
  }
}

/** One line of an error that waiting for a screen gave, without the screen. */
export function reasonOf(error: unknown): string {
  const [line = ''] = String(error instanceof Error ? error.message : error).split('\n');
  return line.replace(/^waited for [\s\S]*: (?=not seen|the program)/, '');
}

async function close(terminal: Terminal): Promise<void> {
  open.delete(terminal);
  await terminal.close();
}

async function leave(terminal: Terminal, program: Program): Promise<void> {
  terminal.write(program.quit);
  await Promise.race([terminal.onExit, new Promise(resolve => setTimeout(resolve, 2000))]);
}
