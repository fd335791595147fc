import type {Dirent} from 'node:fs';
import {readdir, readFile, realpath, stat} from 'node:fs/promises';
import {basename, dirname, join, relative, resolve, sep} from 'node:path';
import {usageError} from '../core/errors.ts';
import {readEnvFile} from '../core/pool/env.ts';
import {readPoolerFile} from '../core/pool/pgbouncer-ini.ts';
import {decodeBytes} from '../core/text/bytes.ts';
import type {
  EnvFile,
  PoolerFile,
  PrismaContract,
  PrismaSchema,
  PrismaSchemaNeed,
} from '../model/application.ts';

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
 * Reads an application's Prisma schema and the names of its migrations; of a monorepo's root, those of its only
 * application. Throws AbortError (exit 2) if the folder has no schema, or several.
 */
export async function readPrismaSchema({folder}: PrismaSchemaNeed): Promise<PrismaSchema> {
  const root = resolve(folder);
  const own = await readSchemaOf(root);
  if (own !== null) return own;
  const inside: {path: string; schema: PrismaSchema}[] = [];
  for (const path of await packageFolders(root)) {
    const schema = await readSchemaOf(path);
    if (schema !== null) inside.push({path: relative(root, path), schema});
  }
  const [only, ...more] = inside;
  if (only !== undefined && more.length === 0) return only.schema;
  if (only !== undefined) {
    throw usageError(
      `app: several applications in ${folder} have a Prisma schema`,
      `Give the folder of one: ${inside.map(({path}) => join(folder, path)).join(', ')}`,
    );
  }
  throw usageError(
    `app: no schema.prisma found in ${folder}`,
    'Give the folder that contains prisma/schema.prisma.',
  );
}

export async function readSchemaOf(root: string): Promise<PrismaSchema | null> {
  const {schema, migrations, contract} = await readConfigured(root);
  if (contract !== null) return readContract(root, contract, migrations);
  for (const place of [...schema, ...schemaPlaces]) {
    const files = await readSchemaAt(join(root, place), {withModels: !schema.includes(place)});
    if (files.length > 0)
      return {files, migrations: await readMigrations(root, join(root, place), migrations)};
  }
  return null;
}

/** Folders of packages, `apps/web` and the like, at most three levels down: those with a package.json, a schema or a place for one. */
export async function packageFolders(root: string): Promise<string[]> {
  return packagesIn(root, await entriesOf(root), 3);
}

async function packagesIn(root: string, entries: readonly Dirent[], depth: number): Promise<string[]> {
  const names = entries
    .filter(entry => entry.isDirectory() && !foreignFolders.has(entry.name) && !entry.name.startsWith('.'))
    .map(({name}) => name)
    .toSorted();
  const folders = await Promise.all(
    names.map(async name => ({name, path: join(root, name), entries: await entriesOf(join(root, name))})),
  );
  const below =
    depth === 1
      ? []
      : await Promise.all(folders.map(({path, entries: inner}) => packagesIn(path, inner, depth - 1)));
  // A folder `prisma` belongs to the package around it.
  const own = folders.filter(each => each.name !== 'prisma' && each.entries.some(holdsPackage));
  return [...own.map(({path}) => path), ...below.flat()];
}

function entriesOf(folder: string): Promise<Dirent[]> {
  return readdir(folder, {withFileTypes: true}).catch(() => []);
}

/** Without one of these a folder is not worth the look at each place of a schema. */
function holdsPackage({name}: Dirent): boolean {
  return /^(?:package\.json|prisma|src|\.config|prisma\.config\..*|.*\.prisma)$/.test(name);
}

const foreignFolders = new Set(['node_modules', 'dist', 'build', 'generated', 'client', 'migrations']);

/** Where Prisma looks for its configuration. */
const configNames = ['prisma.config', '.config/prisma'].flatMap(name =>
  ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs'].map(ending => `${name}.${ending}`),
);

/** Prisma's configuration in a folder; `place` is the folder that its paths are relative to. */
export async function readConfig(root: string): Promise<{place: string; text: string} | null> {
  for (const name of configNames) {
    const text = await readText(join(root, name));
    if (text !== null) return {place: dirname(name), text};
  }
  return null;
}

/** Prisma 8's contract, in its own language or in TypeScript, and the contract.json that it was emitted to. */
async function readContract(
  root: string,
  contract: string,
  migrations: readonly string[],
): Promise<PrismaSchema | null> {
  const path = await realPathOf(join(root, contract));
  const text = await readText(path);
  if (text === null) return null;
  const json = await readText(path.replace(/\.[^.]+$/, '.json'));
  return {
    files: path.endsWith('.prisma') ? [{path, text}] : [],
    migrations: await readMigrations(root, path, migrations),
    contract: {path, indexes: json === null ? [] : contractIndexes(json)},
  };
}

