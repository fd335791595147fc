import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import path from 'node:path';
import process from 'node:process';

/** The version of Prisma 8 beside a file, or null. Its client is the application's own `db`, on a pool of node-postgres. */
export function prisma8Of(file: string): string | null {
  try {
    const entry = createRequire(file).resolve('@prisma/orm-postgres/runtime');
    const manifest = readFileSync(path.join(path.dirname(entry), '../package.json'), 'utf8');
    return String((JSON.parse(manifest) as {version: unknown}).version);
  } catch {
    return null;
  }
}

/** `engines` of the package prisma 8.0.0-rc.13. */
const floor = [22, 18] as const;

/** Why Prisma 8 may not run in this Node; null if it does. */
export function prisma8Problem(node = process.versions.node): string | null {
  const [major = 0, minor = 0] = node.split('.').map(Number);
  const isBelow = major < floor[0] || (major === floor[0] && minor < floor[1]);
  return isBelow ? `Prisma 8 needs Node ${floor.join('.')} or later; this is ${node}.` : null;
}
