import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {readFile, stat} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type pg from 'pg';
import {afterAll, afterEach, beforeAll, beforeEach, expect, it} from 'vitest';
import {openProgram} from '../helpers/console.ts';
import {shareTestServer, type TestServer} from '../helpers/server.ts';
import type {Terminal} from '../helpers/terminal.ts';
import {orderFrozen} from '../helpers/terminal-waiting.ts';
import {openKillIdleSessions} from '../helpers/wizard.ts';

let server: TestServer;
let url: string;
let folder: string;
let journal: string;
let leaked: pg.Client[];
const terminals: Terminal[] = [];

beforeAll(async () => {
  server = await shareTestServer({major: 18});
  await server.query('CREATE ROLE app LOGIN PASSWORD $$app$$');
  await server.query("CREATE ROLE oncall LOGIN PASSWORD 'oncall' IN ROLE pg_monitor, pg_signal_backend");
  url = server.url({user: 'oncall', password: 'oncall'});
});
afterAll(() => server?.stop());
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'poolctl-acting-'));
  journal = join(folder, 'journal.jsonl');
  leaked = await Promise.all(
    Array.from({length: 3}, () => server.connect({user: 'app', password: 'app', application_name: 'leaky'})),
  );
  for (const client of leaked) await client.query('BEGIN; SELECT 1');
});
afterEach(async () => {
  await Promise.all(terminals.splice(0).map(terminal => terminal.close()));
  await Promise.all(leaked.map(client => client.end().catch(() => {})));
  rmSync(folder, {recursive: true});
});

async function open(args: string[] = []): Promise<Terminal> {
  const terminal = openProgram([...args, '--journal', journal, '--interval', '500ms', url], {
    columns: 110,
    rows: 36,
  });
  terminals.push(terminal);
  await terminal.waitFor('slots by application, role and client');
  return terminal;
}

async function leakedSessions(): Promise<number> {
  const [row] = await server.query<{count: number}>(
    "SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = 'leaky'",
  );
  return row?.count ?? -1;
}

async function journalEvents(): Promise<string[]> {
  const lines = (await readFile(journal, 'utf8')).trimEnd().split('\n');
  return lines.map(line => (JSON.parse(line) as {event: string}).event);
}

it('walks the wizard by keys: findings, parameters, preview, typed word, verified step by step, recorded', async () => {
  const terminal = await open();
  await openKillIdleSessions(terminal);
  terminal.press('enter');
  await terminal.waitFor('3 sessions to end');
  expect(terminal.text()).toContain('This cannot be undone');
  terminal.press('pagedown');
  await terminal.waitFor(/pg_terminate_backend\(a\.pid/);
  terminal.press('enter');
  await terminal.waitFor('type yes to run it');
  expect(terminal.text()).toMatch(
    /3 sessions to end *\n {2}on 127\.0\.0\.1:\d+\/postgres, server …\d{6} *\n/,
  );
  terminal.type('no', 'enter');
  await terminal.waitFor('type yes and press Enter');
  expect(await leakedSessions()).toBe(3);
  terminal.press('backspace', 'backspace');
  terminal.type('yes', 'enter');
  await terminal.waitFor('done: 3 verified');
  expect(await leakedSessions()).toBe(0);
  expect(terminal.text()).toMatch(/slots +\d+ used, \d+ free before; \d+ used, \d+ free after/);
  expect(await journalEvents()).toEqual([
    'run',
    'intent',
    'outcome',
    'intent',
    'outcome',
    'intent',
    'outcome',
    'end',
  ]);
  expect((await stat(journal)).mode & 0o777).toBe(0o600);
  terminal.press('enter', '6');
  await terminal.waitFor(/kill-idle.*done: 3 verified/);
  terminal.press('g', 'enter');
  await terminal.waitFor(/ run \w+\n[\s\S]*3 of 3 started/);
  await terminal.waitFor(/1 {2}terminate \d+ .*\n +✔ verified, .*backend:\d+\n +SELECT a\.pid,/);
  await terminal.waitFor(/\d+ more lines below: PgDn/);
  terminal.press('G');
  await terminal.waitFor(/3 {2}terminate \d/);
});

it('goes back at every stage and executes nothing', async () => {
  const terminal = await open();
  await openKillIdleSessions(terminal);
  terminal.press('enter');
  await terminal.waitFor('3 sessions to end');
  terminal.press('enter');
  await terminal.waitFor('type yes to run it');
  terminal.press('escape');
  await terminal.waitFor('Enter next');
  terminal.press('escape');
  await terminal.waitFor('> older_than');
  terminal.press('escape');
  await terminal.waitFor('Esc close');
  terminal.press('escape');
  await terminal.waitFor('slots by application, role and client');
  expect(await leakedSessions()).toBe(3);
});

it('skips a session that changed between preview and confirmation', async () => {
  const terminal = await open();
  await openKillIdleSessions(terminal);
  terminal.press('enter');
  await terminal.waitFor('3 sessions to end');
  await leaked[0]?.query('COMMIT');
  terminal.press('enter');
  await terminal.waitFor('type yes to run it');
  terminal.type('yes', 'enter');
  await terminal.waitFor('2 verified, 1 skipped');
  expect(await leakedSessions()).toBe(1);
  expect((await leaked[0]?.query('SELECT 1 AS alive'))?.rows).toEqual([{alive: 1}]);
});

it('requires the name of a production target: yes is not enough', async () => {
  const terminal = await open(['--production']);
  await openKillIdleSessions(terminal);
  terminal.press('enter');
  await terminal.waitFor('3 sessions to end');
  terminal.press('enter');
  await terminal.waitFor(/type 127\.0\.0\.1:\d+\/postgres to run it/);
  terminal.type('yes', 'enter');
  await terminal.waitFor(/type 127\.0\.0\.1:\d+\/postgres and press Enter/);
  expect(await leakedSessions()).toBe(3);
  terminal.press('backspace', 'backspace', 'backspace');
  terminal.type(`127.0.0.1:${server.port}/postgres`, 'enter');
  await terminal.waitFor('done: 3 verified');
  expect(await leakedSessions()).toBe(0);
});

it('terminates tagged sessions with K the same way', async () => {
  const terminal = await open();
  terminal.press('2');
  await terminal.waitFor('PID');
  terminal.type('/application:leaky', 'enter');
  await terminal.waitFor(({text}) => (text().match(/leaky/g) ?? []).length >= 4);
  terminal.press('g');
  await terminal.waitFor(orderFrozen);
  terminal.press('space', 'space');
  await terminal.waitFor('2 tagged');
  terminal.press('K');
  await terminal.waitFor('2 sessions to end');
  terminal.press('enter');
  await terminal.waitFor('type yes to run it');
  terminal.type('yes', 'enter');
  await terminal.waitFor('done: 2 verified');
  expect(await leakedSessions()).toBe(1);
});

it('does nothing when the journal cannot be written', async () => {
  writeFileSync(join(folder, 'file'), '');
  journal = join(folder, 'file', 'journal.jsonl');
  const terminal = await open();
  await openKillIdleSessions(terminal);
  terminal.press('enter');
  await terminal.waitFor('3 sessions to end');
  terminal.press('enter');
  await terminal.waitFor('type yes to run it');
  terminal.type('yes', 'enter');
  await terminal.waitFor(/failed: 3 not started/);
  expect(terminal.text()).toContain('journal');
  expect(await leakedSessions()).toBe(3);
});
