import {isAbsolute, join} from 'node:path';
import {
  type Configuration,
  type ConfiguredTarget,
  environments,
  noSettings,
  type TargetSettings,
  type UrlSource,
} from '../core/configuration.ts';
import {limitExamples, metricByLimitName, parseLimit} from '../core/health/limits.ts';
import {metricOf} from '../core/health/metrics.ts';
import {didYouMean} from '../core/nearest.ts';
import {usage} from '../core/parameters.ts';
import {isTable, readToml, type Table, TomlError} from './toml.ts';

const settingKeys = ['recipes', 'protected', 'thresholds'];
const urlKeys = ['url', 'url_env', 'url_command', 'rescue_url', 'rescue_url_env', 'rescue_url_command'];

type Place = {file: string; folder: string; home: string};

/**
 * What a configuration file's text says. Throws AbortError (exit 2) that names the first mistake and its line; no
 * value that could be an address is quoted.
 */
export function readConfiguration(text: string, place: Place): Configuration {
  try {
    const root = readToml(text);
    refuseOthers(root, ['targets', ...settingKeys]);
    const settings = readSettings(root, noSettings, place);
    const targets = [...tableAt(root, 'targets')].map(([name, {line, value}]) => {
      if (!isTable(value)) throw new TomlError(line, `target "${name}" is no table: write [targets.${name}]`);
      return [name, readTarget(name, {line, table: value}, {settings, place})] as const;
    });
    return {file: place.file, settings, targets: new Map(targets)};
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw usage(`${place.file}:${error.line}: ${error.message}`);
  }
}

type Context = {settings: TargetSettings; place: Place};

function readTarget(
  name: string,
  {line, table}: {line: number; table: Table},
  {settings, place}: Context,
): ConfiguredTarget {
  refuseOthers(table, ['environment', ...urlKeys, ...settingKeys]);
  const url = readUrl(table, 'url');
  if (url === null) throw new TomlError(line, `target "${name}" has no url, url_env or url_command`);
  return {
    environment: readEnvironment(table),
    url,
    rescue_url: readUrl(table, 'rescue_url'),
    settings: readSettings(table, settings, place),
  };
}

/** A target that is meant to be production must not pass for another because of a slip. */
function readEnvironment(table: Table): ConfiguredTarget['environment'] {
  const entry = table.get('environment');
  if (entry === undefined) return null;
  const written = textOf(entry, 'environment');
  const environment = environments.find(each => each === written);
  if (environment !== undefined) return environment;
  const hint = didYouMean(written, environments) || `: it is one of ${environments.join(', ')}`;
  throw new TomlError(entry.line, `there is no environment "${written}"${hint}`);
}

function readUrl(table: Table, key: 'url' | 'rescue_url'): UrlSource | null {
  const [found, second] = (['literal', 'variable', 'command'] as const).flatMap(kind => {
    const name = {literal: key, variable: `${key}_env`, command: `${key}_command`}[kind];
    const entry = table.get(name);
    return entry === undefined ? [] : [{kind, name, entry}];
  });
  if (found === undefined) return null;
  if (second !== undefined)
    throw new TomlError(second.entry.line, `${found.name} and ${second.name}: leave out one of them`);
  return {kind: found.kind, text: textOf(found.entry, found.name)};
}

/** What is said here lies over what is said for every server; lists are added to. */
function readSettings(table: Table, base: TargetSettings, place: Place): TargetSettings {
  const guarded = tableAt(table, 'protected');
  refuseOthers(guarded, ['roles', 'applications']);
  const {roles, applications} = base.protected_sessions;
  return {
    limits: {...base.limits, ...readLimits(tableAt(table, 'thresholds'))},
    protected_sessions: {
      roles: [...roles, ...textsAt(guarded, 'roles')],
      applications: [...applications, ...textsAt(guarded, 'applications')],
    },
    recipe_folders: [
      ...base.recipe_folders,
      ...textsAt(table, 'recipes').map(folder => resolveFolder(folder, place)),
    ],
  };
}

/** Named as check's flags are; `["80%", "90%"]` is a warning and a critical one. */
function readLimits(table: Table): TargetSettings['limits'] {
  refuseOthers(table, [...metricByLimitName.keys()]);
  const limits: TargetSettings['limits'] = {};
  for (const [name, metric] of metricByLimitName) {
    const entry = table.get(name);
    if (entry === undefined) continue;
    const limit = parseLimit(metric, Array.isArray(entry.value) ? entry.value.join(',') : entry.value);
    if (limit === null)
      throw new TomlError(entry.line, `${name} wants ${limitExamples[metricOf(metric).kind]}`);
    limits[metric] = limit;
  }
  return limits;
}

/** Beside the file, or below the user's own folder. */
function resolveFolder(folder: string, {folder: beside, home}: Place): string {
  if (folder === '~' || folder.startsWith('~/')) return join(home, folder.slice(1));
  return isAbsolute(folder) ? folder : join(beside, folder);
}

function refuseOthers(table: Table, known: readonly string[]): void {
  for (const [key, {line}] of table) {
    if (known.includes(key)) continue;
    throw new TomlError(
      line,
      `there is no "${key}" here${didYouMean(key, known) || `, only ${known.join(', ')}`}`,
    );
  }
}

function tableAt(table: Table, key: string): Table {
  const entry = table.get(key);
  if (entry === undefined) return new Map();
  if (!isTable(entry.value)) throw new TomlError(entry.line, `${key} is no table: write [${key}]`);
  return entry.value;
}

function textsAt(table: Table, key: string): string[] {
  const entry = table.get(key);
  if (entry === undefined) return [];
  const {line, value} = entry;
  if (!Array.isArray(value)) throw new TomlError(line, `${key} is no list: write ${key} = ["...", "..."]`);
  return value.map(each => textOf({line, value: each}, key));
}

function textOf({line, value}: {line: number; value: unknown}, key: string): string {
  if (typeof value === 'string' && value.trim() !== '') return value;
  throw new TomlError(line, `${key} is no text: write it in quotes`);
}
