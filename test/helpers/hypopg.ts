import {cp} from 'node:fs/promises';
import path from 'node:path';
import {describe, it} from 'vitest';
import {findServerBinaries, type ServerBinaries} from '../../source/demo/binaries.ts';
import {exists, makeOnce, unpackDebianPackages} from './cached-folder.ts';
import {startTestServer, type TestServer} from './server.ts';

/** Debian's PostgreSQL, which has a package of HypoPG. */
const major = 15;

/** A server on which the test can run `CREATE EXTENSION hypopg`. */
export async function startHypopgServer(): Promise<TestServer> {
  if ('missing' in found) throw new Error(`no HypoPG: ${found.missing}`);
  return startTestServer({major, binaries: found.binaries});
}

/** A describe block with HypoPG; without it, a skipped test says why. */
export function describeHypopg(name: string, body: () => void): void {
  if ('missing' in found) it.skip(`${name} (no HypoPG: ${found.missing})`, () => {});
  else describe(name, body);
}

type Found = {binaries: ServerBinaries} | {missing: string};

const found = await findHypopg().catch((error: unknown): Found => {
  return {missing: `it is neither installed nor can it be downloaded: ${String(error).split('\n', 1)[0]}`};
});

async function findHypopg(): Promise<Found> {
  const binaries = await findServerBinaries(major);
  if (await exists(path.join(shareOf(binaries.bin), 'extension', 'hypopg.control'))) return {binaries};
  const unpacked = await unpackDebianPackages('hypopg', async () => [`postgresql-${major}-hypopg`]);
  return {binaries: {...binaries, bin: await withServer(unpacked, binaries.bin), root: null}};
}

/** Debian's layout: /usr/lib/postgresql/15/bin, /usr/share/postgresql/15. */
function shareOf(bin: string): string {
  return path.resolve(bin, '..', '..', '..', '..', 'share', 'postgresql', String(major));
}

/**
 * A server finds its extensions relative to its own binary, so a copy of the binary next to the package's files finds both.
 */
async function withServer(unpacked: string, bin: string): Promise<string> {
  const complete = path.join(unpacked, 'complete');
  const lib = path.join('usr', 'lib', 'postgresql', String(major));
  const share = path.join('usr', 'share', 'postgresql', String(major));
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
