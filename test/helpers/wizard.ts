import type {Terminal} from './terminal.ts';

/** Opens a recipe's wizard at its findings. */
export async function openRecipe(terminal: Terminal, name: string): Promise<void> {
  terminal.type(`:recipe ${name}`);
  await terminal.waitFor(`:recipe ${name}`);
  terminal.press('enter');
  await terminal.waitFor('Enter next');
}

/** Opens kill-idle-sessions at its parameters, with all sessions selected that are idle in transaction. */
export async function openKillIdleSessions(terminal: Terminal): Promise<void> {
  await openRecipe(terminal, 'kill-idle-sessions');
  terminal.press('enter');
  await terminal.waitFor('> older_than');
  terminal.press(...Array(6).fill('backspace'), '0', 's');
  await terminal.waitFor(/older_than +0s/);
}

/** Stops a run: the first Esc asks, the second confirms. */
export async function stopRun(terminal: Terminal): Promise<void> {
  terminal.press('escape');
  await terminal.waitFor('Press Esc again');
  terminal.press('escape');
}

/** Confirms from a wizard's parameters or preview: the run begins. */
export async function confirm(terminal: Terminal, word = 'yes'): Promise<void> {
  await terminal.waitFor('Enter next');
  terminal.press('enter');
  await terminal.waitFor('to run it');
  terminal.type(word, 'enter');
}
