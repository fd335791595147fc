import {fileURLToPath} from 'node:url';
import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest';
import {openProgram} from '../helpers/console.ts';
import {shareTestServer, type TestServer} from '../helpers/server.ts';
import type {Terminal} from '../helpers/terminal.ts';
import {orderFrozen} from '../helpers/terminal-waiting.ts';

/** One server with three sessions of an application, one of them idle in transaction and one that it blocks. */
let server: TestServer;
let url: string;
const terminals: Terminal[] = [];

beforeAll(async () => {
  server = await shareTestServer({major: 18});
  await server.query('CREATE EXTENSION pg_stat_statements');
  await server.query('CREATE TABLE orders (id int PRIMARY KEY, note text)');
  await server.query("INSERT INTO orders SELECT i, 'note ' || i FROM generate_series(1, 500) i");
  await server.query('CREATE SEQUENCE touched');
  await server.query(
    "CREATE ROLE oncall LOGIN PASSWORD 'oncall' IN ROLE pg_monitor, pg_signal_backend, pg_read_all_data",
  );
  url = server.url({user: 'oncall', password: 'oncall'});
  const blocker = await server.connect({application_name: 'shop-blocker'});
  await blocker.query('BEGIN; UPDATE orders SET note = $$held$$ WHERE id = 1');
  const waiter = await server.connect({application_name: 'shop-waiter'});
  waiter.query('UPDATE orders SET note = $$late$$ WHERE id = 1').catch(() => {});
  const idle = await server.connect({application_name: 'shop-idle'});
  await idle.query("SELECT note FROM orders WHERE id = 7 /*route='%2Forders'*/");
  for (let call = 0; call < 5; call++)
    await idle.query("SELECT count(*) FROM orders WHERE nextval('touched') > 0");
});
afterAll(() => server?.stop());
afterEach(async () => {
  await Promise.all(terminals.splice(0).map(terminal => terminal.close()));
});

function open(
  columns: number,
  rows: number,
  args: string[] = [url],
  env: Record<string, string> = {},
): Terminal {
  const terminal = openProgram(args, {columns, rows, env});
  terminals.push(terminal);
  return terminal;
}

const sizes = [
  [80, 24],
  [160, 50],
] as const;

