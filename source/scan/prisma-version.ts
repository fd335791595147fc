import {dirname, join} from 'node:path';
import {readText} from './text-file.ts';

/**
 * Prisma's version from the most reliable file: the installed package, a lock file, then package.json's range. Each is
 * searched for from the folder up to the repository's root, where workspaces keep them. null if none has it.
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

/** The folder and those above it: at most six, up to the one with `.git`. */
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
