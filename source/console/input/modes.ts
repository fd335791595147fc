import type {Command} from '../state/messages.ts';
import type {ConsoleState} from '../state/state.ts';

/**
 * What the keys act on: a view, a page on top of it, or a field. `sessionPreview` is a session opened from a
 * wizard: no key there leaves the wizard.
 */
export type Mode = 'browse' | 'help' | 'detail' | 'prompt' | 'wizard' | 'form' | 'sessionPreview';

/** Modes in which characters are text. */
export const typingModes: Mode[] = ['prompt', 'form'];
/** Modes with a page that may be longer than the screen. */
export const pageModes: Mode[] = ['help', 'detail', 'wizard', 'form', 'sessionPreview'];
export const everyMode: Mode[] = ['browse', 'prompt', ...pageModes];

export function modeOf({overlay, replay, wizard}: ConsoleState): Mode {
  if (overlay?.kind === 'prompt' || overlay?.kind === 'help') return overlay.kind;
  if (overlay !== null) return wizard === null ? 'detail' : 'sessionPreview';
  if (replay !== null) return 'wizard';
  if (wizard === null) return 'browse';
  return wizard.stage === 'parameters' || wizard.stage === 'confirm' ? 'form' : 'wizard';
}

export type Binding = {
  keys: string[];
  modes: Mode[];
  command: Command | ((key: string) => Command);
  /** In the footer; '' leaves it out. */
  label: string | ((state: ConsoleState) => string);
  /** In the help and README. */
  help: string;
  /** Why the key does nothing now; null where it works. Shown beside the key instead of hiding it. */
  disabledBecause?(state: ConsoleState, key: string): string | null;
  /** Listed in the footer of these views and their details only. */
  views?: ConsoleState['view'][];
};
