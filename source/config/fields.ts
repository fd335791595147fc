import {type ApplicationCheck, applicationLimits} from '../core/health/applications.ts';
import {
  type GivenLimits,
  limitExamples,
  metricByLimitName,
  metricForLimit,
  parseLimit,
} from '../core/health/health.ts';
import {metricOf} from '../core/health/metrics.ts';
import {didYouMean} from '../core/text/nearest.ts';
import {parseDurationMs, writeDuration} from '../core/text/time.ts';

/**
 * A value of a YAML or TOML file and its line: a table, a list of entries, or a scalar. YAML scalars are strings as
 * written (`0.10` stays `0.10`), null if empty; TOML scalars keep their types.
 */
export type Entry = {line: number; value: unknown};

/** Keys and values, each with the line of the key. */
export type Table = Map<string, Entry>;

/** Receives each mistake with its line. */
export type Report = (line: number, message: string) => void;

export function isTable(value: unknown): value is Table {
  return value instanceof Map;
}

function isList(value: unknown): value is Entry[] {
  return Array.isArray(value);
}

/** The members of a table. Each method reports a value of another type with its line, and reading continues. */
export type Fields = {
  line: number;
  /** The key's line; the table's if the key is missing. */
  lineOf(key: string): number;
  has(key: string): boolean;
  /** The unchecked value; undefined if it is missing. */
  value(key: string): unknown;
  /** null if it is missing or not a string. */
  text(key: string): string | null;
  /** Also reports a missing or empty value and returns ''. */
  requiredText(key: string): string;
  /** An invalid item becomes ''. */
  texts(key: string): string[];
  choice<Choice extends string>(key: string, choices: readonly Choice[]): Choice | null;
  boolean(key: string): boolean;
  /** From 1 to `most`; null if it is missing or no such number. */
  count(key: string, most: number): number | null;
  duration_ms(key: string, range: {min: number; max: number}): number | null;
  /** Limits of `check`, named as its flags are; `["80%", "90%"]` is a warning and a critical level. */
  limits(key: string): GivenLimits;
  /** Limits by application, each with the one to compare it with in `against`. */
  applications(key: string): ApplicationCheck[];
  /** The items of a list; empty if it is missing or not a list. */
  items(key: string): Entry[];
  /** The members of a nested table. */
  entries(key: string): [string, Entry][];
  /** A nested table with no other keys than `known`. */
  fields(key: string, known: readonly string[]): Fields;
};

/** Reads a table with no other keys than `known`. */
export function readFields({line, value}: Entry, known: readonly string[], report: Report): Fields {
  const table: Table = isTable(value) ? value : new Map();
  if (!isTable(value)) report(line, `expected keys and values: ${known.join(', ')}`);
  reportUnknownKeys(table, known, report);
  const lineOf = (key: string) => table.get(key)?.line ?? line;
  const text = (key: string) => {
    const entry = table.get(key);
    return entry === undefined ? null : stringOf(entry, key, report);
  };
  const nested = (key: string): Table => {
    const entry = table.get(key);
    if (isTable(entry?.value)) return entry.value;
    if (entry !== undefined) report(entry.line, `${key} must be a table of keys and values`);
    return new Map();
  };
  return {
    line,
    lineOf,
    has: key => table.has(key),
    value: key => table.get(key)?.value,
    text,
    requiredText(key) {
      const written = text(key);
      if (!table.has(key)) report(line, `${key} is missing`);
      else if (written?.trim() === '') report(lineOf(key), `${key} is empty`);
      return written ?? '';
    },
    texts(key) {
      const entry = table.get(key);
      if (entry === undefined) return [];
      if (isList(entry.value)) return entry.value.map(each => nonEmptyItem(each, key, report));
      report(entry.line, `${key} must be a list of strings: ["...", "..."]`);
      return [];
    },
    choice(key, choices) {
      const written = text(key);
      const chosen = choices.find(each => each === written) ?? null;
      if (written !== null && chosen === null) {
        const hint = didYouMean(written, choices) || `: use ${choices.join(', ')}`;
        report(lineOf(key), `invalid ${key} "${written}"${hint}`);
      }
      return chosen;
    },
    boolean(key) {
      // A boolean in TOML, a string in YAML.
      const value = table.get(key)?.value ?? false;
      const isBoolean = typeof value === 'boolean' || value === 'true' || value === 'false';
      if (!isBoolean) report(lineOf(key), `${key} must be true or false`);
      return value === true || value === 'true';
    },
    count(key, most) {
      const value = table.get(key)?.value;
      if (value === undefined) return null;
      if (Number.isInteger(value) && Number(value) >= 1 && Number(value) <= most) return Number(value);
      report(lineOf(key), `${key} must be a whole number from 1 to ${most}`);
      return null;
    },
    duration_ms(key, {min, max}) {
      const written = text(key);
      if (written === null) return null;
      const ms = parseDurationMs(written);
      if (ms !== null && ms >= min && ms <= max) return ms;
      const range = `from ${writeDuration(min)} to ${writeDuration(max)}`;
      report(lineOf(key), `${key} must be a duration ${range}, such as 30s, 10min or 2h`);
      return null;
    },
    limits: key => readLimits(nested(key), report),
    applications: key => [...nested(key)].map(([name, entry]) => readApplication(name, entry, report)),
    items(key) {
      const value = table.get(key)?.value;
      return isList(value) ? value : [];
    },
    entries: key => [...nested(key)],
    fields: (key, own) => readFields({line: lineOf(key), value: nested(key)}, own, report),
  };
}

function readApplication(name: string, entry: Entry, report: Report): ApplicationCheck {
  const limitNames = applicationLimits.map(each => metricOf(each).limit_name);
  const fields = readFields(entry, ['against', ...limitNames], report);
  const table: Table = isTable(entry.value) ? entry.value : new Map();
  const limits = new Map([...table].filter(([key]) => limitNames.includes(key)));
  return {name, against: fields.text('against'), limits: readLimits(limits, report)};
}

function reportUnknownKeys(table: Table, known: readonly string[], report: Report): void {
  for (const [key, {line}] of table) {
    if (!known.includes(key))
      report(line, `unknown key "${key}"${didYouMean(key, known) || `: use ${known.join(', ')}`}`);
  }
}

function stringOf({line, value}: Entry, key: string, report: Report): string | null {
  if (typeof value === 'string') return value;
  report(line, `${key} must be a string`);
  return null;
}

function nonEmptyItem(entry: Entry, key: string, report: Report): string {
  if (typeof entry.value === 'string' && entry.value.trim() !== '') return entry.value;
  report(entry.line, `${key} must be a list of non-empty strings`);
  return '';
}

function readLimits(table: Table, report: Report): GivenLimits {
  const limits: GivenLimits = {};
  const known = [...table].filter(([name]) => metricForLimit(name) !== null);
  reportUnknownKeys(table, [...metricByLimitName.keys(), ...known.map(([name]) => name)], report);
  for (const [name, {line, value}] of known) {
    const metric = metricForLimit(name);
    if (metric === null) continue;
    const written = isList(value) ? value.map(each => each.value).join(',') : value;
    const limit = parseLimit(metric, written);
    if (limit === null) report(line, `${name} must be ${limitExamples[metricOf(metric).kind]}`);
    else limits[metric] = limit;
  }
  return limits;
}
