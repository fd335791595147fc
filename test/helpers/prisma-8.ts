import {execFile} from 'node:child_process';
import {mkdir, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {promisify} from 'node:util';
import {describe, it} from 'vitest';
import {cachePath, makeOnce} from './cached-folder.ts';

const version = '8.0.0-rc.13';

/** The node_modules of a folder with Prisma 8's runtime (57 MB), installed once; or why there is none. */
const found: {modules: string} | {missing: string} = await install().then(
  modules => ({modules}),
  error => ({missing: String(error).split('\n', 1)[0] ?? ''}),
);

async function install(): Promise<string> {
  const cache = cachePath(`prisma-${version}`);
  await makeOnce(cache, async folder => {
    const made = path.join(folder, 'made');
    await mkdir(made);
    await writeFile(path.join(made, 'package.json'), '{"type": "module"}');
    const what = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    await promisify(execFile)('npm', [...what, `@prisma/orm-postgres@${version}`], {
      cwd: made,
      timeout: 120_000,
    });
    return made;
  });
  return path.join(cache, 'node_modules');
}

/** A describe block with Prisma 8, whose packages are in the folder `modules`; without it, a skipped test says why. */
export function describePrisma8(name: string, body: (modules: string) => void): void {
  if ('missing' in found) it.skip(`${name} (no Prisma ${version}: ${found.missing})`, () => {});
  else describe(name, () => body(found.modules));
}