type ContractTable = {indexes?: {name?: unknown; columns?: unknown; where?: unknown; type?: unknown}[]};
type ContractJson = {
  storage?: {namespaces?: Record<string, {entries?: {table?: Record<string, ContractTable>}}>};
};

/** `storage.namespaces.<schema>.entries.table.<table>.indexes` of @prisma/orm-postgres 8.0.0-rc.13. */
function contractIndexes(json: string): PrismaContract['indexes'] {
  const {storage} = (parseJson(json) ?? {}) as ContractJson;
  return Object.entries(storage?.namespaces ?? {}).flatMap(([schema, namespace]) =>
    Object.entries(namespace.entries?.table ?? {}).flatMap(([table, {indexes = []}]) =>
      indexes.flatMap(({name, columns, where, type}) =>
        typeof name === 'string' && Array.isArray(columns) && where === undefined && type === undefined
          ? [{schema, table, columns: columns.map(String), name}]
          : [],
      ),
    ),
  );
}

type PackageJson = {prisma?: {schema?: unknown}};

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** `schema` and `migrations.path` of a prisma.config, `prisma.schema` of package.json; Prisma 8's `contract`. */
async function readConfigured(
  root: string,
): Promise<{schema: string[]; migrations: string[]; contract: string | null}> {
  const manifest = parseJson((await readText(join(root, 'package.json'))) ?? '') as PackageJson | null;
  const inManifest = manifest?.prisma?.schema;
  const {place, text} = (await readConfig(root)) ?? {place: '.', text: ''};
  const configured = (key: RegExp) => {
    const path = pathOf(key, withoutComments(text));
    return path === null ? [] : [join(place, path)];
  };
  return {
    schema: [
      ...configured(/(?<![\w.'"])schema\s*:\s*/),
      ...(typeof inManifest === 'string' ? [inManifest] : []),
    ],
    contract: configured(/(?<![\w.'"])contract\s*:\s*/)[0] ?? null,
    migrations: configured(/(?<![\w.'"])migrations\s*:\s*\{[^{}]*?\bpath\s*:\s*/),
  };
}

/** The literal after `key`, or the literals of a call: `path.join(__dirname, 'prisma', 'schema')`. */
function pathOf(key: RegExp, config: string): string | null {
  const found = new RegExp(
    `${key.source}(?:(['"\`])(.*?)\\1|[\\w.]+\\(((?:[^()]|\\([^()]*\\))*)\\))`,
    's',
  ).exec(config);
  if (found === null) return null;
  const [, , literal, call] = found;
  if (literal !== undefined) return literal;
  const parts = [...(call ?? '').matchAll(/(['"`])(.*?)\1/gs)].map(([, , part]) => part ?? '');
  return parts.length === 0 ? null : join(...parts);
}

/** Line comments begin a line or follow a blank, so that `postgres://` is none. */
function withoutComments(text: string): string {
  const parts = text.split('*/');
  const code = parts.map((part, index) => {
    const start = part.indexOf('/*');
    if (index === parts.length - 1) return part;
    return start === -1 ? `${part}*/` : part.slice(0, start);
  });
  return code.join('').replace(/(^|\s)\/\/.*$/gm, '$1');
}

/**
 * A file or a folder of files. `withModels`: the file was found, not configured, and the others of its folder (`models/`)
 * count as parts of the schema.
 */
async function readSchemaAt(
  path: string,
  {withModels}: {withModels: boolean},
): Promise<PrismaSchema['files']> {
  const text = path.endsWith('.prisma') ? await readText(path) : null;
  if (text !== null && !(withModels && basename(path) === 'schema.prisma'))
    return [{path: await realPathOf(path), text}];
  const folder = text === null ? path : dirname(path);
  const entries = await readdir(folder, {recursive: true}).catch(() => []);
  const paths = entries
    .filter(name => name.endsWith('.prisma') && !name.split(sep).some(part => foreignFolders.has(part)))
    // Of a package's root only the file itself.
    .filter(name => text === null || basename(folder) === 'prisma' || name === basename(path))
    .map(name => join(folder, name));
  const files = await Promise.all(
    paths.toSorted().map(async each => ({path: await realPathOf(each), text: await readText(each)})),
  );
  return files.flatMap(({path: each, text: content}) =>
    content === null ? [] : {path: each, text: content},
  );
}

/** As configured, in the schema's folder or next to it, or in the folder's prisma/. */
async function readMigrations(
  root: string,
  schema: string,
  configured: readonly string[],
): Promise<PrismaSchema['migrations']> {
  const folders = [
    ...configured.map(each => join(root, each)),
    join(schema, 'migrations'),
    join(dirname(schema), 'migrations'),
    join(root, 'prisma/migrations'),
  ];
  for (const folder of new Set(folders)) {
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
