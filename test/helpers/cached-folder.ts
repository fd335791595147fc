import {execFile} from 'node:child_process';
import {access, chmod, lstat, mkdir, mkdtemp, readdir, rename, rm, writeFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import {promisify} from 'node:util';

const run = promisify(execFile);

/** The path of a folder that tests keep between runs, outside of the repository: `npm ci` would remove it there. */
export function cachePath(name: string): string {
  return path.join(os.tmpdir(), `poolctl-${name}-${process.getuid?.()}`);
}

/**
 * Makes a folder unless it exists. `make` gets an empty folder and returns the one in it that becomes `target`: complete
 * or not at all, as another process may be making it too.
 */
export async function makeOnce(target: string, make: (folder: string) => Promise<string>): Promise<void> {
  if (!(await exists(target))) {
    const folder = await mkdtemp(`${target}-`);
    try {
      const made = await make(folder);
      // Where tests run as root, servers run as another user.
      await chmod(made, 0o755);
      await rename(made, target).catch(async error => {
        if (!(await exists(target))) throw error;
      });
    } finally {
      await rm(folder, {recursive: true, force: true});
    }
  }
  await requireOwnFolder(target);
}

/** A cached folder with these packages of npm in its node_modules; `finish` may make more of it. Without their install scripts. */
export async function installPackages(
  name: string,
  packages: readonly string[],
  finish: (folder: string) => Promise<void> = async () => {},
): Promise<string> {
  const cache = cachePath(name);
  await makeOnce(cache, async folder => {
    const made = path.join(folder, 'made');
    await mkdir(made);
    await writeFile(path.join(made, 'package.json'), '{"type": "module"}');
    const what = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    await run('npm', [...what, ...packages], {cwd: made, timeout: 240_000});
    await finish(made);
    return made;
  });
  return cache;
}

/** A folder in /tmp may be another user's, who could have put any program there. */
export async function requireOwnFolder(folder: string): Promise<void> {
  const stat = await lstat(folder);
  if (!stat.isDirectory() || stat.uid !== process.getuid?.()) throw new Error(`${folder} is another user's`);
}

export function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

/**
 * A cached folder with the files of Debian's packages, unpacked but not installed, which needs no root. `list` is called
 * to fetch them. Throws if there is no apt-get or its archive cannot be reached.
 */
export async function unpackDebianPackages(name: string, list: () => Promise<string[]>): Promise<string> {
  const cache = cachePath(name);
  await makeOnce(cache, async folder => {
    await run('apt-get', ['download', ...(await list())], {cwd: folder, timeout: 60_000});
    const root = path.join(folder, 'root');
    for (const file of await readdir(folder)) await run('dpkg-deb', ['-x', path.join(folder, file), root]);
    return root;
  });
  return cache;
}
