/** The keys that terminals encode as sequences, by the names bindings use. null: a sequence that is no key of ours. */

const lettered: Record<string, string> = {
  A: 'up',
  B: 'down',
  C: 'right',
  D: 'left',
  H: 'home',
  F: 'end',
};
/** rxvt's, with Shift (CSI) or Ctrl (SS3). */
const rxvtArrows: Record<string, string> = {a: 'up', b: 'down', c: 'right', d: 'left'};
const numbered: Record<string, string> = {
  1: 'home',
  7: 'home',
  4: 'end',
  8: 'end',
  3: 'delete',
  5: 'pageup',
  6: 'pagedown',
};

/** `ESC [ parameters final`. An arrow is the same key with or without Shift, Alt and Ctrl. */
export function keyOfCsi(parameters: string, final: string): string | null {
  if (!/^[\d;:]*$/.test(parameters)) return null;
  const [first = [], second = [], third = []] = parameters.split(';').map(each => each.split(':'));
  if (second[1] === release) return null;
  switch (final) {
    case 'u':
      return keyOfCode({code: first[0], shifted: first[1], modifiers: second[0], text: third});
    case '~':
      // xterm's modifyOtherKeys: CSI 27 ; modifiers ; code ~
      if (first[0] === '27') return keyOfCode({code: third[0], modifiers: second[0]});
      return numbered[first[0] ?? ''] ?? null;
    case '^':
    case '$':
    case '@':
      return numbered[parameters] ?? null;
    case 'Z':
      return 'shift-tab';
    default:
      return lettered[final] ?? (parameters === '' ? (rxvtArrows[final] ?? null) : null);
  }
}

/** `ESC O final`: arrows in application mode, and the keypad's Enter. */
export function keyOfSs3(final: string): string | null {
  return lettered[final] ?? rxvtArrows[final] ?? (final === 'M' ? 'enter' : null);
}

/** A character as a key; '' where it is none (a control character without a key, a byte that is not UTF-8). */
export function keyOfCharacter(character: string): string {
  if (character === '\r' || character === '\n') return 'enter';
  if (character === '\t') return 'tab';
  if (character === '\u007f' || character === '\b') return 'backspace';
  if (character === ' ') return 'space';
  if (character >= '\u0001' && character <= '\u001a')
    return `ctrl-${String.fromCharCode(character.charCodeAt(0) + 0x60)}`;
  return isControl(character) || character === '\ufffd' ? '' : character;
}

function isControl(character: string): boolean {
  return character < ' ' || (character >= '\u007f' && character <= '\u009f');
}

type KeyCode = {
  code: string | undefined;
  shifted?: string | undefined;
  modifiers: string | undefined;
  text?: string[];
};

/** Event type of the kitty keyboard protocol: the key was released. */
const release = '3';
const shift = 1;
const alt = 2;
const control = 4;
/** Super, Hyper and Meta: none of our keys has them. */
const foreign = 8 | 16 | 32;
/** KP_ENTER of the kitty keyboard protocol; the console uses no other of its private codes. */
const keypadEnter = 57_414;
const firstPrivate = 57_344;
const lastPrivate = 63_743;

/** A key by its code point and modifiers, as the kitty keyboard protocol and xterm's modifyOtherKeys send it. */
function keyOfCode({code: digits, shifted, modifiers, text = []}: KeyCode): string | null {
  const code = Number(digits || 0);
  const held = Number(modifiers || 1) - 1;
  if (code === 0 || code > 0x10ffff || held < 0 || held & foreign) return null;
  if (code === 27) return 'escape';
  if (code === 9 && held & shift) return 'shift-tab';
  if (code >= firstPrivate && code <= lastPrivate) return code === keypadEnter ? 'enter' : null;
  const plain = String.fromCodePoint(code);
  const name = keyOfCharacter(held & shift ? withShift(plain, shifted, text) : plain);
  if (name === '') return null;
  const withControl = held & control ? `ctrl-${name.toLowerCase()}` : name;
  return held & alt ? `alt-${withControl}` : withControl;
}

function withShift(plain: string, shifted: string | undefined, [typed]: string[]): string {
  const code = Number(shifted || typed || 0);
  return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : plain.toUpperCase();
}
