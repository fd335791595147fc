import {cp} from 'node:fs/promises';
import path from 'node:path';
import {it} from 'vitest';
import {findServerBinaries, type ServerBinaries} from '../../source/demo/binaries.ts';
import {exists, makeOnce, unpackDebianPackages} from './cached-folder.ts';

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
    const withoutBitcode = {recursive: true, filter: (file: string) => !file.includes('bitcode')};
    await cp(path.dirname(bin), path.join(folder, lib), withoutBitcode);
    await cp(shareOf(bin), path.join(folder, share), {recursive: true});
    await cp(path.join(unpacked, lib), path.join(folder, lib), withoutBitcode);
    await cp(path.join(unpacked, share), path.join(folder, share), {recursive: true});
    return folder;
  });
  return path.join(complete, lib, 'bin');
}
