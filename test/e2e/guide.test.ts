import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type pg from 'pg';
import {afterAll, afterEach, beforeAll, beforeEach, expect, it} from 'vitest';
import {openJournal} from '../../source/journal/journal-file.ts';
import type {JournalEvent} from '../../source/model/journal-entry.ts';
import {openProgram} from '../helpers/console.ts';
import {serverAt} from '../helpers/identity.ts';
import {shareTestServer, type TestServer} from '../helpers/server.ts';
import type {Terminal} from '../helpers/terminal.ts';
import {confirm, openRecipe, stopRun} from '../helpers/wizard.ts';
import {requestTo} from '../postgres/requests.ts';

let server: TestServer;
let folder: string;
let journal: string;
const clients: pg.Client[] = [];
const terminals: Terminal[] = [];

beforeAll(async () => {
  server = await shareTestServer({major: 18});
});
afterAll(() => server?.stop());
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'poolctl-guide-'));
  journal = join(folder, 'journal.jsonl');
  await server.query('CREATE TABLE orders (id int PRIMARY KEY, customer_id int)');
  await server.query('INSERT INTO orders SELECT n, n % 100 FROM generate_series(1, 1000) AS n');
});
afterEach(async () => {
  await Promise.all(terminals.splice(0).map(terminal => terminal.close()));
  await Promise.all(clients.splice(0).map(client => client.end().catch(() => {})));
  await server.query('DROP TABLE orders');
  rmSync(folder, {recursive: true});
});

/** 24 rows and 80 columns: a guide fits the smallest terminal. */
async function open(size = {columns: 80, rows: 24}): Promise<Terminal> {
  const terminal = openProgram(['--journal', journal, '--interval', '500ms', server.url()], size);
  terminals.push(terminal);
  await terminal.waitFor('slots by application, role and client');
  return terminal;
}

/** A transaction that has written the table, and stays open. */
async function holdTable(application_name: string): Promise<pg.Client & {processID: number}> {
  const client = await server.connect({application_name});
  clients.push(client);
  await client.query('BEGIN; UPDATE orders SET id = id WHERE id = 1');
  return client as pg.Client & {processID: number};
}

/** As a build leaves it that gave up waiting: lock_timeout, 55P03. */
async function leaveInvalidIndex(): Promise<void> {
  const holder = await holdTable('in the way');
  await server.query("SET lock_timeout = '10ms'");
  const build = 'CREATE INDEX CONCURRENTLY orders_customer_id_idx ON orders (customer_id)';
  await expect(server.query(build)).rejects.toMatchObject({code: '55P03'});
  await server.query('RESET lock_timeout');
  await holder.end();
}

async function indexValidity(): Promise<boolean | null> {
  const rows = await server.query<{indisvalid: boolean}>(
    "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('orders_customer_id_idx')",
  );
  return rows[0]?.indisvalid ?? null;
}

/** From the guide of the finding to its run, which the holder holds up. */
async function runUntilHeldUp(terminal: Terminal): Promise<void> {
  await openRecipe(terminal, 'repair');
  terminal.press('enter');
  await terminal.waitFor('> index');
  terminal.press('enter');
  await terminal.waitFor('2 steps; skipped: 0');
  await confirm(terminal);
}

it('repairs an index by keys: finds it in the background, plans, shows the session it waits for, undoes', async () => {
  await leaveInvalidIndex();
  const terminal = await open();
  await terminal.waitFor(/▲.index .*orders_customer_id_idx/);
  const holder = await holdTable('holder');
  await runUntilHeldUp(terminal);
  await terminal.waitFor(`waits for ${holder.processID} `);
  terminal.press('w');
  await terminal.waitFor(new RegExp(`session ${holder.processID}\\n[\\s\\S]*application +holder`));
  terminal.press('escape');
  await terminal.waitFor(`waits for ${holder.processID} `);
  await holder.query('COMMIT');
  await terminal.waitFor('done: 2 verified');
  expect(await indexValidity()).toBe(true);

  terminal.press('enter', '6');
  await terminal.waitFor(/1 20\d\d-.* done: 2 verified/);
  terminal.press('g', 'u');
  await terminal.waitFor(/undo of run \w+, repair-invalid-indexes {2}preview > confirm > run/);
  await confirm(terminal);
  await terminal.waitFor('done: 2 verified');
  const entries = await openJournal(journal).read();
  const [first, second] = entries.filter(entry => entry.event === 'run');
  expect(second).toMatchObject({recipe: 'repair-invalid-indexes', undoes: first?.run});
  expect(await openJournal(journal).unfinished()).toEqual([]);
});

