import {existsSync} from 'node:fs';
import {readdir, readFile} from 'node:fs/promises';
import path from 'node:path';
import {usageError} from '../../core/errors.ts';
import {didYouMean} from '../../core/text/nearest.ts';
import {compileSqlEndpoint} from '../../replay/endpoint/compile-sql.ts';
import type {Endpoint} from '../../replay/endpoint/endpoint.ts';
import {parseSqlEndpoint} from '../../replay/endpoint/parse-sql.ts';
import {demoEndpoints} from './demo-endpoints.ts';
import {type ClientSource, hasPrismaClient} from './prisma-client.ts';

/**
 * The endpoint that a file holds, or one of the demo's by its name. Throws AbortError (exit 2) where it cannot be
 * read or is none.
 */
export async function loadEndpoint(name: string, source: ClientSource): Promise<Endpoint> {
  const {cwd} = source;
  const file = fileOf(name, cwd);
  if (/\.[cm]?[jt]s$/.test(file) && existsSync(file)) {
    const {loadEndpointFile} = await import('../../replay/prisma/endpoint-file.ts');
    return loadEndpointFile(file, {hasClient: await hasPrismaClient(file, source)});
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
