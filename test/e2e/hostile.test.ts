import type pg from 'pg';
import {afterAll, afterEach, beforeAll, expect, it} from 'vitest';
import {openProgram} from '../helpers/console.ts';
import {startTestServer, type TestServer} from '../helpers/server.ts';
import type {Terminal} from '../helpers/terminal.ts';
import {confirm} from '../helpers/wizard.ts';

/** Title, clear, clipboard, a C1 control, a bidirectional override, a newline that forges a line. */
const hostile = 'x\u001b]0;own\u0007\u001b[2J\u001b]52;c;bw==\u0007\u009b5m\u202ey\nz';
const injected = /\u001b\]|\u0007|\u009b|\u202e/;
/** pg leaves `;` and `=` encoded in the database of an address. */
const hostileDatabase = hostile.replaceAll(/[;=]/g, '');

let server: TestServer;
const terminals: Terminal[] = [];
const clients: pg.Client[] = [];

beforeAll(async () => {
  server = await startTestServer({major: 18, settings: {track_activity_query_size: '1MB'}});
  await server.query(`CREATE ROLE "${hostile}" SUPERUSER LOGIN PASSWORD 'x'`);
  await server.query(`CREATE DATABASE "${hostileDatabase}"`);
  await server.query(`CREATE ROLE "a ${hostile}" LOGIN PASSWORD 'x'`);
});
afterAll(() => server?.stop());
afterEach(async () => {
  await Promise.all(terminals.splice(0).map(terminal => terminal.close()));
  await Promise.all(clients.splice(0).map(client => client.end().catch(() => {})));
});

async function open(args: string[], columns = 120, rows = 40): Promise<Terminal> {
  const terminal = openProgram(['--interval', '500ms', ...args], {columns, rows, checksRestore: true});
  terminals.push(terminal);
  await terminal.waitFor('slots by application, role and client');
  return terminal;
}

it('sanitises names everywhere: frame, header, groups, sessions, a whole wizard, the journal', async () => {
  const client = await server.connect({user: `a ${hostile}`, password: 'x', database: hostileDatabase});
  clients.push(client);
  await client.query(`BEGIN; SELECT '${hostile}'`);
  const terminal = await open([
    '--production',
    '--journal',
    'journal.jsonl',
    server.url({user: hostile, password: 'x', database: 'postgres'}),
  ]);
  await terminal.waitFor('PRODUCTION 127.0.0.1 database postgres as x·]0;own·');
  terminal.press('2');
  await terminal.waitFor('idle in tx');
  expect(terminal.text()).toContain('a x·]0;own·');
  terminal.press('g', 'enter');
  await terminal.waitFor(/as a x·\]0;own/);
  terminal.press('escape');
  await terminal.waitFor('PID');
  terminal.press('K');
  await terminal.waitFor('1 session to end');
  await confirm(terminal, `127.0.0.1:${server.port}/postgres`);
  await terminal.waitFor('done: 1 verified');
  terminal.press('enter', '6');
  await terminal.waitFor(/1 20\d\d-.* done: 1 verified/);
  expect(terminal.rawOutput()).not.toMatch(injected);
});

it('opens a statement of a megabyte and keeps answering keys', async () => {
  const client = await server.connect({application_name: 'big'});
  clients.push(client);
  await client.query('BEGIN');
  // In a name, which is shown, and not in a literal, which is not.
  await client.query(`SELECT 'hush' AS "${'\u001b[2J'.repeat(250_000)}"`);
  const terminal = await open([server.superuserUrl]);
  terminal.press('2');
  await terminal.waitFor('idle in tx');
  const clears = terminal.rawOutput().split('\u001b[2J').length;
  terminal.press('g');
  await terminal.waitFor('order frozen');
  terminal.press('enter');
  await terminal.waitFor(/\d{3} more lines below/);
  expect(terminal.text()).toContain('"·[2J·[2J');
  expect(terminal.text()).not.toContain('hush');
  terminal.press('G');
  await terminal.waitFor('cut here');
  terminal.press('g');
  await terminal.waitFor('last statement');
  terminal.press('q', '?');
  await terminal.waitFor('selects a row');
  expect(terminal.rawOutput().split('\u001b[2J')).toHaveLength(clears);
  terminal.press('q', 'q');
  expect(await terminal.leftovers()).toEqual([]);
});
