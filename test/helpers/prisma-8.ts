import path from 'node:path';
import {describe, it} from 'vitest';
import {installPackages} from './cached-folder.ts';

const version = '8.0.0-rc.13';

/** The node_modules of a folder with Prisma 8's runtime (57 MB), installed once; or why there is none. */
const found: {modules: string} | {missing: string} = await installPackages(`prisma-${version}`, [
  `@prisma/orm-postgres@${version}`,
]).then(
  folder => ({modules: path.join(folder, 'node_modules')}),
  error => ({missing: String(error).split('\n', 1)[0] ?? ''}),
);

/** A describe block with Prisma 8, whose packages are in the folder `modules`; without it, a skipped test says why. */
export function describePrisma8(name: string, body: (modules: string) => void): void {
  if ('missing' in found) it.skip(`${name} (no Prisma ${version}: ${found.missing})`, () => {});
  else describe(name, () => body(found.modules));
}
