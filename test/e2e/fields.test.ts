import type pg from 'pg';
import {afterAll, afterEach, beforeAll, expect, it} from 'vitest';
import {openProgram} from '../helpers/console.ts';
import {shareTestServer, type TestServer} from '../helpers/server.ts';
import type {Terminal} from '../helpers/terminal.ts';
import {orderFrozen} from '../helpers/terminal-waiting.ts';
import {openKillIdleSessions} from '../helpers/wizard.ts';

let server: TestServer;
let victim: pg.Client;
const terminals: Terminal[] = [];

beforeAll(async () => {
  server = await shareTestServer({major: 18});
  victim = await server.connect({application_name: 'victim'});
});
afterAll(async () => {
  await victim?.end().catch(() => {});
  await server?.stop();
});
afterEach(async () => {
  await Promise.all(terminals.splice(0).map(terminal => terminal.close()));
});

async function open(): Promise<Terminal> {
  // Esc waits long, so that a slow machine does not cut Alt-B in two.
  const env = {ESCDELAY: '3000'};
  const terminal = openProgram(['--interval', '60s', server.url()], {columns: 110, rows: 30, env});
  terminals.push(terminal);
  await terminal.waitFor('slots by application, role and client');
  return terminal;
}

const fields: Record<string, (terminal: Terminal) => Promise<void>> = {
  async 'a command'(terminal) {
    terminal.press(':');
    await terminal.waitFor(/^ :▏/m);
  },
  async 'a filter'(terminal) {
    terminal.press('2', '/');
    await terminal.waitFor(/^ \/▏/m);
  },
  async "a recipe's parameter"(terminal) {
    await openKillIdleSessions(terminal);
    terminal.press('ctrl-u');
    await terminal.waitFor(/> older_than +▏/);
  },
  async 'the typed confirmation'(terminal) {
    terminal.press('2');
    await terminal.waitFor('PID');
    terminal.type('/application:victim', 'enter', 'g');
    await terminal.waitFor(orderFrozen);
    terminal.press('K');
    await terminal.waitFor('1 session to end');
    terminal.press('enter');
    await terminal.waitFor('type yes to run it:  ▏');
  },
};

it.each(Object.entries(fields))('%s is edited by the keys of readline', async (_name, openField) => {
  const terminal = await open();
  await openField(terminal);
  const steps: [keys: string[], shown: string][] = [
    [[...'alpha beta'], 'alpha beta▏'],
    [['left', 'left'], 'alpha be▏ta'],
    [['backspace'], 'alpha b▏ta'],
    [['delete'], 'alpha b▏a'],
    [['home', 'X'], 'X▏alpha ba'],
    [['right'], 'Xa▏lpha ba'],
    [['end', 'Y'], 'Xalpha baY▏'],
    [['ctrl-a', 'ctrl-d'], '▏alpha baY'],
    [['ctrl-f', 'ctrl-f'], 'al▏pha baY'],
    [['ctrl-b'], 'a▏lpha baY'],
    [['ctrl-e', 'ctrl-w'], 'alpha ▏'],
    [['alt-b'], '▏alpha '],
    [['alt-f'], 'alpha▏ '],
    [['alt-backspace'], '▏ '],
    [['ctrl-k', ...'one two three'], 'one two three▏'],
    [['alt-b', 'alt-b', 'alt-d'], 'one ▏ three'],
    [['ctrl-u'], '▏ three'],
    [['ctrl-k', ...'é日👍🏽'], 'é日👍(?:🏽)?▏'],
    [['backspace'], 'é日▏'],
    [['left', 'backspace'], '▏日'],
    [['delete'], '▏'],
  ];
  for (const [keys, shown] of steps) {
    terminal.press(...keys);
    // Up to a space: the text of the step before may begin like this one's.
    await terminal.waitFor(new RegExp(`(?:[:/] ?|older_than +|run it: {2})${shown.trimEnd()}(?!\\S)`));
  }
});

it.each(Object.entries(fields).slice(0, 3))('%s takes a paste at the cursor', async (_name, openField) => {
  const terminal = await open();
  await openField(terminal);
  terminal.press(...'start end', 'ctrl-b', 'ctrl-b', 'ctrl-b');
  terminal.paste('middle\r\n');
  await terminal.waitFor('start middle▏end');
});

it.each([
  [':', 'nonsense', 'sorted'],
  ['/', 'one', 'two'],
])('%s brings back what was entered before', async (key, first, second) => {
  const terminal = await open();
  terminal.press('2');
  await terminal.waitFor('PID');
  for (const text of [first, second]) {
    terminal.press(key, 'ctrl-u', ...text, 'enter');
    await terminal.waitFor(key === ':' ? `no command "${text}"` : `/${text}`);
    if (key === ':') terminal.press('escape');
  }
  terminal.press(key, 'ctrl-u', ...'typed');
  await terminal.waitFor(`${key}typed▏`);
  for (const [up, shown] of [
    ['up', second],
    ['up', first],
    ['down', second],
    ['down', 'typed'],
  ]) {
    terminal.press(up ?? '');
    await terminal.waitFor(`${key}${shown}▏`);
  }
});

it('confirms with a word that was corrected', async () => {
  const terminal = await open();
  await fields['the typed confirmation']?.(terminal);
  terminal.press(...'xes', 'home', 'delete', 'y', 'enter');
  await terminal.waitFor('done: 1 verified');
  const left = await server.query("SELECT 1 FROM pg_stat_activity WHERE application_name = 'victim'");
  expect(left).toEqual([]);
});
