import type {ThemeName} from '../../core/configuration.ts';
import {type Role, roles} from './line.ts';

type Symbols = {
  full: string;
  empty: string;
  reserved: string;
  horizontal: string;
  vertical: string;
  corners: [string, string, string, string];
  branch: string;
  lastBranch: string;
  trunk: string;
  bullet: string;
  live: string;
  stale: string;
  tagged: string;
  selected: string;
  /** Where what is typed goes. */
  cursor: string;
  /** The order is frozen. */
  frozen: string;
  ascending: string;
  descending: string;
  ellipsis: string;
  critical: string;
  warning: string;
  done: string;
  failed: string;
};

/** How roles look on this terminal, and which symbols it can draw. */
export type Theme = {
  /** SGR parameters of each role, '' for plain; index is `roles.indexOf(role)`. */
  sgr: string[];
  selectedSgr: string;
  symbols: Symbols;
  /** What can be shown: everything, everything but characters of ambiguous width, or ASCII. */
  charset: Charset;
};

export type Charset = 'unicode' | 'unambiguous' | 'ascii';

const unicodeSymbols: Symbols = {
  full: '█',
  empty: '░',
  reserved: '▒',
  horizontal: '─',
  vertical: '│',
  corners: ['╭', '╮', '╰', '╯'],
  branch: '├ ',
  lastBranch: '└ ',
  trunk: '│ ',
  bullet: '•',
  live: '●',
  stale: '◌',
  tagged: '◆',
  selected: '>',
  cursor: '▏',
  frozen: '≡',
  ascending: '▲',
  descending: '▼',
  ellipsis: '…',
  critical: '✖',
  warning: '▲',
  done: '✔',
  failed: '✖',
};

const asciiSymbols: Symbols = {
  full: '#',
  empty: '.',
  reserved: '%',
  horizontal: '-',
  vertical: '|',
  corners: ['+', '+', '+', '+'],
  branch: '| ',
  lastBranch: '` ',
  trunk: '| ',
  bullet: '*',
  live: '*',
  stale: '?',
  tagged: '*',
  selected: '>',
  cursor: '_',
  frozen: '=',
  ascending: '^',
  descending: 'v',
  ellipsis: '~',
  critical: 'X',
  warning: '!',
  done: '+',
  failed: 'X',
};

/**
 * Colours that can be read on white, black and Solarized's backgrounds, with a contrast of 3 and more. The terminal's
 * palette changes the first 16 alone: theirs may be invisible on a background (yellow and cyan on white, 90 on Solarized
 * Dark's). Keys are bold, and what is muted is dim, in the default colour.
 */
const manyColours: Record<Role, string> = {
  plain: '',
  muted: '2',
  strong: '1',
  accent: '38;5;30',
  good: '38;5;28',
  warning: '38;5;130',
  danger: '1;38;5;196',
  key: '1',
  heading: '1;4',
  reserved: '38;5;133',
};

/** Of the first eight colours only red and magenta can be read on any background. */
const fewColours: Record<Role, string> = {
  ...manyColours,
  accent: '',
  good: '',
  warning: '1',
  danger: '1;31',
  reserved: '35',
};

/** The Linux console is black. */
const coloursOnBlack: Record<Role, string> = {...fewColours, accent: '36', good: '32', warning: '33'};

const coloursOnDark: Record<Role, string> = {
  ...manyColours,
  accent: '38;5;80',
  good: '38;5;114',
  warning: '38;5;221',
  danger: '1;38;5;203',
  reserved: '38;5;177',
};

const coloursOnLight: Record<Role, string> = {
  ...manyColours,
  accent: '38;5;24',
  good: '38;5;22',
  warning: '38;5;94',
  danger: '1;38;5;160',
  reserved: '38;5;90',
};

/** The palette's own accents, which Solarized has for both of its backgrounds. */
const coloursOfPalette: Record<Role, string> = {
  ...manyColours,
  accent: '36',
  good: '32',
  warning: '33',
  danger: '1;31',
  reserved: '35',
};

/** Without colour, weight and underline carry what colour did: it was never the only sign. Reversed is what is selected. */
const noColours: Record<Role, string> = {
  ...manyColours,
  accent: '',
  good: '',
  warning: '1',
  danger: '1;4',
  reserved: '2',
};

type Environment = Readonly<Record<string, string | undefined>>;

const named: Record<Exclude<ThemeName, 'auto'>, Record<Role, string>> = {
  dark: coloursOnDark,
  light: coloursOnLight,
  solarized: coloursOfPalette,
  none: noColours,
};

/** Colours by name, or by NO_COLOR, FORCE_COLOR and TERM; characters by POOLCTL_ASCII, TERM and the locale. */
export function createTheme(env: Environment, name: ThemeName = 'auto'): Theme {
  const sgrOf = name === 'auto' ? coloursOf(env) : named[name];
  const isUnicode = canShowUnicode(env);
  return {
    sgr: roles.map(role => sgrOf[role]),
    selectedSgr: '7',
    // A screen reader says of others "black up-pointing triangle".
    symbols: isUnicode && env.INK_SCREEN_READER !== 'true' ? unicodeSymbols : asciiSymbols,
    charset: isUnicode ? 'unicode' : 'ascii',
  };
}

/** The theme on a terminal that draws characters of ambiguous width, ours among them, two cells wide. */
export function withoutAmbiguous(theme: Theme): Theme {
  return {...theme, symbols: asciiSymbols, charset: 'unambiguous'};
}

/** NO_COLOR and FORCE_COLOR as their conventions say. */
function coloursOf({FORCE_COLOR, NO_COLOR, COLORTERM, TERM = ''}: Environment): Record<Role, string> {
  const isForced = FORCE_COLOR !== undefined;
  if (isForced ? /^(?:0|false)$/.test(FORCE_COLOR) : NO_COLOR || /^(?:dumb|vt1)/.test(TERM)) return noColours;
  if (TERM === 'linux') return coloursOnBlack;
  const hasMany = COLORTERM || /256|direct|kitty|ghostty|alacritty|foot|wezterm/.test(TERM);
  return hasMany || /^[23]$/.test(FORCE_COLOR ?? '') ? manyColours : fewColours;
}

/** By POOLCTL_ASCII, TERM and the locale. */
export function canShowUnicode(env: Environment): boolean {
  if (env.POOLCTL_ASCII) return false;
  if (env.TERM === 'dumb' || env.TERM === 'linux' || env.TERM?.startsWith('vt1')) return false;
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  return locale === '' || /utf-?8/i.test(locale);
}
