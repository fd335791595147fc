import {readdir, readFile, realpath, stat} from 'node:fs/promises';
import {dirname, join, resolve} from 'node:path';
import {usageError} from '../core/errors.ts';
import {readEnvFile} from '../core/pool/env.ts';
import {readPoolerFile} from '../core/pool/pgbouncer-ini.ts';
import {decodeBytes} from '../core/text/bytes.ts';
import type {EnvFile, PoolerFile, PrismaSchema, PrismaSchemaNeed} from '../model/application.ts';

/** Reads an application's .env file. Throws AbortError (exit 2) if it cannot be read. */
export async function readEnvFileAt({path, variable}: {path: string; variable: string}): Promise<EnvFile> {
  const absolute = await realPathOf(resolve(path));
  return readEnvFile(absolute, variable, await readNamed('env_file', absolute));
}

/** Reads a pgbouncer.ini. Throws AbortError (exit 2) if it cannot be read. */
export async function readPoolerFileAt({path}: {path: string}): Promise<PoolerFile> {
  const absolute = await realPathOf(resolve(path));
  return readPoolerFile(absolute, await readNamed('pgbouncer_ini', absolute));
}

/** Where Prisma looks for a schema: a file, or a folder of files (multi-file schemas). */
const schemaPlaces = [
  'prisma/schema.prisma',
  'schema.prisma',
  'src/prisma/schema.prisma',
  'prisma/schema',
  'prisma',
];

/**
 * Reads an application's Prisma schema and the names of its migrations. Throws AbortError (exit 2) if the folder has no
 * schema.
 */
export async function readPrismaSchema({folder}: PrismaSchemaNeed): Promise<PrismaSchema> {
  const root = resolve(folder);
  for (const place of [...(await configuredPlaces(root)), ...schemaPlaces]) {
    const files = await readSchemaAt(join(root, place));
    if (files.length > 0) return {files, migrations: await readMigrations(root, join(root, place))};
  }
  throw usageError(
    `app: no schema.prisma found in ${folder}`,
    'Give the folder that contains prisma/schema.prisma.',
  );
}

/** `prisma.schema` of package.json, or `schema:` of a prisma.config. */
async function configuredPlaces(root: string): Promise<string[]> {
  const manifest = /"prisma"\s*:\s*\{[^}]*"schema"\s*:\s*"([^"]+)"/.exec(
    (await readText(join(root, 'package.json'))) ?? '',
  );
  const config = /^\s*schema\s*:\s*['"]([^'"]+)['"]/m.exec(
    (await readText(join(root, 'prisma.config.ts'))) ?? '',
  );
  return [config?.[1], manifest?.[1]].filter(place => place !== undefined);
}

async function readSchemaAt(path: string): Promise<PrismaSchema['files']> {
  const text = path.endsWith('.prisma') ? await readText(path) : null;
  if (text !== null) return [{path: await realPathOf(path), text}];
  const entries = await readdir(path, {recursive: true}).catch(() => []);
  const paths = entries.filter(name => name.endsWith('.prisma')).map(name => join(path, name));
  const files = await Promise.all(
    paths.toSorted().map(async each => ({path: await realPathOf(each), text: await readText(each)})),
  );
  return files.flatMap(({path: each, text: content}) =>
    content === null ? [] : {path: each, text: content},
  );
}

/** Next to the schema, or in the folder's prisma/, where Prisma keeps them for multi-file schemas. */
async function readMigrations(root: string, schema: string): Promise<PrismaSchema['migrations']> {
  for (const folder of new Set([join(dirname(schema), 'migrations'), join(root, 'prisma/migrations')])) {
    const entries = await readdir(folder, {withFileTypes: true}).catch(() => null);
    if (entries === null) continue;
    const names = entries.filter(entry => entry.isDirectory()).map(({name}) => name);
    return {folder, names: names.toSorted()};
  }
  return null;
}

async function readNamed(parameter: string, path: string): Promise<string> {
  const text = await readText(path);
  if (text !== null) return text;
  throw usageError(`${parameter}: cannot read ${path}`);
}

/** A lock file may have 20 MB; larger files are not read. */
const maxBytes = 20_000_000;

/** The text of a file, with every byte kept (`decodeBytes`); null if it does not exist or cannot be read. */
export async function readText(path: string): Promise<string | null> {
  try {
    const found = await stat(path);
    // Reading a pipe would block.
    if (!found.isFile() || found.size > maxBytes) return null;
    return decodeBytes(await readFile(path));
  } catch {
    return null;
  }
}

/** The path with symbolic links resolved: a step names the file it changes. */
export async function realPathOf(path: string): Promise<string> {
  return realpath(path).catch(() => path);
}
