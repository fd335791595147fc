const names: Record<string, string> = {
  space: 'Space',
  enter: 'Enter',
  escape: 'Esc',
  tab: 'Tab',
  'shift-tab': 'Shift-Tab',
  backspace: 'Backspace',
  up: '↑',
  down: '↓',
  left: '←',
  right: '→',
  pageup: 'PgUp',
  pagedown: 'PgDn',
  home: 'Home',
  end: 'End',
};

/** A key as people call it: `pagedown` is `PgDn`, `ctrl-l` is `Ctrl-L`. */
export function keyName(key: string): string {
  return key.startsWith('ctrl-') ? `Ctrl-${key.slice('ctrl-'.length).toUpperCase()}` : (names[key] ?? key);
}
