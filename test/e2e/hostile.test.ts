import type {Socket} from 'node:net';
import type pg from 'pg';
import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest';
import {runProgram} from '../cli/run-program.ts';
import {openProgram} from '../helpers/console.ts';
import {startTestServer, type TestServer} from '../helpers/server.ts';
import type {Terminal} from '../helpers/terminal.ts';
import {orderFrozen} from '../helpers/terminal-waiting.ts';
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
  await terminal.waitFor(orderFrozen);
  terminal.press('enter');
  await terminal.waitFor(/\d{3} more lines below/);
  expect(terminal.text()).toContain('"·[2J·[2J');
  expect(terminal.text()).not.toContain('hush');
  terminal.press('G');
  await terminal.waitFor('cut here');
  terminal.press('g');
  await terminal.waitFor('last statement');
  terminal.press('q', '?');
  await terminal.waitFor('keys of ');
  expect(terminal.rawOutput().split('\u001b[2J')).toHaveLength(clears);
  terminal.press('q', 'q');
  expect(await terminal.leftovers()).toEqual([]);
});

/** Sends `\xe9` where the text has `é`, as an application does whose encoding is LATIN1. */
async function sendLatin1(client: pg.Client, text: string): Promise<void> {
  const {stream} = (client as pg.Client & {connection: {stream: Socket}}).connection;
  const {write} = stream;
  stream.write = bytes =>
    // As many bytes: the message begins with its length.
    write.call(
      stream,
      Buffer.from(
        Buffer.from(bytes as Buffer)
          .toString('latin1')
          .replaceAll('Ã©', ' é'),
        'latin1',
      ),
    );
  await client.query(text);
  stream.write = write;
}

describe('texts whose bytes cannot be decoded', () => {
  const addressOf = (database: string) => server.url({database});

  beforeAll(async () => {
    for (const encoding of ['SQL_ASCII', 'EUC_JP', 'UTF8']) {
      await server.query(
        `CREATE DATABASE in_${encoding} ENCODING ${encoding} TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'`,
      );
      const client = await server.connect({database: `in_${encoding.toLowerCase()}`});
      await client.query('CREATE EXTENSION pg_stat_statements');
      await client.end();
    }
    const client = await server.connect({database: 'in_sql_ascii', application_name: 'latin'});
    await client.query(`SET client_encoding = 'SQL_ASCII'`);
    for (const table of ['orders', '"tablé"']) {
      await sendLatin1(
        client,
        `CREATE TABLE ${table} AS SELECT n, n % 5000 AS user_id FROM generate_series(1, 50000) n`,
      );
      await sendLatin1(client, `ANALYZE ${table}`);
      for (let n = 0; n < 30; n++)
        await sendLatin1(client, `SELECT n AS "café" FROM ${table} WHERE user_id = 7`);
    }
    await sendLatin1(
      client,
      `BEGIN; SELECT n AS "café", '${'é'.repeat(2000)}' FROM orders WHERE user_id = 7`,
    );
  });

  it('are read in a database in SQL_ASCII', async () => {
    const address = addressOf('in_sql_ascii');
    const snapshot = JSON.parse((await runProgram(['snapshot', address])).stdout);
    expect(snapshot.unavailable).toEqual([]);
    const latin = snapshot.backends.find(
      ({application_name}: {application_name: string}) => application_name === 'latin',
    );
    expect(latin.query).toMatch(/^BEGIN; SELECT n AS "caf �"/);
    expect(JSON.stringify(snapshot.statements)).toContain('FROM \\"tabl �\\"');
    expect((await runProgram(['check', address])).code).toBe(0);
    const {code, stdout} = await runProgram(['run', 'apply-indexes', address, '--dry-run', '--json']);
    expect(code).toBe(0);
    const {steps, skipped} = JSON.parse(stdout);
    expect(steps).toEqual([expect.objectContaining({sql: expect.stringContaining('ON "public"."orders"')})]);
    expect(skipped).toContainEqual({
      subject: 'index',
      description: 'the table public.tabl �',
      reason: 'its name has bytes that are not UTF-8',
    });
    const terminal = await open([address], 200);
    terminal.press('3');
    await terminal.waitFor('AS "caf �"');
  });

  it.each(['in_euc_jp', 'in_utf8'])('leave all figures and sessions to a console on %s', async database => {
    const address = addressOf(database);
    const snapshot = JSON.parse((await runProgram(['snapshot', address])).stdout);
    expect(snapshot.unavailable).toEqual([
      {
        section: 'statement_texts',
        sqlstate: '22021',
        reason: expect.stringContaining(
          "a statement of another database cannot be shown in this one's encoding: ",
        ),
        remedy: 'connect to a database in SQL_ASCII to see the texts',
      },
    ]);
    expect(snapshot.statements.length).toBeGreaterThan(10);
    expect(JSON.stringify(snapshot.backends)).toContain('BEGIN; SELECT n AS \\"caf �\\"');
    expect((await runProgram(['check', address])).code).toBe(0);
    expect((await runProgram(['run', 'apply-indexes', address, '--dry-run'])).stdout).toContain(
      'the statements: a statement of another database',
    );
    const terminal = await open([address], 200);
    terminal.press('2');
    await terminal.waitFor('AS "caf �"');
  });
});
