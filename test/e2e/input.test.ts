import {setTimeout as sleep} from 'node:timers/promises';
import type pg from 'pg';
import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest';
import {openProgram} from '../helpers/console.ts';
import {shareTestServer, type TestServer} from '../helpers/server.ts';
import type {Terminal} from '../helpers/terminal.ts';
import {orderFrozen} from '../helpers/terminal-waiting.ts';

let server: TestServer;
const clients: pg.Client[] = [];
const terminals: Terminal[] = [];

beforeAll(async () => {
  server = await shareTestServer({major: 18});
  clients.push(await server.connect({application_name: 'victim'}));
});
afterAll(async () => {
  await Promise.all(clients.map(client => client.end().catch(() => {})));
  await server?.stop();
});
afterEach(async () => {
  await Promise.all(terminals.splice(0).map(terminal => terminal.close()));
});

/** Esc waits long, so that a slow machine does not cut a sequence in two. */
async function open(columns = 110, rows = 30): Promise<Terminal> {
  const args = ['--interval', '60s', server.url()];
  const terminal = openProgram(args, {columns, rows, env: {ESCDELAY: '3000'}});
  terminals.push(terminal);
  await terminal.waitFor('slots by application, role and client');
  return terminal;
}

/** Whole: its footer is drawn last. The header tells what reading costs, and is left out. */
async function viewOf(terminal: Terminal): Promise<string[]> {
  await terminal.waitFor(({screen}) => /q quit *$/.test(screen().at(-1) ?? ''));
  return terminal.screen().slice(1, 6);
}

/** The one application's session, held in the Sessions view. */
async function holdVictim(terminal: Terminal): Promise<void> {
  terminal.press('2');
  await terminal.waitFor('PID');
  terminal.type('/application:victim', 'enter');
  await terminal.waitFor(({screen}) => screen().filter(row => /^[ >] +\d+ /.test(row)).length === 1);
  terminal.press('g');
  await terminal.waitFor(orderFrozen);
}

const victimIsThere = async () =>
  (await server.query("SELECT 1 FROM pg_stat_activity WHERE application_name = 'victim'")).length === 1;

describe('an escape sequence', () => {
  it('that arrives byte by byte is one arrow key', async () => {
    const terminal = await open();
    terminal.press('2');
    await terminal.waitFor('PID');
    for (const byte of '\u001b[B') {
      terminal.write(byte);
      await sleep(5);
    }
    await terminal.waitFor(orderFrozen);
    expect(terminal.text()).not.toContain('past');
  });

  it.each([
    ['a mouse report', '\u001b[<0;10;10M'],
    ['focus in and out', '\u001b[I\u001b[O'],
    ['F13', '\u001b[25~'],
    ['a cursor report', '\u001b[3;7R'],
    ['a terminal identity', '\u001b[?62;1c'],
    ['a colour reply', '\u001b]11;rgb:ffff/ffff/ffff\u0007'],
    ['Alt-q and Alt-d', '\u001bq\u001bd'],
  ])('that is no key of ours is dropped: %s', async (_name, sequence) => {
    const terminal = await open();
    const before = await viewOf(terminal);
    terminal.write(`${sequence}?`);
    await terminal.waitFor('keys of ');
    terminal.press('q');
    expect(await viewOf(terminal)).toEqual(before);
  });

  it('of the kitty protocol is the key that it encodes', async () => {
    const terminal = await open();
    terminal.write('\u001b[113u');
    expect((await terminal.onExit).exitCode).toBe(0);
  });
});

describe('a paste', () => {
  it('of 4 kB of SQL in the Sessions view changes nothing and is reported', async () => {
    const terminal = await open();
    await holdVictim(terminal);
    const before = terminal.screen().slice(1, -1);
    const sql = 'SELECT *\n  FROM "Kunde" K WHERE x = 1; -- +K\n'.repeat(100);
    terminal.paste(sql);
    await terminal.waitFor('Pasted text is ignored here');
    expect(terminal.screen().slice(1, -1)).toEqual(before);
    expect(await victimIsThere()).toBe(true);
  });

  it('is text in the command line, its lines joined', async () => {
    const terminal = await open();
    terminal.type(':');
    await terminal.waitFor(/^ :▏/m);
    terminal.paste('inter\u001b[31mval\r\n1s');
    await terminal.waitFor(':inter[31mval 1s▏');
  });

  it('never confirms', async () => {
    const terminal = await open();
    await holdVictim(terminal);
    terminal.press('K');
    await terminal.waitFor('1 session to end');
    terminal.press('enter');
    await terminal.waitFor('type yes to run it');
    terminal.paste('yes');
    await terminal.waitFor('Pasted text does not confirm');
    terminal.press('enter');
    await terminal.waitFor('type yes and press Enter');
    expect(await victimIsThere()).toBe(true);
  });
});

it('takes no confirmation on a screen too small to show it', async () => {
  const terminal = await open();
  await holdVictim(terminal);
  terminal.press('K');
  await terminal.waitFor('1 session to end');
  terminal.press('enter');
  await terminal.waitFor('type yes to run it');
  terminal.resize(30, 6);
  await terminal.waitFor('poolctl needs 40x8');
  // The redraw shows that the keys before it have been read: a resize would overtake them.
  const before = terminal.bytesWritten();
  terminal.type('yes', 'enter', 'ctrl-l');
  await terminal.waitFor(() => terminal.bytesWritten() > before);
  terminal.resize(110, 30);
  await terminal.waitFor('type yes to run it:  ▏');
  expect(await victimIsThere()).toBe(true);
  terminal.type('yes', 'enter');
  await terminal.waitFor('done: 1 verified');
});
