import type {ConsoleState} from './state.ts';

/**
 * What the keys go to: a view, a page on top of it, or something being typed. `peek` is a session looked at from a
 * guide: what would leave the guide for something else has no key there.
 */
export type Mode = 'browse' | 'help' | 'detail' | 'prompt' | 'guide' | 'form' | 'peek';

/** Where a character is text and no key. */
export const typingModes: Mode[] = ['prompt', 'form'];
/** Where there is something longer than the screen to scroll through. */
export const pageModes: Mode[] = ['help', 'detail', 'guide', 'form', 'peek'];
export const everyMode: Mode[] = ['browse', 'prompt', ...pageModes];

export function modeOf({overlay}: ConsoleState): Mode {
  switch (overlay?.kind) {
    case undefined:
      return 'browse';
    case 'prompt':
    case 'help':
      return overlay.kind;
    case 'guide':
      return overlay.guide.stage === 'parameters' || overlay.guide.stage === 'confirm' ? 'form' : 'guide';
    case 'replay':
      return 'guide';
    case 'session':
      return overlay.over === null ? 'detail' : 'peek';
    default:
      return 'detail';
  }
}
