import {readdir, stat} from 'node:fs/promises';
import {dirname, join, resolve} from 'node:path';
import {usageError} from '../core/errors.ts';
import {findPoolCalls} from '../core/pool/adapter-call.ts';
import {readEnvFile} from '../core/pool/env.ts';
import {redactSecrets} from '../core/text/redact.ts';
import type {Application, PoolSite} from '../model/application.ts';
import {readText, realPathOf} from './application-files.ts';

/**
 * Reads from an application's folder what determines its pool: Prisma's version, the variable that holds the database
 * URL (unless `variable` names it), `.env`, and the calls that create adapters. Throws AbortError (exit 2) if the
 * folder does not exist.
 */
export async function readApplication(path: string, variable?: string): Promise<Application> {
  const folder = resolve(path);
  const isFolder = await stat(folder).then(
    found => found.isDirectory(),
    () => false,
  );
  if (!isFolder) throw usageError(`app: ${path} is not a folder`);
  const url_variable = variable ?? (await readUrlVariable(folder));
  const dotenv = join(folder, '.env');
  const text = await readText(dotenv);
  return {
    folder,
    prisma: await readPrismaVersion(folder),
    url_variable,
    env_file: text === null ? null : readEnvFile(await realPathOf(dotenv), url_variable, text),
    ...(await readPools(folder)),
  };
}

/** Where Prisma looks for its configuration and schema. */
const configurations = [
  'prisma.config.ts',
  'prisma.config.mts',
  'prisma.config.js',
  'prisma.config.mjs',
  '.config/prisma.ts',
  'prisma/schema.prisma',
  'schema.prisma',
  'src/prisma/schema.prisma',
];

/** From `url = env("DATABASE_URL")` in a schema, or `url: env('DATABASE_URL')` or `process.env.DATABASE_URL` in a config. */
async function readUrlVariable(folder: string): Promise<string> {
  for (const name of configurations) {
    const text = await readText(join(folder, name));
    const match = /^[^/\n]*\burl\s*[=:]\s*(?:env\(\s*["'](\w+)["']|process\.env\.(\w+))/m.exec(text ?? '');
    const variable = match?.[1] ?? match?.[2];
    if (variable !== undefined) return variable;
  }
  return 'DATABASE_URL';
}

async function readPools(folder: string): Promise<Pick<Application, 'pools' | 'is_partial'>> {
  const {paths, is_partial} = await findSources(folder);
  const pools: PoolSite[] = [];
  for (const path of paths) {
    const text = await readText(path);
    // A cheap test that excludes most files.
    if (text?.includes('PrismaPg')) pools.push(...sitesOf(await realPathOf(path), text));
  }
  return {pools, is_partial};
}

function sitesOf(path: string, text: string): PoolSite[] {
  return findPoolCalls(text).map(({text: call, start, settings}) => ({
    path,
    line: text.slice(0, start).split('\n').length,
    // A step replaces this text and stores it in the journal, so it must be unique and contain no secret.
    call: containsSecret(call) || text.split(call).length !== 2 ? null : call,
    settings,
  }));
}

/** Whether a URL or a password is written into the call. */
function containsSecret(call: string): boolean {
  const isPasswordLiteral = /password['"]?\s*:\s*['"`]/i.test(call);
  return isPasswordLiteral || /['"`]\w+:\/\//.test(call) || redactSecrets(call) !== call;
}

const maxFiles = 5000;
const maxDepth = 12;
const skippedFolders = new Set(
  'node_modules dist build out coverage generated vendor test tests __tests__ e2e'.split(' '),
);
const isSource = (name: string) =>
  /\.[cm]?[jt]sx?$/.test(name) && !/\.(?:d|test|spec)\.[cm]?[jt]sx?$/.test(name);

/** Paths of JavaScript and TypeScript sources, sorted; without installed, built, generated and hidden files and tests. */
async function findSources(folder: string): Promise<{paths: string[]; is_partial: boolean}> {
  const paths: string[] = [];
  const queue = [{path: folder, depth: 0}];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const entries = await readdir(next.path, {withFileTypes: true}).catch(() => []);
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(next.path, entry.name);
      // A symbolic link is neither a directory nor a file here, so a loop of links ends.
      if (entry.isDirectory() && !skippedFolders.has(entry.name) && !entry.name.startsWith('.')) {
        if (next.depth < maxDepth) queue.push({path, depth: next.depth + 1});
      } else if (entry.isFile() && isSource(entry.name)) {
        if (paths.length === maxFiles) return {paths, is_partial: true};
        paths.push(path);
      }
    }
  }
  return {paths, is_partial: false};
}

/**
 * Prisma's version from the most reliable file: the installed package, a lock file, then package.json's range. Each is
 * searched for from the folder up to the repository's root, where workspaces keep them. null if none has it.
 */
async function readPrismaVersion(
  folder: string,
): Promise<{version: string; major: number; source: string} | null> {
  for (const source of versionSources) {
    for (const each of await foldersUp(folder)) {
      const text = await readText(join(each, source.file));
      const version = text === null ? null : source.read(text);
      const major = /\d+/.exec(version ?? '')?.[0];
      if (version && major !== undefined) return {version, major: Number(major), source: source.file};
    }
  }
  return null;
}

type VersionSource = {file: string; read(text: string): string | null};

const versionSources: VersionSource[] = [
  {file: 'node_modules/@prisma/client/package.json', read: text => stringAt(parseJson(text), ['version'])},
  {
    file: 'package-lock.json',
    read: text => stringAt(parseJson(text), ['packages', 'node_modules/@prisma/client', 'version']),
  },
  {file: 'pnpm-lock.yaml', read: text => /@prisma\/client@(\d[\w.+-]*)/.exec(text)?.[1] ?? null},
  {
    file: 'yarn.lock',
    read: text => /^"?@prisma\/client@[^\n]*:\n\s+version:?\s+"?(\d[\w.+-]*)/m.exec(text)?.[1] ?? null,
  },
  {file: 'bun.lock', read: text => /"@prisma\/client@(\d[\w.+-]*)"/.exec(text)?.[1] ?? null},
  {
    file: 'package.json',
    read(text) {
      const manifest = parseJson(text);
      const range = (of: string, name: string) => stringAt(manifest, [of, name]);
      return (
        range('dependencies', '@prisma/client') ??
        range('devDependencies', '@prisma/client') ??
        range('devDependencies', 'prisma') ??
        range('dependencies', 'prisma')
      );
    },
  },
];

/** The folder and those above it: at most six, up to the one with `.git`. */
async function foldersUp(folder: string): Promise<string[]> {
  const folders: string[] = [];
  for (let each = folder; folders.length < 6; each = dirname(each)) {
    folders.push(each);
    if (each === dirname(each) || (await readText(join(each, '.git', 'HEAD'))) !== null) break;
  }
  return folders;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function stringAt(value: unknown, path: readonly string[]): string | null {
  let at = value;
  for (const name of path) {
    if (typeof at !== 'object' || at === null) return null;
    at = (at as Record<string, unknown>)[name];
  }
  return typeof at === 'string' ? at : null;
}