describe.each(sizes)('at %i x %i', (columns, rows) => {
  it('shows every view by its key and by Tab, whole and within the screen', async () => {
    const terminal = open(columns, rows);
    await terminal.waitFor(/\d+ of 97 used/);
    await terminal.waitFor('slots by application, role and client');
    const views: [string, string | RegExp][] = [
      ['2', /PID +STATE +FOR/],
      ['3', /LOAD.* +MEAN/],
      ['4', /BLOCKS/],
      ['5', 'kill-idle-sessions'],
      ['6', 'nothing has been done yet'],
      ['7', 'what changed in'],
      ['1', 'slots by application, role and client'],
    ];
    for (const [key, content] of views) {
      terminal.press(key);
      await terminal.waitFor(content);
      const screen = terminal.screen();
      expect(screen[0]).toMatch(/^poolctl oncall@127\.0\.0\.1:\d+\/postgres {2}PG 18\./);
      expect(screen[1]).toMatch(/1 ?Over.*6 ?Jour.*7 ?Chan/);
      expect(screen[rows - 1]).toMatch(/\? help {2}q quit$/);
      expect(terminal.text()).not.toMatch(/undefined|NaN|\[object/);
    }
    for (const [, content] of views.slice(0, 6)) {
      terminal.press('tab');
      await terminal.waitFor(content);
    }
  });
});

it('puts values under their headers', async () => {
  const terminal = open(160, 50);
  await terminal.waitFor('slots by application, role and client');
  terminal.press('2');
  await terminal.waitFor(/PID[\s\S]*shop-blocker/);
  const [header = ''] = terminal.screen().filter(row => row.includes('APPLICATION'));
  const row = terminal.screen().find(each => each.includes('shop-blocker')) ?? '';
  expect(row.indexOf('shop-blocker')).toBe(header.indexOf('APPLICATION'));
  expect(row.indexOf('idle in tx')).toBe(header.indexOf('STATE'));
  expect(row.slice(0, header.indexOf('PID') + 3)).toMatch(/\d$/);
});

it('follows resizes in both directions, and asks for a larger terminal if needed', async () => {
  const terminal = open(160, 50);
  await terminal.waitFor('costliest statements');
  for (const [columns, rows] of [
    [80, 24],
    [300, 100],
    [60, 15],
  ] as const) {
    terminal.resize(columns, rows);
    await terminal.waitFor(
      ({screen}) => /^poolctl /.test(screen()[0] ?? '') && /q quit$/.test(screen()[rows - 1] ?? ''),
    );
    expect(terminal.screen()[1]).toMatch(/^1 ?Over.* 6/);
  }
  terminal.resize(30, 8);
  await terminal.waitFor('poolctl needs 40x8');
  terminal.resize(80, 24);
  await terminal.waitFor('slots by application, role and client');
});

it('--source adds Scan, which another process reads; Enter shows an issue with its place', async () => {
  const app = fileURLToPath(new URL('../fixtures/scan-app', import.meta.url));
  const terminal = open(120, 40, [url, '--source', app]);
  await terminal.waitFor('costliest statements');
  terminal.press('A');
  await terminal.waitFor('18 endpoints with queries in 21 files');
  await terminal.waitFor(/> critical .* 9 +13 .*GET \/api\/reports\/dashboard/);
  terminal.press('enter');
  await terminal.waitFor(
    /app\/api\/reports\/dashboard\/route\.ts:17 *\n +9 concurrent queries: 9 connections/,
  );
});

it('marks production with a red frame that names host, database and role', async () => {
  const terminal = open(80, 24, ['--production', url]);
  await terminal.waitFor('PRODUCTION 127.0.0.1 database postgres as oncall');
  const edge = [
    [0, 0],
    [79, 0],
    [0, 12],
    [79, 12],
    [0, 23],
    [79, 23],
  ] as const;
  const red = 196;
  // A frame arrives in pieces: its last rows may come after the text above them.
  await terminal.waitFor(({cell}) =>
    edge.every(([x, y]) => cell(x, y).fg === red && cell(x, y).char !== ' '),
  );
});

describe('sessions', () => {
  it('filters while typing, selects a row, and shows its detail with statement and locks', async () => {
    const terminal = open(120, 40);
    await terminal.waitFor('slots by application, role and client');
    terminal.press('2');
    await terminal.waitFor('shop-idle');
    terminal.type('/application:blocker');
    await terminal.waitFor(({text}) => !text().includes('shop-idle') && text().includes('shop-blocker'));
    terminal.press('enter');
    terminal.press('g');
    await terminal.waitFor(orderFrozen);
    terminal.press('enter');
    await terminal.waitFor('idle in transaction for');
    await terminal.waitFor(/holds RowExclusiveLock on public\.orders/);
    expect(terminal.text()).toMatch(/blocks +\d+/);
    expect(terminal.text()).toMatch(/UPDATE\n? *orders/);
    terminal.press('escape');
    await terminal.waitFor('PID');
  });

  it('reads a fast jjj as three keys, and says why a key is not available', async () => {
    const terminal = open(120, 40);
    await terminal.waitFor('slots by application, role and client');
    terminal.press('2');
    await terminal.waitFor('shop-idle');
    terminal.press('x');
    await terminal.waitFor('works in Statements (3)');
    terminal.press('j', 'j', 'j');
    await terminal.waitFor(({screen, cell}) => {
      const row = screen().findIndex((text, y) => text !== '' && y > 2 && cell(5, y).isInverse);
      return row === 6;
    });
  });

  it('shows which sessions it blocks and what it waits for in the lock tree', async () => {
    const terminal = open(120, 40);
    await terminal.waitFor('slots by application, role and client');
    terminal.press('4');
    await terminal.waitFor(/└ \d+ .*shop-waiter/);
    expect(terminal.text()).toMatch(/^[ >]+\d+ +1 +idle in tx/m);
  });
});

describe('statements', () => {
  it('explains a statement without executing it', async () => {
    const [{before}] = (await server.query<{before: string}>('SELECT last_value AS before FROM touched')) as [
      {before: string},
    ];
    const terminal = open(80, 24);
    await terminal.waitFor('slots by application, role and client');
    terminal.press('3');
    await terminal.waitFor(/SELECT/);
    terminal.type('/nextval', 'enter');
    await terminal.waitFor('/nextval');
    terminal.press('g', 'x');
    await terminal.waitFor(/ plan *\n[\s\S]*Seq Scan on orders/);
    await terminal.waitFor('the statement was not executed');
    expect(terminal.text()).toContain('Aggregate');
    const [{after}] = (await server.query<{after: string}>('SELECT last_value AS after FROM touched')) as [
      {after: string},
    ];
    expect(after).toBe(before);
  });

  it('copies the selected statement through the terminal (OSC 52)', async () => {
    const terminal = open(140, 50);
    await terminal.waitFor('slots by application, role and client');
    terminal.press('3');
    await terminal.waitFor(/SELECT/);
    terminal.type('/nextval', 'enter');
    await terminal.waitFor('/nextval');
    terminal.press('g', 'y');
    await terminal.waitFor('sent to the terminal');
    const [, encoded = ''] = /\u001b\]52;c;([A-Za-z0-9+/=]+)\u0007/.exec(terminal.rawOutput()) ?? [];
    expect(Buffer.from(encoded, 'base64').toString()).toContain('nextval($1)');
  });
});

