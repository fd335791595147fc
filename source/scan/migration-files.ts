import {readdir, readFile, stat} from 'node:fs/promises';
import {basename, dirname, join, resolve} from 'node:path';
import {usageError} from '../core/errors.ts';
import {readPrismaOperations} from '../core/sql/prisma-operations.ts';
import {formatBytes} from '../core/text/format.ts';

/** A file of SQL that a tool runs as a whole. */
export type MigrationFile = {
  /** The migration's folder, as _prisma_migrations names it; '' for the file that was given. */
  name: string;
  sql: string;
};

/** PostgreSQL's parser takes 3 s and 1 GB for twice as much. */
const most_bytes = 8_000_000;

/**
 * A .sql file, Prisma 8's ops.json, or a folder of Prisma migrations, in their order: those that are not `applied`; if that is
 * not known (null), the newest alone. Throws AbortError (exit 2) if there is none or one cannot be read.
 */
export async function readMigrations(
  path: string,
  {cwd, applied}: {cwd: string; applied: ReadonlySet<string> | null},
): Promise<MigrationFile[]> {
  const absolute = resolve(cwd, path);
  const found = await stat(absolute).catch((error: NodeJS.ErrnoException) => {
    throw unreadable(path, error);
  });
  if (!found.isDirectory()) return [{name: '', sql: await readSql(absolute, path)}];
  const own = await scriptOf(absolute);
  if (own !== null) return [{name: '', sql: await readSql(own, join(path, basename(own)))}];
  const entries = await readdir(absolute, {withFileTypes: true});
  const names = entries
    .filter(entry => entry.isDirectory())
    .map(({name}) => name)
    .toSorted();
  const scripts = await Promise.all(
    names.map(async name => ({name, script: await scriptOf(join(absolute, name))})),
  );
  const all = scripts.flatMap(({name, script}) => (script === null ? [] : {name, script}));
  if (all.length === 0)
    throw usageError(
      `${path} holds no migration`,
      'Give a .sql file, prisma/migrations, or a folder with migration.sql or ops.json.',
    );
  const isPending = async ({name, script}: (typeof all)[number]) => !applied?.has(await keyOf(name, script));
  const pending = await Promise.all(all.map(isPending));
  const chosen = applied === null ? all.slice(-1) : all.filter((_, at) => pending[at]);
  return Promise.all(
    chosen.map(async ({name, script}) => ({
      name,
      sql: await readSql(script, join(path, name, basename(script))),
    })),
  );
}

/** What the database has of an applied migration: its folder's name; of Prisma 8 the hash in its migration.json, if there is one. */
async function keyOf(name: string, script: string): Promise<string> {
  if (script.endsWith('.sql')) return name;
  const text = await readFile(join(dirname(script), 'migration.json'), 'utf8').catch(() => '');
  const [, hash] = /"migrationHash"\s*:\s*"([^"]+)"/.exec(text) ?? [];
  return `ledger:${hash ?? name}`;
}

async function scriptOf(folder: string): Promise<string | null> {
  const names: string[] = await readdir(folder).catch(() => []);
  const name = ['migration.sql', 'ops.json'].find(each => names.includes(each));
  return name === undefined ? null : join(folder, name);
}

async function readSql(absolute: string, shown: string): Promise<string> {
  const {size} = await stat(absolute);
  if (size > most_bytes)
    throw usageError(
      `${shown} is ${formatBytes(size)}; preflight reads up to ${formatBytes(most_bytes)}`,
      'Data belongs in a file of its own: give the part that changes the schema.',
    );
  const bytes = await readFile(absolute).catch((error: NodeJS.ErrnoException) => {
    throw unreadable(shown, error);
  });
  const text = decode(bytes, shown);
  if (!absolute.endsWith('.json')) return text;
  const sql = readPrismaOperations(text);
  if (sql === null) throw usageError(`${shown} is not a list of operations of a Prisma 8 migration`);
  return sql;
}

/** Without a byte order mark, which psql leaves out, too. */
function decode(bytes: Uint8Array, shown: string): string {
  try {
    return new TextDecoder('utf-8', {fatal: true}).decode(bytes);
  } catch (error) {
    throw usageError(`${shown} is not UTF-8`, 'Convert it first, for example with iconv.', error);
  }
}

function unreadable(path: string, error: NodeJS.ErrnoException): Error {
  return usageError(`cannot read ${path}: ${error.code ?? 'unknown error'}`, undefined, error);
}
