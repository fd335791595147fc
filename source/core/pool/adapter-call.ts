import type {AdapterSettings, Application, WrittenSettings} from '../../model/application.ts';
import type {PoolSettings} from './presets.ts';

/** A `new PrismaPg({...})`, `new Pool({...})` or Prisma 8's `postgres({...})` in a source file. */
export type PoolCall = {
  /** From `new`, or the function's name, to its closing parenthesis. */
  text: string;
  start: number;
  settings: WrittenSettings;
  /** Prisma 8's own pool, whose size cannot be set, or one that is made elsewhere. */
  isFixed: boolean;
};

/**
 * node-postgres has one timeout for waiting for a free connection and for opening one, and waits
 * forever with 0, its default (pg-pool's `connectionTimeoutMillis`).
 */
export function adapterSettings(settings: PoolSettings): AdapterSettings {
  return {
    max: settings.connection_limit,
    connectionTimeoutMillis: settings.pool_timeout_s * 1000,
    idleTimeoutMillis: settings.idle_timeout_ms,
  };
}

/** Only Prisma's engine (up to 6) reads these; node-postgres ignores them in a URL. */
export const ignoredParameters: readonly string[] = [
  'connection_limit',
  'pool_timeout',
  'connect_timeout',
  'socket_timeout',
  'max',
  'connectionTimeoutMillis',
  'idleTimeoutMillis',
];

/** The lines to put into the adapter's object. */
export function adapterLines(settings: AdapterSettings): string[] {
  return Object.entries(settings).map(([name, value]) => `${name}: ${value},`);
}

