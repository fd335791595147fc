import {isChoosing} from '../state/run.ts';
import type {ConsoleState} from '../state/state.ts';
import type {Command} from '../state/update.ts';

/**
 * What the keys act on: a view, a page on top of it, or a field. `choice` is a field of a form whose value is one of a
 * list. `sessionPreview` is a session opened from a wizard: no key there leaves the wizard.
 */
export type Mode = 'browse' | 'help' | 'detail' | 'prompt' | 'wizard' | 'form' | 'choice' | 'sessionPreview';

/** The fields of a wizard. */
export const formModes: Mode[] = ['form', 'choice'];
/** Modes in which characters are text. */
export const typingModes: Mode[] = ['prompt', ...formModes];
/** Modes with a page that may be longer than the screen, and without a field. */
const pageModes: Mode[] = ['help', 'detail', 'wizard', 'sessionPreview'];
/** Modes with rows or a page that can be scrolled, and without a field. */
export const scrollModes: Mode[] = ['browse', ...pageModes];
export const everyMode: Mode[] = [...scrollModes, ...typingModes];

export function modeOf(state: ConsoleState): Mode {
  const {overlay, replay, wizard} = state;
  if (overlay?.kind === 'prompt' || overlay?.kind === 'help') return overlay.kind;
  if (overlay !== null) return wizard === null ? 'detail' : 'sessionPreview';
  if (replay !== null) return 'wizard';
  if (wizard === null) return 'browse';
  if (wizard.stage !== 'parameters' && wizard.stage !== 'confirm') return 'wizard';
  return isChoosing(state, wizard) ? 'choice' : 'form';
}

export type Binding = {
  keys: string[];
  modes: Mode[];
  command: Command | ((key: string) => Command);
  /** In the footer, which leaves out keys without one. */
  label?: string | ((state: ConsoleState) => string);
  /** In the help and README. */
  help: string;
  /** Why the key does nothing now; null where it works. Shown beside the key instead of hiding it. */
  disabledBecause?(state: ConsoleState, key: string): string | null;
  /** Listed in the footer of these views and their details only. */
  views?: ConsoleState['view'][];
};
