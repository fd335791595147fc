import {BugError} from '../core/errors.ts';

type Interaction = typeof import('./interaction.ts');

let loaded: Interaction | null = null;

/** Loads `interaction.ts`, after the first frame and before the first key is read. */
export async function loadInteraction(): Promise<Interaction> {
  loaded ??= await import('./interaction.ts');
  return loaded;
}

/** Throws BugError where `loadInteraction` has not resolved yet. */
export function interaction(): Interaction {
  if (loaded === null) throw new BugError('a key was handled before interaction.ts was loaded');
  return loaded;
}
