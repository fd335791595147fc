import type {Terminal} from './terminal.ts';

/** A recipe's guide by its name, at what it found. */
export async function openRecipe(terminal: Terminal, name: string): Promise<void> {
  terminal.type(`:recipe ${name}`);
  await terminal.waitFor(`:recipe ${name}`);
  terminal.press('enter');
  await terminal.waitFor('Enter next');
}

/** kill-idle-sessions, its parameters: all that is idle in a transaction, however short. */
export async function openGuide(terminal: Terminal): Promise<void> {
  await openRecipe(terminal, 'kill-idle-sessions');
  terminal.press('enter');
  await terminal.waitFor('> older_than');
  terminal.press(...Array(6).fill('backspace'), '0', 's');
  await terminal.waitFor(/older_than +0s/);
}

/** Esc asks in a run; the second one stops it. */
export async function stopRun(terminal: Terminal): Promise<void> {
  terminal.press('escape');
  await terminal.waitFor('Press Esc again');
  terminal.press('escape');
}

/** From a guide's parameters or its preview through the confirmation: it runs. */
export async function confirm(terminal: Terminal, word = 'yes'): Promise<void> {
  await terminal.waitFor('Enter next');
  terminal.press('enter');
  await terminal.waitFor('to run it');
  terminal.type(word, 'enter');
}
