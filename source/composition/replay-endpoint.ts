import {existsSync} from 'node:fs';
import {readdir, readFile} from 'node:fs/promises';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {usageError} from '../core/errors.ts';
import {didYouMean} from '../core/nearest.ts';
import type {Endpoint} from '../replay/endpoint.ts';
import {compileSqlEndpoint} from '../replay/sql-endpoint-compile.ts';
import {parseSqlEndpoint} from '../replay/sql-endpoint-parse.ts';

/**
 * The endpoint that a file holds, or one of the demo's by its name. Throws AbortError (exit 2) where it cannot be
 * read or is none.
 */
export async function loadEndpoint(name: string, cwd: string): Promise<Endpoint> {
  const file = fileOf(name, cwd);
  if (/\.[cm]?[jt]s$/.test(file) && existsSync(file)) {
    const {loadEndpointFile} = await import('../replay/prisma/endpoint-file.ts');
    return loadEndpointFile(file);
  }
  const text = await readText(name, file);
  return compileSqlEndpoint(parseSqlEndpoint(text, name), name);
}

/** `reports-dashboard` is the demo's, unless a file here is called so. */
function fileOf(name: string, cwd: string): string {
  const file = path.resolve(cwd, name);
  const own = path.join(demoEndpoints(), `${name}.ts`);
  return /^[\w-]+$/.test(name) && !existsSync(file) && existsSync(own) ? own : file;
}

/** Whether it is one of those that come with this program. */
export function isDemoEndpoint(file: string): boolean {
  return path.dirname(file) === demoEndpoints();
}

/** In the source's recipes when run from source; one up from the bundle's chunks, or beside them, when built. */
function demoEndpoints(): string {
  const places = import.meta.url.endsWith('.ts')
    ? ['../../recipes/endpoints']
    : ['../endpoints', './endpoints'];
  const folders = places.map(place => fileURLToPath(new URL(place, import.meta.url)));
  return folders.find(folder => existsSync(folder)) ?? '';
}

async function readText(name: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const {code} = error as {code?: string};
    const entries = await readdir(demoEndpoints()).catch(() => []);
    const names = entries.filter(entry => entry.endsWith('.ts')).map(entry => entry.slice(0, -'.ts'.length));
    const reason = didYouMean(name, names) || ` (${code ?? 'unknown error'})`;
    throw usageError(
      `cannot read the endpoint file ${name}${reason}`,
      `It is a file of SQL, TypeScript or JavaScript, or with --demo one of ${names.join(', ')}.`,
      error,
    );
  }
}
