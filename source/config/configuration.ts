import {spawn} from 'node:child_process';
import {isAbsolute, join} from 'node:path';
import {type AST, getStaticTOMLValue, ParseError, parseTOML} from 'toml-eslint-parser';
import {
  type Configuration,
  type ConfiguredTarget,
  environments,
  noSettings,
  type TargetSettings,
  themes,
  type UrlSource,
} from '../core/configuration.ts';
import {AbortError, exitCodes, usageError} from '../core/errors.ts';
import {type Entry, type Fields, isTable, type Report, readFields, type Table} from './fields.ts';

const settingKeys = ['recipes', 'protected', 'thresholds', 'applications', 'theme', 'read_only', 'source'];
const urlNames = ['url', 'rescue_url', 'pooler_url'] as const;
const urlKeys = urlNames.flatMap(name => [name, `${name}_env`, `${name}_command`]);

/** The file, its folder and the user's home. Relative recipe folders are resolved against `folder`. */
type Place = {file: string; folder: string; home: string};

/**
 * Reads config.toml. Throws AbortError (exit 2) with every mistake and its line: the first in its message, the others
 * in its hint. It quotes no value that could be a URL.
 */
export function readConfiguration(text: string, place: Place): Configuration {
  const problems: {line: number; message: string}[] = [];
  const report: Report = (line, message) => void problems.push({line, message});
  const root = readFields({line: 1, value: readToml(text, report)}, ['targets', ...settingKeys], report);
  const settings = readSettings(root, noSettings, place);
  const targets = root.entries('targets').flatMap(([name, entry]) => {
    const target = readTarget(name, entry, {settings, place, report});
    return target === null ? [] : [[name, target] as const];
  });
  const [first, ...others] = problems.sort((a, b) => a.line - b.line);
  if (first === undefined) return {file: place.file, settings, targets: new Map(targets)};
  throw usageError(
    `${place.file}:${first.line}: ${first.message}`,
    others.length === 0
      ? undefined
      : `And ${others.map(({line, message}) => `line ${line}: ${message}`).join('; ')}.`,
  );
}

function readTarget(
  name: string,
  entry: Entry,
  {settings, place, report}: {settings: TargetSettings; place: Place; report: Report},
): ConfiguredTarget | null {
  if (!isTable(entry.value)) {
    report(entry.line, `target "${name}" must be a table: [targets.${name}]`);
    return null;
  }
  const fields = readFields(entry, ['environment', 'cores', ...urlKeys, ...settingKeys], report);
  const cores = fields.count('cores', mostCores);
  const target = {
    environment: fields.choice('environment', environments),
    url: readUrl(fields, 'url', report),
    rescue_url: readUrl(fields, 'rescue_url', report),
    pooler_url: readUrl(fields, 'pooler_url', report),
    settings: {...readSettings(fields, settings, place), ...(cores !== null && {cores})},
  };
  const {url} = target;
  if (url === null) report(entry.line, `target "${name}" needs url, url_env or url_command`);
  return url === null ? null : {...target, url};
}

function readUrl(fields: Fields, key: (typeof urlNames)[number], report: Report): UrlSource | null {
  const sources = [
    {kind: 'literal', name: key},
    {kind: 'variable', name: `${key}_env`},
    {kind: 'command', name: `${key}_command`},
  ] as const;
  const [first, second] = sources.filter(({name}) => fields.has(name));
  if (first === undefined) return null;
  if (second !== undefined)
    report(fields.lineOf(second.name), `${first.name} and ${second.name} cannot be used together`);
  return {kind: first.kind, text: fields.requiredText(first.name)};
}

/** More than any server has. */
const mostCores = 4096;

/** A target's limits override those for every server; its lists extend theirs. */
function readSettings(fields: Fields, base: TargetSettings, place: Place): TargetSettings {
  const {roles, applications} = base.protected_sessions;
  const theme = fields.choice('theme', themes) ?? base.theme;
  const readOnly = fields.has('read_only') ? fields.boolean('read_only') : base.read_only;
  const source = fields.has('source') ? resolveFolder(fields.requiredText('source'), place) : base.source;
  const ownProtected = fields.fields('protected', ['roles', 'applications']);
  return {
    limits: {...base.limits, ...fields.limits('thresholds')},
    applications: [...base.applications, ...fields.applications('applications')],
    protected_sessions: {
      roles: [...roles, ...ownProtected.texts('roles')],
      applications: [...applications, ...ownProtected.texts('applications')],
    },
    ...(theme && {theme}),
    ...(source && {source}),
    ...(readOnly !== undefined && {read_only: readOnly}),
    recipe_folders: [
      ...base.recipe_folders,
      ...fields.texts('recipes').map(folder => resolveFolder(folder, place)),
    ],
  };
}