it('pauses, changes the interval, runs : commands, and shows help', async () => {
  const terminal = open(100, 30);
  await terminal.waitFor('slots by application, role and client');
  terminal.press('+');
  await terminal.waitFor(/● 1s/);
  terminal.press('p');
  await terminal.waitFor('paused');
  terminal.press('p');
  await terminal.waitFor(/● 1s/);
  terminal.type(':interval 5s', 'enter');
  await terminal.waitFor(/● 5s/);
  terminal.type(':nonsense', 'enter');
  await terminal.waitFor(/^ :nonsense. +no command "nonsense"/m);
  terminal.press('escape');
  await terminal.waitFor('? help');
  terminal.press('?');
  await terminal.waitFor('keys of ');
  terminal.press('q');
  await terminal.waitFor('slots by application, role and client');
});

describe('terminals', () => {
  it('uses no colour with NO_COLOR, those of a named theme, and only ASCII on a VT100', async () => {
    const plain = open(80, 24, [url], {NO_COLOR: '1'});
    await plain.waitFor('slots by application, role and client');
    expect(plain.rawOutput()).not.toMatch(/\u001b\[[0-9;]*(?:3[0-7]|9[0-7]|4[0-7])m/);
    const light = open(80, 24, [url, '--theme', 'light'], {NO_COLOR: '1', POOLCTL_THEME: 'dark'});
    await light.waitFor('slots by application, role and client');
    expect(light.rawOutput()).toContain(';38;5;22m');
    const unknown = open(80, 24, [url], {POOLCTL_THEME: 'pink'});
    expect(await unknown.onExit).toMatchObject({exitCode: 2});
    expect(unknown.rawOutput()).toContain('Use auto, dark, light, solarized, none');
    const old = open(80, 24, [url], {TERM: 'vt100'});
    await old.waitFor('slots by application, role and client');
    expect(old.screen().join('\n')).toMatch(/^[\x20-\x7e\n]*$/);
  });

  it('draws with CI set', async () => {
    const terminal = open(80, 24, [url], {CI: '1'});
    await terminal.waitFor('slots by application, role and client');
    terminal.press('2');
    await terminal.waitFor(/PID +STATE/);
  });
});
