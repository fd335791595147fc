import {mkdir, writeFile} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {expect, it} from 'vitest';
import {loadSqlParser} from '../../source/postgres/reach/parse-sql.ts';
import {readMigrations} from '../../source/scan/migration-files.ts';
import {temporaryFolder} from '../cli/execution/acting.ts';
import {rejection} from '../postgres/requests.ts';

async function folderOf(files: Record<string, string | Uint8Array>): Promise<string> {
  const folder = await temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), {recursive: true});
    await writeFile(join(folder, name), content);
  }
  return folder;
}

const prisma = {
  'migrations/1_a/migration.sql': 'SELECT 1;',
  'migrations/2_b/migration.sql': '\ufeffSELECT 2;',
  'migrations/migration_lock.toml': 'provider = "postgresql"',
};
const operations = JSON.stringify([
  {id: 'a', precheck: [{sql: 'SELECT 0'}], execute: [{sql: 'ALTER TABLE t ADD a int'}, {sql: 'SELECT 1;'}]},
]);

it.each<[string, Record<string, string>, string, string[] | null, {name: string; sql: string}[]]>([
  ['a file', {'a.sql': 'SELECT 1'}, 'a.sql', null, [{name: '', sql: 'SELECT 1'}]],
  ['the newest of a folder', prisma, 'migrations', null, [{name: '2_b', sql: 'SELECT 2;'}]],
  ['one folder', prisma, 'migrations/1_a', null, [{name: '', sql: 'SELECT 1;'}]],
  ['what is not applied', prisma, 'migrations', ['2_b'], [{name: '1_a', sql: 'SELECT 1;'}]],
  ['nothing if all is applied', prisma, 'migrations', ['1_a', '2_b'], []],
  ['an empty file', {'a.sql': ''}, 'a.sql', null, [{name: '', sql: ''}]],
  [
    "what Prisma 8's ops.json executes",
    {'m/1/ops.json': operations},
    'm',
    [],
    [{name: '1', sql: 'ALTER TABLE t ADD a int;\nSELECT 1;'}],
  ],
])('reads %s', async (_, files, path, applied, expected) => {
  const cwd = await folderOf(files);
  const found = await readMigrations(path, {
    cwd,
    applied: applied === null ? null : new Set(applied),
  });
  expect(found).toEqual(expected);
});

it('leaves out what the ledger of Prisma 8 has, by hash or by name', async () => {
  const cwd = await folderOf({
    'm/1/ops.json': operations,
    'm/1/migration.json': '{"from": null, "migrationHash": "sha256:a"}',
    'm/2/ops.json': operations,
    'm/2/migration.json': '{"migrationHash": "sha256:changed"}',
    'm/3/ops.json': operations,
    'm/4/ops.json': operations,
  });
  const applied = new Set(['ledger:sha256:a', 'ledger:1', 'ledger:sha256:b', 'ledger:2', 'ledger:3']);
  const names = async (known: ReadonlySet<string> | null) =>
    (await readMigrations('m', {cwd, applied: known})).map(({name}) => name);
  expect(await names(applied)).toEqual(['2', '4']);
  expect(await names(new Set())).toEqual(['1', '2', '3', '4']);
  expect(await names(null)).toEqual(['4']);
});

it.each<[string, Record<string, string | Uint8Array>, string, string]>([
  ['what is not there', {}, 'a.sql', 'cannot read a.sql: ENOENT'],
  ['a folder without migrations', {'m/a.txt': ''}, 'm', 'm holds no migration'],
  ['another encoding', {'a.sql': Uint8Array.of(0x53, 0xff)}, 'a.sql', 'a.sql is not UTF-8'],
  ['a huge file', {'a.sql': ' '.repeat(8_000_001)}, 'a.sql', 'a.sql is 7.6M; preflight reads up to 7.6M'],
  [
    'other JSON',
    {'ops.json': '{"a": 1}'},
    'ops.json',
    'ops.json is not a list of operations of a Prisma 8 migration',
  ],
])('refuses %s', async (_, files, path, message) => {
  const cwd = await folderOf(files);
  expect(await rejection(readMigrations(path, {cwd, applied: null}))).toMatchObject({message, exitCode: 2});
});

it.each([
  ['SELECT 1;\n-- ü 😀\nALTER TABL x;', 'line 3: not valid SQL: syntax error at or near "TABL"'],
  ['SELECT 1;\n\\connect app\nSELECT 2;', 'line 2: \\connect is a command of psql, not SQL'],
])('names the line of %j', async (sql, message) => {
  const parser = await loadSqlParser();
  expect(() => parser.split(sql)).toThrow(message);
});

it('finds the line of each statement', async () => {
  const parser = await loadSqlParser();
  const found = parser.split("-- ü\n\n/* x */ SELECT 'ü';\n\nSELECT\n 2;SELECT 3\n-- end");
  expect(found.map(({line, sql}) => [line, sql])).toEqual([
    [3, "SELECT 'ü'"],
    [5, 'SELECT\n 2'],
    [6, 'SELECT 3\n-- end'],
  ]);
});
