import type {FileChange} from './file-change.ts';

/** What of pgbouncer.ini bears on its pools; its [databases] may hold passwords and are left out. */
export type PoolerFile = {
  /** Absolute. */
  path: string;
  /** Why it cannot be changed; null where it can. */
  problem: string | null;
  eol: '\n' | '\r\n';
  /** The header of its own section; null where there is a problem. */
  header: IniLine | null;
  /** The settings that are looked for, where they are set. */
  lines: Record<string, IniLine>;
};

/** `chunk` is the line with the line ends around it: they tell it from a comment that holds the same words. */
type IniLine = {line: string; chunk: string};

/** The settings that size its pools, in the order in which they are written. */
export type PoolerSettings = {
  pool_mode: string;
  max_client_conn: number;
  default_pool_size: number;
  max_db_connections: number;
};

const names: (keyof PoolerSettings)[] = [
  'pool_mode',
  'max_client_conn',
  'default_pool_size',
  'max_db_connections',
];

/** Reads pgbouncer.ini's text; null is "no such file". */
export function readPoolerFile(path: string, text: string | null): PoolerFile {
  const eol = text?.includes('\r\n') ? '\r\n' : '\n';
  const refuse = (problem: string): PoolerFile => ({path, problem, eol, header: null, lines: {}});
  if (text === null) return refuse('there is no such file');
  const all = text.split(eol);
  const at = all.findIndex(line => /^\s*\[pgbouncer\]\s*$/.test(line));
  if (at === -1) return refuse('it has no section [pgbouncer]');
  const next = all.findIndex((line, index) => index > at && /^\s*\[/.test(line));
  const own = all.slice(at + 1, next === -1 ? all.length : next);
  const lines: Record<string, IniLine> = {};
  for (const name of names) {
    const [line, ...others] = own.filter(each => new RegExp(`^\\s*${name}\\s*=`).test(each));
    if (others.length > 0) return refuse(`${name} is set twice in it`);
    if (line !== undefined) lines[name] = iniLine(all, line, eol);
  }
  const header = iniLine(all, all[at] ?? '', eol);
  const isTwice = [header, ...Object.values(lines)].some(({chunk}) => text.split(chunk).length !== 2);
  return isTwice ? refuse('one of its lines is in it twice') : {path, problem: null, eol, header, lines};
}

export type PoolerChange = {change: FileChange; diff: string[]};

/** What makes the file say so: a change for each line that says otherwise, and one for all that is missing. */
export function poolerChanges({eol, header, lines}: PoolerFile, settings: PoolerSettings): PoolerChange[] {
  const wanted = names.map(name => ({own: lines[name], text: `${name} = ${settings[name]}`}));
  const changed = wanted.flatMap(({own, text}) => {
    if (own === undefined || settingOf(own.line) === settingOf(text)) return [];
    return [{change: replaceLine(own, text), diff: [`-${own.line}`, `+${text}`]}];
  });
  const missing = wanted.flatMap(({own, text}) => (own === undefined ? [text] : []));
  if (missing.length === 0 || header === null) return changed;
  const change = replaceLine(header, [header.line, ...missing].join(eol));
  return [...changed, {change, diff: [` ${header.line}`, ...missing.map(text => `+${text}`)]}];
}

export function poolerLines(settings: PoolerSettings): string[] {
  return names.map(name => `${name} = ${settings[name]}`);
}

function replaceLine({line, chunk}: IniLine, text: string): FileChange {
  const at = chunk.indexOf(line);
  const after = chunk.slice(0, at) + text + chunk.slice(at + line.length);
  return {kind: 'replace', before: chunk, after};
}

function iniLine(all: readonly string[], line: string, eol: string): IniLine {
  const at = all.indexOf(line);
  return {line, chunk: `${at > 0 ? eol : ''}${line}${at < all.length - 1 ? eol : ''}`};
}

function settingOf(line: string): string {
  return line.slice(line.indexOf('=') + 1).trim();
}
