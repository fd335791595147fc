import type {IniLine, PoolerFile} from '../../model/application.ts';
import type {FileChange} from '../../model/step.ts';

/** The settings that size its pools, in the order to write them. */
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

/** Reads pgbouncer.ini's text; null: the file does not exist. */
export function readPoolerFile(path: string, text: string | null): PoolerFile {
  const eol = text?.includes('\r\n') ? '\r\n' : '\n';
  const refuse = (problem: string): PoolerFile => ({path, problem, eol, header: null, lines: {}});
  if (text === null) return refuse('the file does not exist');
  const all = text.split(eol);
  const at = all.findIndex(line => /^\s*\[pgbouncer\]\s*$/.test(line));
  if (at === -1) return refuse('it has no section [pgbouncer]');
  const next = all.findIndex((line, index) => index > at && /^\s*\[/.test(line));
  const own = all.slice(at + 1, next === -1 ? all.length : next);
  const lines: Record<string, IniLine> = {};
  for (const name of names) {
    const [line, ...others] = own.filter(each => new RegExp(`^\\s*${name}\\s*=`).test(each));
    if (others.length > 0) return refuse(`it sets ${name} twice`);
    if (line !== undefined) lines[name] = iniLine(all, line, eol);
  }
  const header = iniLine(all, all[at] ?? '', eol);
  const isTwice = [header, ...Object.values(lines)].some(({chunk}) => text.split(chunk).length !== 2);
  return isTwice ? refuse('it has the same line twice') : {path, problem: null, eol, header, lines};
}

export type PoolerChange = {names: string[]; change: FileChange; diff: string[]};

/**
 * The changes that set these values: one for each block of adjacent lines that differ; missing settings are added
 * to the last block, or below the section's header.
 */
export function poolerChanges({eol, header, lines}: PoolerFile, settings: PoolerSettings): PoolerChange[] {
  if (header === null) return [];
  const wanted = names.map(name => ({name, own: lines[name], text: `${name} = ${settings[name]}`}));
  const missing = wanted.filter(({own}) => own === undefined);
  const wrong = wanted
    .flatMap(({own, ...each}) => (own === undefined ? [] : [{...each, own}]))
    .filter(({own, text}) => settingOf(own.line) !== settingOf(text))
    .sort((a, b) => a.own.at - b.own.at);
  const blocks = wrong.reduce<(typeof wrong)[]>((all, each) => {
    const last = all.at(-1);
    if (last?.at(-1)?.own.at === each.own.at - 1) last.push(each);
    else all.push([each]);
    return all;
  }, []);
  const added = missing.map(({text}) => text);
  const changes = blocks.map((block, index): PoolerChange => {
    const isLast = index === blocks.length - 1;
    const old = block.map(({own}) => own);
    const texts = [...block.map(({own: {line}, text}) => withSetting(line, text)), ...(isLast ? added : [])];
    return {
      names: [...block, ...(isLast ? missing : [])].map(({name}) => name),
      change: replaceLines(old, texts, eol),
      diff: [...old.map(({line}) => `-${line}`), ...texts.map(text => `+${text}`)],
    };
  });
  if (missing.length === 0 || changes.length > 0) return changes;
  return [
    {
      names: missing.map(({name}) => name),
      change: replaceLines([header], [header.line, ...added], eol),
      diff: [` ${header.line}`, ...added.map(text => `+${text}`)],
    },
  ];
}

export function poolerLines(settings: PoolerSettings): string[] {
  return names.map(name => `${name} = ${settings[name]}`);
}

/** Replaces adjacent lines. */
function replaceLines(old: readonly IniLine[], texts: readonly string[], eol: string): FileChange {
  const lines = old.map(({line}) => line).join(eol);
  const [first = '', last = ''] = [old[0]?.chunk, old.at(-1)?.chunk];
  const before = `${first.startsWith(eol) ? eol : ''}${lines}${last.endsWith(eol) ? eol : ''}`;
  return {kind: 'replace', before, after: before.replace(lines, () => texts.join(eol))};
}

function iniLine(all: readonly string[], line: string, eol: string): IniLine {
  const at = all.indexOf(line);
  return {line, at, chunk: `${at > 0 ? eol : ''}${line}${at < all.length - 1 ? eol : ''}`};
}

/** The line with another line's value; name and blanks are unchanged. */
function withSetting(line: string, text: string): string {
  return line.replace(/(=\s*).*?(\s*)$/s, (_, head: string, tail: string) => head + settingOf(text) + tail);
}

function settingOf(line: string): string {
  return line.slice(line.indexOf('=') + 1).trim();
}
