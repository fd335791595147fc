/** What Ink's useInput says of a key besides its text. */
export type InkKey = {
  upArrow: boolean;
  downArrow: boolean;
  leftArrow: boolean;
  rightArrow: boolean;
  pageDown: boolean;
  pageUp: boolean;
  home: boolean;
  end: boolean;
  return: boolean;
  escape: boolean;
  ctrl: boolean;
  shift: boolean;
  /** Alt was held, or Esc came in one piece with what followed it. */
  meta: boolean;
  tab: boolean;
  backspace: boolean;
  delete: boolean;
};

const named: [keyof InkKey, string][] = [
  ['upArrow', 'up'],
  ['downArrow', 'down'],
  ['leftArrow', 'left'],
  ['rightArrow', 'right'],
  ['pageDown', 'pagedown'],
  ['pageUp', 'pageup'],
  ['home', 'home'],
  ['end', 'end'],
  ['return', 'enter'],
  ['escape', 'escape'],
  ['backspace', 'backspace'],
  // Terminals send DEL (0x7f) for the backspace key, which Ink names delete.
  ['delete', 'backspace'],
];

/**
 * The keys in one input event: a name for the special ones, the character itself for the rest. A fast `jj`
 * arrives as one input of two characters, and pasted text as one of many: each character is a key.
 */
export function splitKeys(input: string, key: InkKey): string[] {
  if (key.tab) return [key.shift ? 'shift-tab' : 'tab'];
  for (const [property, name] of named) if (key[property]) return [name];
  if (key.ctrl) return input.length === 1 ? [`ctrl-${input.toLowerCase()}`] : [];
  const characters = Array.from(input, nameOfCharacter).filter(name => name !== '');
  return key.meta ? ['escape', ...characters] : characters;
}

function nameOfCharacter(character: string): string {
  if (character === '\r' || character === '\n') return 'enter';
  if (character === '\t') return 'tab';
  if (character === '\u007f' || character === '\b') return 'backspace';
  if (character === ' ') return 'space';
  // Ctrl and a letter, in one piece with what was typed before it.
  if (character >= '\u0001' && character <= '\u001a') {
    return `ctrl-${String.fromCharCode(character.charCodeAt(0) + 0x60)}`;
  }
  return character < ' ' ? '' : character;
}