function resolveFolder(folder: string, {folder: base, home}: Place): string {
  if (folder === '~' || folder.startsWith('~/')) return join(home, folder.slice(1));
  return isAbsolute(folder) ? folder : join(base, folder);
}

/** Long enough to unlock a password manager by hand. */
const commandTimeoutMs = 60_000;

/**
 * The URL of a target. A command runs in a shell with the terminal's stdin and stderr; no error quotes its output or
 * the URL. Throws AbortError: exit 2 if the variable is not set, 3 if the command fails.
 */
export async function resolveUrl(
  {kind, text}: UrlSource,
  {env, name}: {env: Readonly<Record<string, string | undefined>>; name: string},
): Promise<string> {
  if (kind === 'literal') return text;
  if (kind === 'command') return outputOf(text, env, name);
  const url = env[text]?.trim();
  if (url) return url;
  throw usageError(`${name} comes from ${text}, which is not set`, 'Set the variable, or pass a URL.');
}

function outputOf(
  command: string,
  env: Readonly<Record<string, string | undefined>>,
  name: string,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, {
      shell: true,
      env,
      stdio: ['inherit', 'pipe', 'inherit'],
      timeout: commandTimeoutMs,
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', text => {
      output += text;
    });
    const fail = (why: string) =>
      reject(
        new AbortError(`the command for ${name} ${why}`, {
          hint: 'It must print the URL and exit with 0.',
          exitCode: exitCodes.connection,
        }),
      );
    child.on('error', () => fail('cannot be started'));
    child.on('close', (code, signal) => {
      const [url = ''] = output.trim().split('\n');
      if (code !== 0) fail(signal === null ? `exited with ${code}` : `was ended by ${signal}`);
      else if (url.trim() === '') fail('printed nothing');
      else resolve(url.trim());
    });
  });
}

/**
 * The root table of a TOML text; empty if it is not valid TOML. Messages never quote the text, which may contain a
 * password.
 */
function readToml(text: string, report: Report): Table {
  const root: Table = new Map();
  for (const node of parseText(text, report)?.body[0].body ?? []) {
    const line = node.loc.start.line;
    if (node.type === 'TOMLKeyValue') addEntry(root, node);
    else if (node.kind === 'array') report(line, 'lists of tables ([[...]]) are not supported');
    else {
      const table = descend(root, namesOf(node.key), line);
      for (const entry of node.body) addEntry(table, entry);
    }
  }
  return root;
}

function parseText(text: string, report: Report): AST.TOMLProgram | null {
  try {
    return parseTOML(text);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    // The parser's message quotes only the code point of a character, which is removed.
    const message = error.message.replace(/(code point) \S+/, '$1');
    const detail = message.slice(0, 1).toLowerCase() + message.slice(1);
    report(error.lineNumber, `invalid TOML at column ${error.column + 1}: ${detail}`);
    return null;
  }
}

function addEntry(table: Table, {key, value}: AST.TOMLKeyValue): void {
  const names = namesOf(key);
  const line = key.loc.start.line;
  const parent = descend(table, names.slice(0, -1), line);
  parent.set(names.at(-1) ?? '', {line, value: contentOf(value)});
}

function contentOf(node: AST.TOMLContentNode): unknown {
  if (node.type === 'TOMLArray') {
    return node.elements.map((each): Entry => ({line: each.loc.start.line, value: contentOf(each)}));
  }
  if (node.type !== 'TOMLInlineTable') return getStaticTOMLValue(node);
  const table: Table = new Map();
  for (const entry of node.body) addEntry(table, entry);
  return table;
}

/** The table nested under `names`; created if missing. */
function descend(table: Table, names: readonly string[], line: number): Table {
  let current = table;
  for (const name of names) {
    const known = current.get(name)?.value;
    const next: Table = isTable(known) ? known : new Map();
    if (next !== known) current.set(name, {line, value: next});
    current = next;
  }
  return current;
}

function namesOf({keys}: AST.TOMLKey): string[] {
  return keys.map(key => (key.type === 'TOMLBare' ? key.name : key.value));
}
