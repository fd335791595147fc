import {openTerminal, type Terminal} from '../helpers/terminal.ts';
import type {Program} from './programs.ts';
import type {Address} from './stage.ts';

export const columns = 160;
export const rows = 50;

const open = new Set<Terminal>();
let isOver = false;

/** Ends every running program and lets no other start, when the benchmark ends for any reason. */
export async function closeAllPrograms(): Promise<void> {
  isOver = true;
  await Promise.all([...open].map(close));
}

/** Starts a program on a terminal, passes it to `use`, and quits it afterwards as a user would. */
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

/** Like `withProgram`, but kills the program when `use` is done. */
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

/** The error of waiting for a screen in one line, without the screen. */
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
