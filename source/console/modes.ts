import type {Command} from './messages.ts';
import type {ConsoleState} from './state.ts';

/**
 * What the keys go to: a view, a page on top of it, or something being typed. `sessionPreview` is a session looked at from a
 * wizard: what would leave the wizard for something else has no key there.
 */
export type Mode = 'browse' | 'help' | 'detail' | 'prompt' | 'wizard' | 'form' | 'sessionPreview';

/** Where a character is text and no key. */
export const typingModes: Mode[] = ['prompt', 'form'];
/** Where there is something longer than the screen to scroll through. */
export const pageModes: Mode[] = ['help', 'detail', 'wizard', 'form', 'sessionPreview'];
export const everyMode: Mode[] = ['browse', 'prompt', ...pageModes];

export function modeOf({overlay}: ConsoleState): Mode {
  switch (overlay?.kind) {
    case undefined:
      return 'browse';
    case 'prompt':
    case 'help':
      return overlay.kind;
    case 'wizard':
      return overlay.wizard.stage === 'parameters' || overlay.wizard.stage === 'confirm' ? 'form' : 'wizard';
    case 'replay':
      return 'wizard';
    case 'session':
      return overlay.wizard === null ? 'detail' : 'sessionPreview';
    default:
      return 'detail';
  }
}

export type Binding = {
  keys: string[];
  modes: Mode[];
  command: Command | ((key: string) => Command);
  /** Footer; '' keeps it out of there. */
  label: string | ((state: ConsoleState) => string);
  /** Help and README. */
  help: string;
  /** Why it can do nothing now; null when it can. Shown beside the key instead of hiding it. */
  disabledBecause?(state: ConsoleState, key: string): string | null;
  /** Footer only in these views and their details. */
  views?: ConsoleState['view'][];
};
