import {isAbsolute, join} from 'node:path';
import {
  type Configuration,
  type ConfiguredTarget,
  environments,
  noSettings,
  type TargetSettings,
  type UrlSource,
} from '../core/configuration.ts';
import {usageError} from '../core/errors.ts';
import {limitExamples, metricByLimitName, parseLimit} from '../core/health/health.ts';
import {metricOf} from '../core/health/metrics.ts';
import {didYouMean} from '../core/text/nearest.ts';
import {isTable, type Report, readToml, type Table} from './toml.ts';

const settingKeys = ['recipes', 'protected', 'thresholds'];
const urlKeys = ['url', 'url_env', 'url_command', 'rescue_url', 'rescue_url_env', 'rescue_url_command'];

type Place = {file: string; folder: string; home: string};

/**
 * What a configuration file's text says. Throws AbortError (exit 2) that names every mistake and its line, the first
 * one as its message; no value that could be an address is quoted.
 */
export function readConfiguration(text: string, place: Place): Configuration {
  const problems: {line: number; message: string}[] = [];
  const context = {place, report: (line: number, message: string) => void problems.push({line, message})};
  const root = readToml(text, context.report);
  refuseOthers(root, ['targets', ...settingKeys], context);
  const settings = readSettings(root, noSettings, context);
  const targets = [...tableAt(root, 'targets', context)].flatMap(([name, {line, value}]) => {
    const target = readTarget(name, {line, value}, {...context, settings});
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

type Context = {place: Place; report: Report};
type Entry = {line: number; value: unknown};

function readTarget(
  name: string,
  {line, value}: Entry,
  {settings, ...context}: Context & {settings: TargetSettings},
): ConfiguredTarget | null {
  const {report} = context;
  if (!isTable(value)) {
    report(line, `target "${name}" is no table: write [targets.${name}]`);
    return null;
  }
  refuseOthers(value, ['environment', ...urlKeys, ...settingKeys], context);
  const target = {
    environment: readEnvironment(value, context),
    url: readUrl(value, 'url', context),
    rescue_url: readUrl(value, 'rescue_url', context),
    settings: readSettings(value, settings, context),
  };
  const {url} = target;
  if (url === null) report(line, `target "${name}" has no url, url_env or url_command`);
  return url === null ? null : {...target, url};
}

/** A target that is meant to be production must not pass for another because of a slip. */
function readEnvironment(table: Table, {report}: Context): ConfiguredTarget['environment'] {
  const entry = table.get('environment');
  if (entry === undefined) return null;
  const written = textOf(entry, 'environment', report);
  const environment = environments.find(each => each === written);
  if (environment !== undefined) return environment;
  if (written !== '') {
    const hint = didYouMean(written, environments) || `: it is one of ${environments.join(', ')}`;
    report(entry.line, `there is no environment "${written}"${hint}`);
  }
  return null;
}

function readUrl(table: Table, key: 'url' | 'rescue_url', {report}: Context): UrlSource | null {
  const [found, second] = (['literal', 'variable', 'command'] as const).flatMap(kind => {
    const name = {literal: key, variable: `${key}_env`, command: `${key}_command`}[kind];
    const entry = table.get(name);
    return entry === undefined ? [] : [{kind, name, entry}];
  });
  if (found === undefined) return null;
  if (second !== undefined)
    report(second.entry.line, `${found.name} and ${second.name}: leave out one of them`);
  return {kind: found.kind, text: textOf(found.entry, found.name, report)};
}

/** What is said here lies over what is said for every server; lists are added to. */
function readSettings(table: Table, base: TargetSettings, context: Context): TargetSettings {
  const guarded = tableAt(table, 'protected', context);
  refuseOthers(guarded, ['roles', 'applications'], context);
  const {roles, applications} = base.protected_sessions;
  return {
    limits: {...base.limits, ...readLimits(tableAt(table, 'thresholds', context), context)},
    protected_sessions: {
      roles: [...roles, ...textsAt(guarded, 'roles', context)],
      applications: [...applications, ...textsAt(guarded, 'applications', context)],
    },
    recipe_folders: [
      ...base.recipe_folders,
      ...textsAt(table, 'recipes', context).map(folder => resolveFolder(folder, context.place)),
    ],
  };
}

/** Named as check's flags are; `["80%", "90%"]` is a warning and a critical one. */
function readLimits(table: Table, context: Context): TargetSettings['limits'] {
  refuseOthers(table, [...metricByLimitName.keys()], context);
  const limits: TargetSettings['limits'] = {};
  for (const [name, metric] of metricByLimitName) {
    const entry = table.get(name);
    if (entry === undefined) continue;
    const limit = parseLimit(metric, Array.isArray(entry.value) ? entry.value.join(',') : entry.value);
    if (limit === null) context.report(entry.line, `${name} wants ${limitExamples[metricOf(metric).kind]}`);
    else limits[metric] = limit;
  }
  return limits;
}

/** Beside the file, or below the user's own folder. */
function resolveFolder(folder: string, {folder: beside, home}: Place): string {
  if (folder === '~' || folder.startsWith('~/')) return join(home, folder.slice(1));
  return isAbsolute(folder) ? folder : join(beside, folder);
}

function refuseOthers(table: Table, known: readonly string[], {report}: Context): void {
  for (const [key, {line}] of table) {
    if (known.includes(key)) continue;
    report(line, `there is no "${key}" here${didYouMean(key, known) || `, only ${known.join(', ')}`}`);
  }
}

function tableAt(table: Table, key: string, {report}: Context): Table {
  const entry = table.get(key);
  if (entry === undefined) return new Map();
  if (isTable(entry.value)) return entry.value;
  report(entry.line, `${key} is no table: write [${key}]`);
  return new Map();
}

function textsAt(table: Table, key: string, {report}: Context): string[] {
  const entry = table.get(key);
  if (entry === undefined) return [];
  const {line, value} = entry;
  if (Array.isArray(value)) return value.map(each => textOf({line, value: each}, key, report));
  report(line, `${key} is no list: write ${key} = ["...", "..."]`);
  return [];
}

/** '' where it is none. */
function textOf({line, value}: Entry, key: string, report: Report): string {
  if (typeof value === 'string' && value.trim() !== '') return value;
  report(line, `${key} is no text: write it in quotes`);
  return '';
}
