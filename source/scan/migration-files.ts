import {readdir, readFile, stat} from 'node:fs/promises';
import {basename, join, resolve} from 'node:path';
import {usageError} from '../core/errors.ts';
import {readPrismaOperations} from '../core/sql/prisma-operations.ts';
import {formatBytes} from '../core/text/format.ts';

/** A file of SQL that a tool runs at once. */
export type MigrationFile = {
  /** The migration's folder, as _prisma_migrations names it; '' for the file that was given. */
  name: string;
  sql: string;
};

/** PostgreSQL's parser takes 3 s and 1 GB for twice as much. */
const most_bytes = 8_000_000;

/**
 * A .sql file, Prisma 8's ops.json, or a folder of Prisma migrations, in their order: those that are not `applied`; without a
 * server, or of Prisma 8, the newest alone: `left_out` counts those before it. Throws AbortError (exit 2) if there is none or one cannot be read.
 */
export async function readMigrations(
  path: string,
  {cwd, applied}: {cwd: string; applied: ReadonlySet<string> | null},
): Promise<{files: MigrationFile[]; left_out: number}> {
  const absolute = resolve(cwd, path);
  const found = await stat(absolute).catch((error: NodeJS.ErrnoException) => {
    throw unreadable(path, error);
  });
  if (!found.isDirectory()) return {files: [{name: '', sql: await readSql(absolute, path)}], left_out: 0};
  const own = await scriptOf(absolute);
  if (own !== null)
    return {files: [{name: '', sql: await readSql(own, join(path, basename(own)))}], left_out: 0};
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
  // What Prisma 8 has applied, its ledger keeps by contract, not by folder.
  const isKnown = applied !== null && all.every(({script}) => script.endsWith('.sql'));
  const chosen = isKnown ? all.filter(({name}) => !applied.has(name)) : all.slice(-1);
  const files = await Promise.all(
    chosen.map(async ({name, script}) => ({
      name,
      sql: await readSql(script, join(path, name, basename(script))),
    })),
  );
  return {files, left_out: isKnown ? 0 : all.length - chosen.length};
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
