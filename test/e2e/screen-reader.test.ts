import {afterAll, afterEach, beforeAll, expect, it} from 'vitest';
import {openProgram} from '../helpers/console.ts';
import {shareTestServer, type TestServer} from '../helpers/server.ts';
import type {Terminal} from '../helpers/terminal.ts';

let server: TestServer;
const terminals: Terminal[] = [];

beforeAll(async () => {
  server = await shareTestServer({major: 18});
  const open = await server.connect({application_name: 'shop-import'});
  await open.query('BEGIN; SELECT 1');
});
afterAll(() => server?.stop());
afterEach(async () => {
  await Promise.all(terminals.splice(0).map(terminal => terminal.close()));
});

it('reads every view and a page as plain text with INK_SCREEN_READER=true', async () => {
  const terminal = openProgram([server.url()], {
    columns: 100,
    rows: 40,
    env: {INK_SCREEN_READER: 'true'},
    checksRestore: true,
  });
  terminals.push(terminal);
  await terminal.waitFor(/2 of 97 slots used/);
  await terminal.waitFor(/shop-import +postgres/);
  const figures: [key: string, text: RegExp][] = [
    ['2', /idle in tx .*shop-import/],
    ['3', /pg_stat_statements/],
    ['4', /waits for a lock|no session waits/],
    ['5', /kill-idle-sessions/],
    ['6', /nothing has been done yet/],
    ['?', /PgDn/],
  ];
  for (const [key, text] of figures) {
    terminal.press(key);
    await terminal.waitFor(text);
  }
  expect(terminal.text()).not.toContain('█');
});
