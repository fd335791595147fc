import {mkdtemp, readFile, rm, stat, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type pg from 'pg';
import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest';
import {openProgram} from '../helpers/console.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../helpers/server.ts';
import type {Terminal} from '../helpers/terminal.ts';
import {orderFrozen} from '../helpers/terminal-waiting.ts';

const terminals: Terminal[] = [];
afterEach(async () => {
  await Promise.all(terminals.splice(0).map(terminal => terminal.close()));
});

/** The console on its Overview, with a first reading. */
async function openConsole(url: string, columns = 140, rows = 40, env = {}): Promise<Terminal> {
  const terminal = openProgram(['--interval', '500ms', url], {columns, rows, env});
  terminals.push(terminal);
  await terminal.waitFor('slots by application, role and client');
  return terminal;
}

/** The rows of the table on show: those that begin with a pid. */
function tableRows(terminal: Terminal): string[] {
  return terminal.screen().filter(row => /^[◆> ][> ] *\d+ /.test(row));
}

function pidsOf(terminal: Terminal): number[] {
  return tableRows(terminal).map(row => Number(/\d+/.exec(row)?.[0]));
}

/** The row that is held is drawn inverse. */
function heldRow(terminal: Terminal): string | undefined {
  return terminal.screen().find((text, y) => text !== '' && terminal.cell(5, y).isInverse);
}

describe('sessions', () => {
  let server: TestServer;
  let url: string;
  const clients: pg.Client[] = [];

  beforeAll(async () => {
    server = await shareTestServer({major: 18});
    url = server.url();
    await server.query('CREATE DATABASE "注文データ"');
    await server.query(`CREATE ROLE "日本語の役" LOGIN PASSWORD 'x'`);
    await server.query(`CREATE ROLE "   " LOGIN PASSWORD 'x'`);
    for (const application_name of ['alpha', 'bravo', 'charlie', 'delta'])
      clients.push(await server.connect({application_name}));
    await clients[1]?.query('BEGIN');
    await clients[3]?.query('BEGIN; SELECT 1');
  });
  afterAll(() => server?.stop());

  async function openSessions(columns?: number, rows?: number): Promise<Terminal> {
    const terminal = await openConsole(url, columns, rows);
    terminal.press('2');
    await terminal.waitFor(/PID +STATE/);
    return terminal;
  }

  it('sorts by a named column, and reverses with R', async () => {
    const terminal = await openSessions();
    terminal.type(':sort pid', 'enter');
    await terminal.waitFor('PID▼');
    await terminal.waitFor(() => tableRows(terminal).length >= 4);
    const descending = pidsOf(terminal);
    expect(descending).toEqual([...descending].sort((a, b) => b - a));
    terminal.press('R');
    await terminal.waitFor('PID▲');
    expect(pidsOf(terminal)).toEqual([...descending].reverse());
    terminal.press('s');
    await terminal.waitFor('STATE▲');
  });

  it('are sorted and filtered as last time, which the console says; a broken file is no error', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'poolctl-remembered-'));
    const file = join(folder, 'poolctl', 'console.json');
    const open = () => openConsole(url, 140, 40, {XDG_STATE_HOME: folder});
    try {
      const first = await open();
      first.press('2');
      first.type(':sort pid', 'enter');
      await first.waitFor('PID▼');
      first.type('/state:transaction', 'enter');
      await first.waitFor(() => tableRows(first).length === 2);
      first.press('q');
      await first.onExit;
      expect((await stat(file)).mode & 0o777).toBe(0o600);

      const second = await open();
      await second.waitFor('filtered as last time: /state:transaction in sessions');
      second.press('2');
      await second.waitFor('PID▼');
      await second.waitFor(() => tableRows(second).length === 2);
      second.press('escape', 'escape');
      await second.waitFor(() => tableRows(second).length >= 4);
      second.press('q');
      await second.onExit;
      expect(await readFile(file, 'utf8')).not.toContain('filter');

      await writeFile(file, '{"schema_version":1,"views":{"sessions":{"filter":["x"]}}}');
      const third = await open();
      await third.waitFor('console.json cannot be read');
      third.press('2');
      await third.waitFor('XACT▼');
    } finally {
      await rm(folder, {recursive: true});
    }
  });

  it('filters by a column, by its whole value and by the inverse', async () => {
    const terminal = await openSessions();
    const applications = () => tableRows(terminal).map(row => /alpha|bravo|charlie|delta/.exec(row)?.[0]);
    const becomes = (expected: string[]) =>
      terminal.waitFor(() => applications().sort().join() === expected.join());
    terminal.type('/state:transaction', 'enter');
    await becomes(['bravo', 'delta']);
    terminal.type('/ !application:bravo', 'enter');
    await becomes(['delta']);
    // In one piece with it, Esc and `:` would be Alt-`:`.
    terminal.press('escape');
    await terminal.waitFor(() => applications().includes('alpha'));
    terminal.type(':filter state=idle application:a', 'enter');
    await becomes(['alpha', 'charlie']);
  });

  it('keeps the order while a row is selected, although sessions start, end and change', async () => {
    const terminal = await openSessions();
    terminal.type(':sort application', 'enter');
    terminal.press('R');
    terminal.type('/application:a', 'enter');
    await terminal.waitFor(() => tableRows(terminal).length === 4);
    terminal.press('g', 'j');
    await terminal.waitFor(orderFrozen);
    const before = pidsOf(terminal);
    const held = heldRow(terminal);
    expect(held).toMatch(/charlie/);
    const late = await server.connect({application_name: 'zulu-alpha'});
    await terminal.waitFor('zulu-alpha');
    expect(pidsOf(terminal).slice(0, 4)).toEqual(before);
    expect(heldRow(terminal)).toMatch(/charlie/);
    terminal.press('escape');
    await terminal.waitFor(() => /zulu-alpha/.test(tableRows(terminal)[0] ?? ''));
    await late.end();
  });

  it('aligns columns after wide characters and names made of spaces', async () => {
    const wide = await server.connect({
      user: '日本語の役',
      password: 'x',
      database: '注文データ',
      application_name: 'wide',
    });
    const blank = await server.connect({user: '   ', password: 'x', application_name: 'blank'});
    const terminal = await openSessions(160, 30);
    await terminal.waitFor(({text}) => text().includes('日本語の役') && text().includes('blank'));
    const y = terminal.screen().findIndex(row => row.includes('wide'));
    const header = terminal.screen().find(row => row.includes('APPLICATION')) ?? '';
    const at = (title: string) => header.indexOf(title);
    expect(terminal.cell(at('ROLE'), y)).toMatchObject({char: '日', width: 2});
    expect(terminal.cell(at('DATABASE'), y)).toMatchObject({char: '注', width: 2});
    expect(textFrom(terminal, at('CLIENT'), y)).toMatch(/^127\.0\.0\.1/);
    const other = terminal.screen().findIndex(row => row.includes('blank'));
    expect(textFrom(terminal, at('CLIENT'), other)).toMatch(/^127\.0\.0\.1/);
    await Promise.all([wide.end(), blank.end()]);
  });

  it('pages through a list longer than the screen and keeps the selected row', async () => {
    const many = await Promise.all(
      Array.from({length: 30}, (_, index) => server.connect({application_name: `many-${index}`})),
    );
    const terminal = await openSessions(80, 24);
    terminal.type('/many', 'enter');
    await terminal.waitFor(() => tableRows(terminal).length >= 15);
    terminal.type(':sort pid', 'enter');
    await terminal.waitFor('PID▼');
    const pids = await server.query<{pid: number}>(
      "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'many-%' ORDER BY pid DESC",
    );
    terminal.press('G');
    await terminal.waitFor(() => (heldRow(terminal) ?? '').includes(String(pids.at(-1)?.pid)));
    terminal.press('pageup');
    await terminal.waitFor(() => !(heldRow(terminal) ?? '').includes(String(pids.at(-1)?.pid)));
    expect(heldRow(terminal)).toBeDefined();
    terminal.press('g');
    await terminal.waitFor(() => (heldRow(terminal) ?? '').includes(String(pids[0]?.pid)));
    await Promise.all(many.map(client => client.end()));
  });
});