/** The pool constructors in a source text: the adapter's, or the node-postgres pool passed to it or to Prisma 8. */
export function findPoolCalls(text: string): PoolCall[] {
  const code = codeOnly(text);
  const calls = callsOf(/\bnew\s+(PrismaPg|(?:[\w$]+\.)?Pool)\s*\(/g, text, code);
  return [...adapterCalls(calls), ...prisma8Calls(text, code, calls)];
}

/** `new Pool(...)` of node-postgres that no adapter of this text takes; [] where an adapter takes one that is made elsewhere. */
export function findOtherPools(text: string): PoolCall[] {
  if (!/['"]pg(?:-pool)?['"]/.test(text)) return [];
  const taken = new Set(findPoolCalls(text).map(({start}) => start));
  const calls = callsOf(/\bnew\s+((?:[\w$]+\.)?Pool)\s*\(/g, text, codeOnly(text));
  return calls.filter(({start}) => !taken.has(start));
}

/** The figures are the adapters': what else a process opens may lead to another server. */
export function otherPoolsText(others: NonNullable<Application['other_pools']>): string[] {
  if (others.length === 0) return [];
  const sites = others.map(
    ({path, line, settings: {max = 10}}) => `${path}:${line} (max ${max ?? 'unknown'})`,
  );
  return [
    `Not in these figures: new Pool at ${sites.join(', ')}. Where it leads to this server, its connections come on top.`,
  ];
}

/** `new PrismaPg(pool)`, the pool being made in another file. */
export function takesPoolFromElsewhere({text}: Pick<PoolCall, 'text'>): boolean {
  return text.startsWith('new PrismaPg') && (objectOf(text) === null || isHandedPool(text));
}

type NamedCall = PoolCall & {name: string};

function callsOf(pattern: RegExp, text: string, code: string): NamedCall[] {
  const closings = closingsOf(code);
  return [...code.matchAll(pattern)].flatMap(match => {
    const close = closings.get(match.index + match[0].length - 1);
    if (close === undefined) return [];
    const call = text.slice(match.index, close + 1);
    const settings = readSettings(call);
    return [{text: call, start: match.index, settings, isFixed: false, name: match[1] ?? ''}];
  });
}

function adapterCalls(calls: readonly NamedCall[]): PoolCall[] {
  const adapters = calls.filter(({name}) => name === 'PrismaPg');
  const own = adapters.filter(({text: call}) => objectOf(call) !== null && !isHandedPool(call));
  // `new PrismaPg(pool)`: the settings are the pool's.
  const pools = adapters.length > own.length ? calls.filter(({name}) => name !== 'PrismaPg') : [];
  const found = adapters.length > 0 && own.length === 0 && pools.length === 0 ? adapters : [...own, ...pools];
  return found.map(({name: _, ...call}) => call);
}

/**
 * Of `postgres<Contract>({contractJson, url})` (@prisma/orm-postgres 8.0.0-rc.13): its own pool, of node-postgres's size, whose
 * `poolOptions` are two timeouts; of `postgres({pg})` the pools in the file.
 */
function prisma8Calls(text: string, code: string, calls: readonly NamedCall[]): PoolCall[] {
  const [, factory] = /\bimport\s+([\w$]+)\s+from\s*['"]@prisma\/orm-postgres\/runtime['"]/.exec(text) ?? [];
  if (factory === undefined) return [];
  const name = factory.replaceAll('$', '\\$');
  const made = callsOf(
    new RegExp(`(?<![\\w$.])(${name})\\s*(?:<(?:[^()<>]|<[^()<>]*>)*>\\s*)?\\(`, 'g'),
    text,
    code,
  );
  const pools = calls.filter(call => call.name !== 'PrismaPg');
  const isHanded = ({text: call}: PoolCall) =>
    (objectOf(call)?.parts ?? []).some(part => ['pg', 'binding'].includes(keyOf(call, part) ?? ''));
  const own = made
    .filter(call => !isHanded(call))
    .map(call => ({...call, settings: readPoolOptions(call.text), isFixed: true}));
  const handed = made.filter(isHanded);
  const elsewhere = handed.map(call => ({...call, settings: {...unknownSettings}, isFixed: true}));
  const found = [...own, ...(handed.length === 0 ? [] : pools.length === 0 ? elsewhere : pools)];
  return found.map(({name: _, ...call}) => call);
}

function readPoolOptions(call: string): WrittenSettings {
  const start = /\bpoolOptions\s*:\s*\{/.exec(codeOnly(call));
  const defaults = {connectionTimeoutMillis: 20_000, idleTimeoutMillis: 30_000};
  return start === null
    ? defaults
    : {...defaults, ...readSettings(`new Pool(${call.slice(start.index).replace(/^\w+\s*:\s*/, '')}`)};
}

/**
 * The call with these settings in its object and no other change; null if that is not safe: it has no object
 * literal, or a setting is not a number literal.
 */
export function patchCall(call: string, settings: AdapterSettings): string | null {
  const object = objectOf(call);
  if (object === null || isHandedPool(call)) return null;
  const {open, close, code, parts} = object;
  // A later spread could override a setting before it.
  const lastSpread = parts.findLast(({start, end}) => /^\s*\.\.\./.test(code.slice(start, end)));
  const edits: {start: number; end: number; text: string}[] = [];
  const missing: [string, number][] = [];
  for (const [name, value] of Object.entries(settings)) {
    const own = parts.filter(part => keyOf(call, part) === name);
    const [part] = own;
    if (part === undefined) {
      missing.push([name, value]);
      continue;
    }
    const number = /^(\s*['"]?\w+['"]?\s*:\s*)([\d_]+)\s*$/.exec(code.slice(part.start, part.end));
    if (own.length > 1 || number === null || (lastSpread && lastSpread.start > part.start)) return null;
    const start = part.start + (number[1] ?? '').length;
    edits.push({start, end: start + (number[2] ?? '').length, text: String(value)});
  }
  if (missing.length > 0) edits.push(insertion(call, {open, close, code}, missing));
  return edits
    .toSorted((a, b) => b.start - a.start)
    .reduce((text, {start, end, text: put}) => text.slice(0, start) + put + text.slice(end), call);
}

type ObjectText = {open: number; close: number; code: string};

/** After the object's last code, so that a trailing comment stays with its line. */
function insertion(call: string, {open, close, code}: ObjectText, missing: [string, number][]) {
  const lastCode = code.slice(0, close).trimEnd().length;
  const isEmpty = lastCode === open + 1;
  const comma = isEmpty || code.charAt(lastCode - 1) === ',' ? '' : ',';
  const written = missing.map(([name, value]) => `${name}: ${value}`);
  const lines = call.slice(open, close).split('\n');
  if (lines.length < 2) {
    const inside = call.slice(lastCode, close);
    return {start: lastCode, end: close, text: `${comma}${isEmpty ? '' : ' '}${written.join(', ')}${inside}`};
  }
  const eol = call.includes('\r\n') ? '\r\n' : '\n';
  const indent = /^[ \t]*/.exec(lines[1] ?? '')?.[0] ?? '';
  // The rest up to the brace's line, usually a comment.
  const rest = call.slice(lastCode, close);
  const braceLine = rest.lastIndexOf('\n') + 1;
  const before = rest.slice(0, braceLine).replace(/\r?\n$/, '');
  const added = written.map(each => `${eol}${indent}${each},`).join('');
  return {start: lastCode, end: close, text: `${comma}${before}${added}${eol}${rest.slice(braceLine)}`};
}

/** An object that comes from elsewhere, in whole or by a spread, may set any of them. */
function readSettings(call: string): WrittenSettings {
  const object = objectOf(call);
  if (object === null) return /\(\s*\)$/.test(codeOnly(call)) ? {} : {...unknownSettings};
  const settings: WrittenSettings = {};
  for (const part of object.parts) {
    const code = object.code.slice(part.start, part.end);
    if (/^\s*\.\.\./.test(code)) Object.assign(settings, unknownSettings);
    const key = keyOf(call, part);
    if (key === null || !isSetting(key)) continue;
    const value = /:\s*([\d_]+)\s*$/.exec(code)?.[1];
    settings[key] = value === undefined ? null : Number(value.replaceAll('_', ''));
  }
  return settings;
}

const unknownSettings = {max: null, connectionTimeoutMillis: null, idleTimeoutMillis: null};

function isSetting(key: string): key is keyof AdapterSettings {
  return key in unknownSettings;
}

/** The object literal of the first argument. */
function objectOf(call: string): (ObjectText & {parts: {start: number; end: number}[]}) | null {
  const code = codeOnly(call);
  const open = /^(?:new\s+)?[\w$.]+\s*(?:<[^()]*>\s*)?\(\s*\{/.exec(code)?.[0].length;
  if (open === undefined) return null;
  const close = closingAt(code, open - 1);
  return close === -1 ? null : {open: open - 1, close, code, parts: partsBetween(code, open - 1, close)};
}

/** `new PrismaPg({pool})`. */
function isHandedPool(call: string): boolean {
  return /^new\s+PrismaPg\s*\(\s*\{\s*pool\s*[,}:]/.test(call);
}

function keyOf(call: string, {start, end}: {start: number; end: number}): string | null {
  return (
    /^\s*(?:\/\/[^\n]*\n\s*|\/\*[^*]*(?:\*(?!\/)[^*]*)*\*\/\s*)*['"]?([\w$]+)['"]?\s*(?::|$)/.exec(
      call.slice(start, end),
    )?.[1] ?? null
  );
}

/**
 * The text with comments and string contents replaced by spaces, so that positions stay the same. Not a parser: a
 * regular expression with a quote in it may hide the rest
 * of its line.
 */
export function codeOnly(text: string): string {
  return text.replace(
    /\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^'\\\n]|\\.)*'?|"(?:[^"\\\n]|\\.)*"?|`(?:[^`\\]|\\[\s\S])*`?/g,
    match => {
      const [quote = ''] = /^['"`]/.exec(match) ?? [];
      const closing = match.length > 1 && match.endsWith(quote) ? quote : '';
      const inside = match.slice(quote.length, match.length - closing.length);
      return quote + inside.replace(/[^\n]/g, ' ') + closing;
    },
  );
}

/** Each bracket's closing one, found in one pass: a text can be full of calls that never close. */
function closingsOf(code: string): Map<number, number> {
  const closings = new Map<number, number>();
  const open: number[] = [];
  for (const {0: bracket, index} of code.matchAll(/[()[\]{}]/g)) {
    if ('([{'.includes(bracket)) open.push(index);
    else {
      const start = open.pop();
      if (start !== undefined) closings.set(start, index);
    }
  }
  return closings;
}

/** Position of the bracket that closes the one at `open`; -1 if there is none. `code` comes from `codeOnly`. */
function closingAt(code: string, open: number): number {
  let depth = 0;
  for (let at = open; at < code.length; at++) {
    const each = code.charAt(at);
    if ('([{'.includes(each)) depth++;
    else if (')]}'.includes(each) && --depth === 0) return at;
  }
  return -1;
}

/** Start and end of the parts of an object or argument list, split at its own commas. */
function partsBetween(code: string, open: number, close: number): {start: number; end: number}[] {
  const parts: {start: number; end: number}[] = [];
  let start = open + 1;
  let depth = 0;
  for (let at = start; at <= close; at++) {
    const each = code.charAt(at);
    if (at === close || (depth === 0 && each === ',')) {
      if (code.slice(start, at).trim() !== '') parts.push({start, end: at});
      start = at + 1;
    } else if ('([{'.includes(each)) depth++;
    else if (')]}'.includes(each)) depth--;
  }
  return parts;
}
