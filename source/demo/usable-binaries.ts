import {execFile} from 'node:child_process';
import {cp, mkdir, symlink} from 'node:fs/promises';
import path from 'node:path';
import {promisify} from 'node:util';
import {readVersion, type ServerBinaries} from './binaries.ts';
import {startError} from './launch.ts';
import type {ServerFolder, ServerUser} from './server-folder.ts';

/**
 * The binaries' folder, or that of a copy in the server's own folder: where the server's user may not read
 * them (under a 0700 home), or where library links are missing and the place is not writable.
 */
export async function usableBinaries(
  found: ServerBinaries,
  user: ServerUser | null,
  folder: ServerFolder,
): Promise<string> {
  const isComplete = Object.keys(found.missingLinks).length === 0;
  if (isComplete && (user === null || (await readVersion(found.bin, user)) !== null)) return found.bin;
  if (found.root === null) throw startError(`the server's account may not run ${found.bin}/postgres`);
  const copy = path.join(folder.path, 'native');
  await mkdir(copy, {mode: 0o755});
  // Archives for linking are a tenth of it and no server reads them.
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