function textFrom(terminal: Terminal, x: number, y: number): string {
  return Array.from({length: 12}, (_, index) => terminal.cell(x + index, y).char).join('');
}

describeEachMajor('statements', major => {
  let server: TestServer;

  beforeAll(async () => {
    server = await shareTestServer({major});
    await server.query('CREATE EXTENSION pg_stat_statements');
    await server.query(
      'CREATE TABLE parcels AS SELECT i AS id, i % 7 AS depot FROM generate_series(1, 1000) i',
    );
    await server.query(
      'CREATE FUNCTION send(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM parcels; RETURN 1; END $$',
    );
    for (let call = 0; call < 3; call++)
      await server
        .query('SELECT depot, count(*) FROM parcels WHERE id > $1 AND depot < send(1) GROUP BY depot', [
          900 + call,
        ])
        .catch(() => {});
    await server.query('SELECT depot, max(id) FROM parcels WHERE id > $1 GROUP BY depot', [900]);
    await server.query('INSERT INTO parcels SELECT i, 1 FROM generate_series(1, 10) i');
  });
  afterAll(() => server?.stop());

  it('have all figures over the window that t changes, in the Overview too', async () => {
    const callsOf = async () => {
      const [row] = await server.query<{calls: number}>(
        `SELECT calls::int FROM pg_stat_statements WHERE query LIKE 'SELECT id FROM parcels%'`,
      );
      return row?.calls ?? 0;
    };
    // Before the console's first reading: it is in no window but that since the reset.
    await server.query('SELECT id FROM parcels WHERE id IN ($1, $2)', [1, 2]);
    const before = await callsOf();
    const terminal = await openConsole(server.url(), 180, 40);
    await terminal.waitFor(/costliest statements over \d/);
    terminal.press('3');
    terminal.type('/id FROM parcels', 'enter');
    await terminal.waitFor(/^ over 0?\.?\d+m?s/m);
    await terminal.waitFor('SELECT id FROM parcels');
    // Since the console was opened, which is not a minute ago.
    terminal.press('t');
    await terminal.waitFor(/^ over [1-5]?\d(\.\d)?s/m);
    for (let call = 0; call < 20; call++)
      await server.query('SELECT id FROM parcels WHERE id IN ($1, $2)', [1, 2]);
    const rowOf = /^[> ] +(?:\S+ +){6}(\d+) .*SELECT id FROM parcels/m;
    const calls = () => Number(rowOf.exec(terminal.text())?.[1]);
    await expect.poll(calls).toBe(20);
    terminal.press('t', 't', 't');
    await terminal.waitFor(/^ since the reset/m);
    await expect.poll(calls).toBe(await callsOf());
    expect(await callsOf()).toBe(before + 20);
    terminal.type(':window 5min', 'enter');
    await terminal.waitFor(/^ over [\d.]+s/m);
    await expect.poll(calls).toBe(20);
    terminal.press('1');
    await terminal.waitFor(/costliest statements over [\d.]+s/);
  });

  it.runIf(major < 18)('that differ in the length of an IN list are one row', async () => {
    const lists = [3, 4, 5].map(length => Array.from({length}, (_, index) => index));
    for (const list of lists)
      await server.query(`SELECT depot FROM parcels WHERE id IN (${list.join(', ')}) AND depot = 2`);
    const terminal = await openConsole(server.url(), 180, 40);
    terminal.press('3');
    terminal.type(':window reset', 'enter');
    terminal.type('/depot FROM parcels', 'enter');
    await terminal.waitFor(/3x SELECT depot FROM parcels WHERE id IN \(\$1, \.\.\.\) AND depot = \$\d/);
  });

  it('show numbers, trend and formatted text; x shows the plan and executes nothing', async () => {
    const terminal = await openConsole(server.url(), 150, 60);
    terminal.press('3');
    await terminal.waitFor(/LOAD.*MEAN/);
    terminal.type('/send', 'enter');
    await terminal.waitFor(/SELECT depot, count/);
    terminal.type('/ depot', 'enter', 'g', 'enter');
    await terminal.waitFor('execution ms/s');
    await terminal.waitFor(/^ +SELECT *$/m);
    expect(terminal.text()).toMatch(/since reset +\d+ calls?, .* in total, mean/);
    expect(terminal.text()).toMatch(/^ +GROUP BY *$/m);
    const countParcels = () => server.query<{count: number}>('SELECT count(*)::int AS count FROM parcels');
    const before = await countParcels();
    terminal.press('x');
    await terminal.waitFor('not planned: it reaches public.send(integer), a function outside pg_catalog');
    expect(await countParcels()).toEqual(before);

    terminal.press('escape');
    await terminal.waitFor(/LOAD.*MEAN/);
    terminal.press('/', ...Array(20).fill('backspace'), 'm', 'a', 'x', 'enter');
    await terminal.waitFor(/SELECT depot, max/);
    terminal.press('g', 'enter', 'x');
    await terminal.waitFor(/Scan on parcels/);
    const how = major >= 16 ? 'generic plan' : 'forced generic plan';
    expect(terminal.text()).toContain(`(${how}: the statement was not executed)`);
    expect(await countParcels()).toEqual(before);
  });
});
