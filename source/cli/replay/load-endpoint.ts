import {existsSync} from 'node:fs';
import {readdir, readFile} from 'node:fs/promises';
import path from 'node:path';
import {usageError} from '../../core/errors.ts';
import {didYouMean} from '../../core/text/nearest.ts';
import type {Endpoint, Variant} from '../../replay/endpoint/endpoint.ts';
import {parseSqlEndpoint} from '../../replay/endpoint/parse-sql.ts';
import {compileSqlEndpoint} from '../../replay/endpoint/sql-endpoint.ts';
import type {ReplayOptions} from './options.ts';
import {type ClientSource, demoEndpointsFolder, hasPrismaClient} from './prisma-client.ts';

/** Loads an endpoint from a file, or a demo endpoint by its name. Throws AbortError (exit 2) if it cannot. */
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

/** A name such as `reports-dashboard` means the demo's endpoint, unless a file has that name. */
function fileOf(name: string, cwd: string): string {
  const file = path.resolve(cwd, name);
  const own = path.join(demoEndpointsFolder(), `${name}.ts`);
  return /^[\w-]+$/.test(name) && !existsSync(file) && existsSync(own) ? own : file;
}

async function readText(name: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const {code} = error as {code?: string};
    const entries = await readdir(demoEndpointsFolder()).catch(() => []);
    const names = entries.filter(entry => entry.endsWith('.ts')).map(entry => entry.slice(0, -'.ts'.length));
    const reason = didYouMean(name, names) || ` (${code ?? 'unknown error'})`;
    throw usageError(
      `cannot read the endpoint file ${name}${reason}`,
      `Name a SQL, TypeScript or JavaScript file, or with --demo one of ${names.join(', ')}.`,
      error,
    );
  }
}

/** The requested variants, in that order. Throws AbortError (exit 2) for an unknown one. */
export function selectVariants(endpoint: Endpoint, {variants}: Pick<ReplayOptions, 'variants'>): Variant[] {
  const names = endpoint.variants.map(({name}) => name);
  const unknown = variants?.find(name => !names.includes(name));
  if (unknown !== undefined) {
    throw usageError(`${endpoint.file} has no variant "${unknown}"`, `Variants: ${names.join(', ')}.`);
  }
  return (variants ?? names).flatMap(name => endpoint.variants.find(each => each.name === name) ?? []);
}
