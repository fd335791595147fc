import {execFile} from 'node:child_process';
import {access, chmod, lstat, mkdtemp, readdir, rename, rm} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import {promisify} from 'node:util';

const run = promisify(execFile);

/**
 * A folder in which Debian's packages are unpacked without being installed, which takes no root; kept between runs
 * under `name`. `list` says which, when they are not there yet. Throws where there is no apt-get, or no way to its archive.
 */
export async function unpackDebianPackages(name: string, list: () => Promise<string[]>): Promise<string> {
  const cache = path.join(os.tmpdir(), `poolctl-${name}-${process.getuid?.()}`);
  if (!(await exists(cache))) await download(cache, await list());
  await requireOwnFolder(cache);
  return cache;
}

/** A folder in /tmp may be another user's, who could have put any program there. */
export async function requireOwnFolder(folder: string): Promise<void> {
  const stat = await lstat(folder);
  if (!stat.isDirectory() || stat.uid !== process.getuid?.()) throw new Error(`${folder} is another user's`);
}

/** Complete or not at all: another test file may be at it as well. */
async function download(cache: string, packages: readonly string[]): Promise<void> {
  const folder = await mkdtemp(`${cache}-`);
  try {
    await run('apt-get', ['download', ...packages], {cwd: folder, timeout: 60_000});
    for (const file of await readdir(folder)) {
      await run('dpkg-deb', ['-x', path.join(folder, file), path.join(folder, 'root')]);
    }
    await chmod(path.join(folder, 'root'), 0o755);
    await rename(path.join(folder, 'root'), cache).catch(async error => {
      if (!(await exists(cache))) throw error;
    });
  } finally {
    await rm(folder, {recursive: true, force: true});
  }
}

export function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
