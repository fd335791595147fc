import {cpSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {afterAll, afterEach, beforeAll, beforeEach, expect, it} from 'vitest';
import {openProgram} from '../helpers/console.ts';
import {shareTestServer, type TestServer} from '../helpers/server.ts';
import type {Terminal} from '../helpers/terminal.ts';
import {openRecipe} from '../helpers/wizard.ts';

let server: TestServer;
let folder: string;
const terminals: Terminal[] = [];

beforeAll(async () => {
  server = await shareTestServer({major: 18});
});
afterAll(() => server?.stop());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'poolctl-replay-'));
  writeFileSync(join(folder, 'slow.sql'), '-- @endpoint GET /slow\nSELECT pg_sleep(0.004);\n');
});
afterEach(async () => {
  await Promise.all(terminals.splice(0).map(terminal => terminal.close()));
  rmSync(folder, {recursive: true});
});

function open(args: string[], rows = 24): Terminal {
  const terminal = openProgram(args, {columns: 100, rows, cwd: folder});
  terminals.push(terminal);
  return terminal;
}

it('shows its progress on a terminal in one line, and clears it at the end', async () => {
  const terminal = open(['replay', 'slow.sql', server.url(), '--duration', '2s', '--connection-limit', '2']);
  await terminal.waitFor(/1\/1 main, connection_limit 2, 10 users: [\d.]+k? requests\/s/);
  await terminal.waitFor('GET /slow');
  await terminal.onExit;
  expect(terminal.text()).not.toContain('poolctl replay:');
});

it('ends at Ctrl-C and shows what was measured', async () => {
  const terminal = open(['replay', 'slow.sql', server.url(), '--duration', '60s']);
  await terminal.waitFor(/[\d.]+k? requests\/s/);
  terminal.press('ctrl-c');
  await terminal.waitFor('GET /slow');
  expect(await terminal.onExit).toMatchObject({exitCode: 130});
});

async function openReplay(rows: number): Promise<Terminal> {
  const terminal = open(['--interval', '500ms', server.url()], rows);
  await terminal.waitFor('slots by application, role and client');
  await openRecipe(terminal, 'replay-endpoint');
  terminal.press('enter');
  await terminal.waitFor('> endpoint');
  terminal.type('slow.sql');
  await terminal.waitFor(/endpoint\* +slow\.sql/);
  return terminal;
}

it('measures an endpoint in the console, and passes the recommended limit on', async () => {
  const terminal = await openReplay(40);
  terminal.press('tab', 'tab');
  await terminal.waitFor('> connection_limit');
  terminal.press(...Array(5).fill('backspace'));
  terminal.type('1..3');
  await terminal.waitFor(/connection_limit +1\.\.3/);
  terminal.press('enter');
  await terminal.waitFor('Enter measure');
  expect(terminal.text()).toContain('poolctl replay slow.sql --sweep connection_limit=1..3');
  terminal.press('enter');
  await terminal.waitFor(/1\/3 main, connection_limit 1, 10 users: .* requests/);
  await terminal.waitFor('recommended', {timeout_ms: 60_000});
  await terminal.waitFor('Enter open tune-connection-limit with this value');
  expect(terminal.text()).toMatch(/connection_limit 3: .* requests\/s/);
  terminal.press('enter');
  await terminal.waitFor('tune-connection-limit  findings');
  terminal.press('enter');
  await terminal.waitFor(/connection_limit +3/);
});

it('ends a replay by Esc with what was measured, and leaves no session behind', async () => {
  const terminal = await openReplay(24);
  terminal.press('enter');
  await terminal.waitFor('Enter measure');
  terminal.press('enter');
  await terminal.waitFor(/1\/10 main, connection_limit 1, 10 users: .* requests/);
  terminal.press('escape');
  await terminal.waitFor('stopped before everything was measured');
  const left = () =>
    server.query("SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'poolctl-replay%'");
  await expect.poll(left).toEqual([]);
  terminal.press('escape');
  await terminal.waitFor('Enter measure');
});

it('replays an endpoint of the source from Scan in one key, up to what was measured', async () => {
  const source = join(folder, 'app');
  cpSync(fileURLToPath(new URL('../fixtures/scan-app', import.meta.url)), source, {recursive: true});
  // Another form of the route that the source has.
  writeFileSync(
    join(source, 'history.sql'),
    `-- @endpoint GET /api/students/:id/assessment-history/\nSELECT pg_sleep(0.004);\n`,
  );
  const terminal = open(['--interval', '500ms', '--source', source, server.url()], 40);
  await terminal.waitFor('slots by application, role and client');
  terminal.press('A');
  await terminal.waitFor(/endpoints with queries in \d+ files/);
  terminal.type('/assessment-history', 'enter');
  await terminal.waitFor(/> .*assessment-h/);
  terminal.press('r');
  await terminal.waitFor('replay-endpoint  about');
  terminal.press('enter');
  await terminal.waitFor(/endpoint\*? +\S*history\.sql/);
  terminal.press('tab', 'tab');
  await terminal.waitFor('> connection_limit');
  terminal.press(...Array(5).fill('backspace'));
  terminal.type('1..2');
  await terminal.waitFor(/connection_limit +1\.\.2/);
  terminal.press('enter');
  await terminal.waitFor('Enter measure');
  terminal.press('enter');
  await terminal.waitFor('no limit is recommended', {timeout_ms: 60_000});
  expect(terminal.text()).toContain('GET /api/students/:id/assessment-history/');
  expect(terminal.text()).toMatch(/main +1 +10 +\d+ .*\n +main +2 +10 +\d+ /);
});

it('reports a mistake in an endpoint file in the console', async () => {
  const terminal = await openReplay(24);
  terminal.type('.nope', 'enter');
  await terminal.waitFor('Enter measure');
  terminal.press('enter');
  await terminal.waitFor('cannot read the endpoint file slow.sql.nope');
});
