import {existsSync} from 'node:fs';
import {readdir, readFile} from 'node:fs/promises';
import {createRequire} from 'node:module';
import {dirname, join, resolve} from 'node:path';

/**
 * Finds the entry file of a generated client, or null. `location` is that file, the folder it was generated into, or the
 * application's folder, whose schema names it.
 */
export async function findClient(location: string): Promise<string | null> {
  const path = resolve(location);
  return entryOf(path) ?? (await findInApplication(path));
}

/** The client in the schema's `output`, or in `@prisma/client` without one. */
async function findInApplication(folder: string): Promise<string | null> {
  for (const schema of await schemasOf(folder)) {
    const text = await readFile(schema, 'utf8');
    const output = /^\s*output\s*=\s*"([^"]+)"/m.exec(text)?.[1];
    const entry = output === undefined ? null : entryOf(resolve(dirname(schema), output));
    if (entry !== null) return entry;
  }
  return defaultClientOf(folder);
}

async function schemasOf(folder: string): Promise<string[]> {
  const folders = ['prisma', 'prisma/schema', 'src/prisma', '.'].map(each => join(folder, each));
  const lists = await Promise.all(
    folders.map(async each => {
      const names = await readdir(each).catch(() => []);
      return names.filter(name => name.endsWith('.prisma')).map(name => join(each, name));
    }),
  );
  return lists.flat();
}

/** `.prisma/client`, next to `@prisma/client`, exists only after `prisma generate`. */
function defaultClientOf(folder: string): string | null {
  try {
    const client = createRequire(join(folder, 'package.json')).resolve('@prisma/client');
    return entryOf(join(dirname(client), '../../.prisma/client'));
  } catch {
    return null;
  }
}

/** The generator `prisma-client` writes client.ts (or js, mts, ...), `prisma-client-js` index.js. */
const entries = [
  'client.ts',
  'client.mts',
  'client.cts',
  'index.js',
  'client.js',
  'client.mjs',
  'client.cjs',
];

function entryOf(path: string): string | null {
  if (/\.[cm]?[jt]s$/.test(path)) return existsSync(path) ? path : null;
  const found = entries.map(name => join(path, name)).find(each => existsSync(each));
  return found ?? null;
}
