import {dirname, join} from 'node:path';
import {readText} from './read-text.ts';

/**
 * Prisma's version by the file that knows best: what is installed, the lock file, package.json's range; looked for
 * in the folder and above it up to the repository's root, where a workspace keeps them. null where none tells.
 */
export async function readPrismaVersion(
  folder: string,
): Promise<{version: string; major: number; source: string} | null> {
  for (const source of sources) {
    for (const each of await foldersUp(folder)) {
      const text = await readText(join(each, source.file));
      const version = text === null ? null : source.read(text);
      const major = /\d+/.exec(version ?? '')?.[0];
      if (version && major !== undefined) return {version, major: Number(major), source: source.file};
    }
  }
  return null;
}

type Source = {file: string; read(text: string): string | null};

const sources: Source[] = [
  {file: 'node_modules/@prisma/client/package.json', read: text => stringAt(parse(text), ['version'])},
  {
    file: 'package-lock.json',
    read: text => stringAt(parse(text), ['packages', 'node_modules/@prisma/client', 'version']),
  },
  {file: 'pnpm-lock.yaml', read: text => /@prisma\/client@(\d[\w.+-]*)/.exec(text)?.[1] ?? null},
  {
    file: 'yarn.lock',
    read: text => /^"?@prisma\/client@[^\n]*:\n\s+version:?\s+"?(\d[\w.+-]*)/m.exec(text)?.[1] ?? null,
  },
  {file: 'bun.lock', read: text => /"@prisma\/client@(\d[\w.+-]*)"/.exec(text)?.[1] ?? null},
  {
    file: 'package.json',
    read(text) {
      const manifest = parse(text);
      const range = (of: string, name: string) => stringAt(manifest, [of, name]);
      return (
        range('dependencies', '@prisma/client') ??
        range('devDependencies', '@prisma/client') ??
        range('devDependencies', 'prisma') ??
        range('dependencies', 'prisma')
      );
    },
  },
];

/** The folder first; at most six, and none beyond the one that holds `.git`. */
async function foldersUp(folder: string): Promise<string[]> {
  const folders: string[] = [];
  for (let each = folder; folders.length < 6; each = dirname(each)) {
    folders.push(each);
    if (each === dirname(each) || (await readText(join(each, '.git', 'HEAD'))) !== null) break;
  }
  return folders;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function stringAt(value: unknown, path: readonly string[]): string | null {
  let at = value;
  for (const name of path) {
    if (typeof at !== 'object' || at === null) return null;
    at = (at as Record<string, unknown>)[name];
  }
  return typeof at === 'string' ? at : null;
}
