import {readFileSync} from 'node:fs';
import {dirname, join, resolve} from 'node:path';
import {literalOf} from './literal.ts';
import type {Parse} from './parser.ts';

/** The file that `specifier` in the file `from` means; null if it is not a source of the application. */
export type ResolveImport = (from: string, specifier: string) => string | null;

const endings = ['.ts', '.tsx', '.mts', '.cts', '.js', '.jsx', '.mjs', '.cjs'];

type Paths = {base: string; paths: [pattern: string, targets: string[]][]; baseUrl: string | null};
type Package = {folder: string; manifest: Record<string, unknown>};

/**
 * Resolves imports among an application's own sources: relative ones, `paths` and `baseUrl` of the nearest tsconfig.json
 * or jsconfig.json (with `extends`), packages of the same repository by name, and `imports` of package.json. Nothing
 * needs to be installed.
 */
export function createResolver(
  root: string,
  {code, manifests}: {code: readonly string[]; manifests: readonly string[]},
  parse: Parse,
): ResolveImport {
  const files = new Set(code);
  const packages = new Map<string, Package>();
  const byFolder = new Map<string, Package>();
  for (const path of manifests) {
    const manifest = readObject(path, parse);
    if (manifest === null) continue;
    const each = {folder: dirname(path), manifest};
    byFolder.set(each.folder, each);
    if (typeof manifest.name === 'string' && !packages.has(manifest.name)) packages.set(manifest.name, each);
  }
  const configs = new Map<string, Paths | null>();
  const results = new Map<string, string | null>();

  const atPath = (path: string): string | null => {
    if (files.has(path)) return path;
    const withoutEnding = path.replace(/\.[cm]?jsx?$/, '');
    for (const base of new Set([path, withoutEnding]))
      for (const ending of endings) if (files.has(base + ending)) return base + ending;
    for (const ending of endings) {
      const index = join(path, `index${ending}`);
      if (files.has(index)) return index;
    }
    return null;
  };

  const configOf = (folder: string): Paths | null => {
    const known = configs.get(folder);
    if (known !== undefined) return known;
    const own =
      readPaths(join(folder, 'tsconfig.json'), parse) ?? readPaths(join(folder, 'jsconfig.json'), parse);
    const parent = dirname(folder);
    const found = own ?? (folder === root || parent === folder ? null : configOf(parent));
    configs.set(folder, found);
    return found;
  };

  const throughPaths = (from: string, specifier: string): string | null => {
    const config = configOf(dirname(from));
    if (config === null) return null;
    for (const [pattern, targets] of config.paths) {
      const rest = matchStar(pattern, specifier);
      if (rest === null) continue;
      for (const target of targets) {
        const found = atPath(
          resolve(
            config.base,
            target.replace('*', () => rest),
          ),
        );
        if (found !== null) return found;
      }
    }
    return config.baseUrl === null ? null : atPath(resolve(config.baseUrl, specifier));
  };

  const inPackage = ({folder, manifest}: Package, subpath: string): string | null => {
    const exported = targetOf(manifest.exports, subpath);
    const named =
      subpath === '.' ? [manifest.source, manifest.main, manifest.types, 'index', 'src/index'] : [];
    const candidates = [exported, ...named, subpath, join('src', subpath)];
    for (const each of candidates) {
      if (typeof each !== 'string') continue;
      // A build that does not exist yet is made of its source.
      for (const path of [each, each.replace(/^(\.\/)?(dist|build|lib)\//, 'src/')]) {
        const found = atPath(resolve(folder, path));
        if (found !== null) return found;
      }
    }
    return null;
  };

  const throughPackages = (from: string, specifier: string): string | null => {
    if (specifier.startsWith('#')) {
      for (let folder = dirname(from); ; folder = dirname(folder)) {
        const own = byFolder.get(folder);
        const target = own && targetOf(own.manifest.imports, specifier);
        if (target) return atPath(resolve(folder, target));
        if (folder === root || dirname(folder) === folder) return null;
      }
    }
    const [, name = '', rest = ''] = /^((?:@[^/]+\/)?[^/]+)(\/.*)?$/.exec(specifier) ?? [];
    const found = packages.get(name);
    return found === undefined ? null : inPackage(found, `.${rest}`);
  };

  return (from, specifier) => {
    const key = `${dirname(from)}\0${specifier}`;
    const known = results.get(key);
    if (known !== undefined) return known;
    const found = /^\.{0,2}\/|^\.{1,2}$/.test(specifier)
      ? atPath(resolve(dirname(from), specifier))
      : (throughPaths(from, specifier) ?? throughPackages(from, specifier));
    results.set(key, found);
    return found;
  };
}

function readPaths(path: string, parse: Parse, depth = 0): Paths | null {
  const config = readObject(path, parse);
  if (config === null) return null;
  const folder = dirname(path);
  const inherited = [config.extends].flat().flatMap(each => {
    if (typeof each !== 'string' || !each.startsWith('.') || depth > 5) return [];
    const found =
      readPaths(resolve(folder, each), parse, depth + 1) ??
      readPaths(resolve(folder, `${each}.json`), parse, depth + 1);
    return found ?? [];
  });
  const options = asObject(config.compilerOptions);
  const baseUrl = typeof options.baseUrl === 'string' ? resolve(folder, options.baseUrl) : null;
  const last = inherited.at(-1);
  if (options.paths === undefined)
    return last ? {...last, baseUrl: baseUrl ?? last.baseUrl} : {base: folder, paths: [], baseUrl};
  const paths = Object.entries(asObject(options.paths)).map(([pattern, targets]): [string, string[]] => [
    pattern,
    [targets].flat().filter(each => typeof each === 'string'),
  ]);
  // TypeScript prefers the longest prefix.
  paths.sort(([a], [b]) => b.length - a.length);
  return {base: baseUrl ?? folder, paths, baseUrl: baseUrl ?? last?.baseUrl ?? null};
}

/** The target of `exports` or `imports` for a subpath, its first condition that is a source. */
function targetOf(map: unknown, subpath: string): string | null {
  if (typeof map === 'string') return subpath === '.' ? map : null;
  for (const [key, value] of Object.entries(asObject(map))) {
    if (!key.startsWith('.') && !key.startsWith('#')) return subpath === '.' ? firstText(map) : null;
    const rest = matchStar(key, subpath);
    if (rest !== null) return firstText(value)?.replace('*', () => rest) ?? null;
  }
  return null;
}

function firstText(value: unknown): string | null {
  if (typeof value === 'string') return value;
  const texts = Object.values(asObject(value)).flatMap(each => firstText(each) ?? []);
  return texts.find(each => !each.endsWith('.d.ts')) ?? texts[0] ?? null;
}

/** What `*` stands for; '' without one; null if the pattern does not match. */
function matchStar(pattern: string, text: string): string | null {
  const [head = '', tail] = pattern.split('*');
  if (tail === undefined) return pattern === text ? '' : null;
  if (!text.startsWith(head) || !text.endsWith(tail) || text.length < head.length + tail.length) return null;
  return text.slice(head.length, text.length - tail.length);
}

/** A JSON file with comments and trailing commas, as TypeScript allows; null if there is none. */
function readObject(path: string, parse: Parse): Record<string, unknown> | null {
  try {
    const {program} = parse('config.js', `(${readFileSync(path, 'utf8')}\n)`);
    const [statement] = program.body;
    return statement?.type === 'ExpressionStatement' ? asObject(literalOf(statement.expression)) : null;
  } catch {
    return null;
  }
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
