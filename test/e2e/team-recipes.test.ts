import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, it, onTestFinished} from 'vitest';
import {openProgram} from '../helpers/console.ts';
import {shareTestServer, type TestServer} from '../helpers/server.ts';
import {confirm, openRecipe} from '../helpers/wizard.ts';

const examples = new URL('../../recipes/examples/', import.meta.url).pathname;

let server: TestServer;
beforeAll(async () => {
  server = await shareTestServer({major: 18});
  await server.query('CREATE TABLE orders (id serial PRIMARY KEY)');
  await server.query('ALTER TABLE orders ALTER COLUMN id TYPE bigint');
  await server.query("SELECT setval('orders_id_seq', 2100000000)");
});
afterAll(() => server?.stop());

it('finds what a team recipe finds, and fixes it by keys', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'poolctl-team-'));
  onTestFinished(() => rmSync(folder, {recursive: true}));
  const journal = join(folder, 'journal.jsonl');
  const terminal = openProgram(['--recipes', examples, '--journal', journal, server.url()], {
    columns: 120,
    rows: 44,
  });
  onTestFinished(() => terminal.close());
  await terminal.waitFor('public.orders_id_seq has used 97.8 %');
  await openRecipe(terminal, 'sequence-running-out');
  terminal.press('enter');
  await terminal.waitFor('> used_percent');
  terminal.press('enter');
  await terminal.waitFor('only the sequence is too narrow');
  terminal.press('pagedown');
  await terminal.waitFor('ALTER SEQUENCE "public"."orders_id_seq" AS bigint');
  await confirm(terminal);
  await terminal.waitFor('1 verified');
  const [row] = await server.query(
    "SELECT data_type::text FROM pg_sequences WHERE sequencename = 'orders_id_seq'",
  );
  expect(row).toEqual({data_type: 'bigint'});
});

it('starts despite a recipe file with a mistake, and names it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'poolctl-team-'));
  onTestFinished(() => rmSync(folder, {recursive: true}));
  writeFileSync(join(folder, 'broken.md'), '# No front matter\n');
  const terminal = openProgram(['--recipes', folder, server.url()], {columns: 160, rows: 40});
  onTestFinished(() => terminal.close());
  await terminal.waitFor('slots by application, role and client');
  await terminal.waitFor(/skipped .*broken\.md:1: the file must begin with title and why/);
});
