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
  isUnicode: boolean;
};

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
  tagged: '>',
  frozen: '=',
  ascending: '^',
  descending: 'v',
  ellipsis: '~',
  critical: 'X',
  warning: '!',
  done: '+',
  failed: 'X',
};

const colourSgr: Record<Role, string> = {
  plain: '',
  muted: '90',
  strong: '1',
  accent: '36',
  good: '32',
  warning: '33',
  danger: '1;31',
  key: '1;36',
  heading: '1;4',
  reserved: '35',
};

/** Without colour, weight and underline carry what colour did: it was never the only sign. */
const monochromeSgr: Record<Role, string> = {
  ...colourSgr,
  muted: '2',
  accent: '',
  good: '',
  warning: '1',
  danger: '1;7',
  key: '1',
  reserved: '2',
};

/** NO_COLOR and FORCE_COLOR as their conventions say; `TERM=dumb` or a C locale fall back to ASCII. */
export function createTheme(env: Record<string, string | undefined>): Theme {
  const sgrOf = wantsColour(env) ? colourSgr : monochromeSgr;
  const isUnicode = canUnicode(env);
  return {
    sgr: roles.map(role => sgrOf[role]),
    selectedSgr: '7',
    symbols: isUnicode ? unicodeSymbols : asciiSymbols,
    isUnicode,
  };
}

function wantsColour(env: Record<string, string | undefined>): boolean {
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== '0' && env.FORCE_COLOR !== 'false';
  return !env.NO_COLOR && env.TERM !== 'dumb' && !env.TERM?.startsWith('vt1');
}

function canUnicode(env: Record<string, string | undefined>): boolean {
  if (env.POOLCTL_ASCII) return false;
  if (env.TERM === 'dumb' || env.TERM === 'linux' || env.TERM?.startsWith('vt1')) return false;
  const locale = env.LC_ALL || env.LC_CTYPE || env.LANG || '';
  return locale === '' || /utf-?8/i.test(locale);
}
