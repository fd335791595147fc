/**
 * The bytes that a terminal sends for a key: a single character, or a name (`enter`, `ctrl-c`, `pageup`). The sequence of
 * an arrow depends on the cursor key mode (DECCKM) that the program has set. Throws for an unknown name.
 */
export function keySequence(name: KeyName, modes: {readonly applicationCursorKeysMode: boolean}): string {
  if (name in keys) return keys[name as keyof typeof keys];
  if (name in cursorKeys) {
    return `\x1b${modes.applicationCursorKeysMode ? 'O' : '['}${cursorKeys[name as keyof typeof cursorKeys]}`;
  }
  if ([...name].length === 1) return name;
  if (name.startsWith('alt-')) return `\x1b${keySequence(name.slice('alt-'.length), modes)}`;
  const letter = /^ctrl-([a-z\\\]])$/.exec(name)?.[1];
  if (!letter) throw new Error(`no key is named ${name}`);
  return String.fromCharCode(letter.charCodeAt(0) & 0x1f);
}

export type KeyName =
  | keyof typeof keys
  | keyof typeof cursorKeys
  | `ctrl-${string}`
  | `alt-${string}`
  | (string & {});

const keys = {
  enter: '\r',
  escape: '\x1b',
  tab: '\t',
  'shift-tab': '\x1b[Z',
  space: ' ',
  backspace: '\x7f',
  delete: '\x1b[3~',
  pageup: '\x1b[5~',
  pagedown: '\x1b[6~',
} as const;
const cursorKeys = {up: 'A', down: 'B', right: 'C', left: 'D', home: 'H', end: 'F'} as const;
