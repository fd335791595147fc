import {chmod, cp, mkdtemp, rename, rm} from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import {describe, it} from 'vitest';
import {findServerBinaries, type ServerBinaries} from '../../source/demo/binaries.ts';
import {exists, unpackDebianPackages} from './debian-packages.ts';
import {startTestServer, type TestServer} from './server.ts';

/** Of Debian, whose HypoPG there is. */
const major = 15;

/** A real server on which `CREATE EXTENSION hypopg` works (the test's to do). */
export async function startHypopgServer(): Promise<TestServer> {
  if ('missing' in found) throw new Error(`no HypoPG: ${found.missing}`);
  return startTestServer({major, binaries: found.binaries});
}

/** A describe block where there is HypoPG; elsewhere it is reported as skipped, and why. */
export function describeHypopg(name: string, body: () => void): void {
  if ('missing' in found) it.skip(`${name} (no HypoPG: ${found.missing})`, () => {});
  else describe(name, body);
}

type Found = {binaries: ServerBinaries} | {missing: string};

const found = await findHypopg().catch((error: unknown): Found => {
  return {missing: `it is not installed, and cannot be downloaded: ${String(error).split('\n', 1)[0]}`};
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
 * A server looks for its extensions beside its own program, wherever that lies: a copy of it next to the package's
 * files finds both.
 */
async function withServer(unpacked: string, bin: string): Promise<string> {
  const complete = path.join(unpacked, 'complete');
  if (!(await exists(complete))) {
    const folder = await mkdtemp(path.join(unpacked, `making-${process.pid}-`));
    const lib = path.join('usr', 'lib', 'postgresql', String(major));
    const share = path.join('usr', 'share', 'postgresql', String(major));
    const withoutBitcode = {recursive: true, filter: (file: string) => !file.includes('bitcode')};
    await cp(path.dirname(bin), path.join(folder, lib), withoutBitcode);
    await cp(shareOf(bin), path.join(folder, share), {recursive: true});
    await cp(path.join(unpacked, lib), path.join(folder, lib), withoutBitcode);
    await cp(path.join(unpacked, share), path.join(folder, share), {recursive: true});
    // The server runs as another user than root.
    await chmod(folder, 0o755);
    await rename(folder, complete).catch(() => rm(folder, {recursive: true, force: true}));
  }
  return path.join(complete, 'usr', 'lib', 'postgresql', String(major), 'bin');
}