it('cancels a build by Esc and leaves nothing behind', async () => {
  await leaveInvalidIndex();
  const terminal = await open({columns: 120, rows: 40});
  // A build waits for snapshots older than its own, of whatever table; a drop does not.
  const holder = await server.connect({application_name: 'holder'});
  clients.push(holder);
  await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
  await runUntilHeldUp(terminal);
  await terminal.waitFor(/waiting for old snapshots[\s\S]*waits for \d+ /);
  expect(terminal.text()).toContain('Esc cancel this step');
  await stopRun(terminal);
  await terminal.waitFor('what it left behind was removed');
  expect(await indexValidity()).toBeNull();
  expect(await openJournal(journal).unfinished()).toEqual([]);
});

it('reports the cleanup after a cancel, and how to remove the rest if that fails', async () => {
  await leaveInvalidIndex();
  const terminal = await open({columns: 120, rows: 40});
  const holder = await server.connect({application_name: 'holder'});
  const queued = await server.connect({application_name: 'queued'});
  clients.push(holder, queued);
  await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
  await runUntilHeldUp(terminal);
  await terminal.waitFor(/waiting for old snapshots[\s\S]*waits for \d+ /);
  // It stands in line for the lock that the build has, and has it when the sweep comes.
  const locked = queued.query('BEGIN; LOCK TABLE orders IN SHARE UPDATE EXCLUSIVE MODE');
  await expect
    .poll(() => server.query("SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'relation'"))
    .toHaveLength(1);
  await stopRun(terminal);
  await locked;
  await terminal.waitFor(/build index .* cleaning up/);
  expect(terminal.text()).not.toContain('Esc');
  await terminal.waitFor(/could not be removed[\s\S]*remove it with repair-invalid-indexes/);
  expect(await indexValidity()).toBe(false);
});

it('looks up and reports unknown outcomes of an earlier run before it acts', async () => {
  await leaveInvalidIndex();
  const target = `127.0.0.1:${server.port}/postgres`;
  const file = openJournal(journal);
  const events: JournalEvent[] = [
    {
      ...{event: 'run', recipe: 'set-timeouts', plan: 'aa', params: {}, step_count: 1, before: {}},
      server: await serverAt(requestTo(server.url())),
    },
    {
      event: 'intent',
      step: 0,
      content: {
        kind: 'sql',
        title: 'limit role app',
        subject: 'role:app',
        apply: {text: 'SELECT 1', values: []},
        undo: 'irreversible',
        verify: {query: {text: 'SELECT 1 AS n', values: []}, expect: {column: 'n', op: '=', value: 1}},
        lock: 'none',
        transaction: true,
        timeout_ms: 1000,
      },
    },
  ];
  for (const event of events) await file.append({actor: 'ann@bastion', target, run: '5ca1ab1e', ...event});
  const terminal = await open({columns: 160, rows: 50});
  await terminal.waitFor('1 step of an earlier run ended without a recorded result');
  await openRecipe(terminal, 'repair');
  terminal.press('enter');
  await terminal.waitFor('> index');
  terminal.press('enter');
  await confirm(terminal);
  await terminal.waitFor('done: 2 verified');
  expect(terminal.text()).toContain('done, as a later check found');
  expect(await file.unfinished()).toEqual([]);
});
