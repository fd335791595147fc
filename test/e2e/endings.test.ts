import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import type pg from 'pg';
import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, it} from 'vitest';
import {openJournal} from '../../source/journal/journal-file.ts';
import {program} from '../helpers/build.ts';
import {openProgram} from '../helpers/console.ts';
import {type OwnServer, startTestServer} from '../helpers/server.ts';
import {openTerminal, type Terminal} from '../helpers/terminal.ts';
import {confirm, openRecipe} from '../helpers/wizard.ts';

let server: OwnServer;
let folder: string;
let journal: string;
let holder: pg.Client | undefined;
const terminals: Terminal[] = [];

beforeAll(async () => {
  server = await startTestServer({major: 18});
  await server.query('CREATE TABLE orders (id int, customer_id int)');
  await server.query('INSERT INTO orders SELECT g, g % 7 FROM generate_series(1, 5000) g');
});
afterAll(() => server?.stop());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'poolctl-endings-'));
  journal = join(folder, 'journal.jsonl');
});
afterEach(async () => {
  await Promise.all(terminals.splice(0).map(terminal => terminal.close()));
  await holder?.end().catch(() => {});
  await server.query('DROP INDEX IF EXISTS orders_customer_id_idx');
  rmSync(folder, {recursive: true});
});

/** An index as a failed build leaves it. */
async function leaveInvalidIndex(): Promise<void> {
  await server.query('CREATE INDEX orders_customer_id_idx ON orders (customer_id)');
  await server.query(
    "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'orders_customer_id_idx'::regclass",
  );
}

/** In whose way a build stands: it waits for every snapshot older than its own. */
async function holdSnapshot(): Promise<void> {
  holder = await server.connect({application_name: 'holder'});
  await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
}

const activeBuilds = () =>
  server.query<{query: string}>(
    "SELECT query FROM pg_stat_activity WHERE state = 'active' AND query ~ '^(CREATE|DROP) INDEX CONCURRENTLY'",
  );

const ownLocks = () =>
  server.query(
    "SELECT 1 FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' AND application_name ~ 'poolctl'",
  );

async function untilBuilding(): Promise<void> {
  await expect
    .poll(async () => (await activeBuilds()).some(({query}) => query.startsWith('CREATE')))
    .toBe(true);
}

function open(args: string[], rows = 40): Terminal {
  const terminal = openProgram(args, {columns: 140, rows, env: {POOLCTL_JOURNAL: journal, ESCDELAY: '1000'}});
  terminals.push(terminal);
  return terminal;
}

async function openConsole(): Promise<Terminal> {
  const terminal = open(['--interval', '500ms', server.url()]);
  await terminal.waitFor('slots by application, role and client');
  await openRecipe(terminal, 'repair');
  terminal.press('enter');
  await terminal.waitFor('> index');
  terminal.press('enter');
  await terminal.waitFor('2 steps; skipped: 0');
  await confirm(terminal);
  await untilBuilding();
  return terminal;
}

async function openRun(): Promise<Terminal> {
  const terminal = open(['run', 'repair-invalid-indexes', server.url(), '--yes']);
  await untilBuilding();
  return terminal;
}

async function expectEndedInOrder(): Promise<void> {
  expect(await activeBuilds()).toEqual([]);
  expect(await ownLocks()).toEqual([]);
  // The drop was done, the build cancelled and what it left swept away.
  expect(await server.query("SELECT 1 FROM pg_class WHERE relname = 'orders_customer_id_idx'")).toEqual([]);
  const entries = await openJournal(journal).inspect();
  expect(entries.map(({event}) => event)).toEqual(['run', 'intent', 'outcome', 'intent', 'outcome', 'end']);
  expect(entries.at(-2)).toMatchObject({outcome: 'failed', sqlstate: '57014'});
  expect(entries.at(-1)).toMatchObject({status: 'interrupted'});
  expect(await openJournal(journal).verify()).toMatchObject({ok: true, unfinished: []});
}

const line = /poolctl: run \w+ interrupted: 1 of 2 steps done; step 2 cancelled/;

const signals = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const;

it.each(signals)(
  'a build by `poolctl run` is cancelled at a %s, and all of it told: %i',
  async (signal, code) => {
    await leaveInvalidIndex();
    await holdSnapshot();
    const terminal = await openRun();
    terminal.kill(signal);
    expect((await terminal.onExit).exitCode).toBe(code);
    expect(terminal.text()).toMatch(line);
    await expectEndedInOrder();
  },
);

it.each([
  ...signals.map(([signal, code]) => [signal, code, (terminal: Terminal) => terminal.kill(signal)] as const),
  ['Ctrl-C', 130, (terminal: Terminal) => terminal.press('ctrl-c')] as const,
])('a build in the console is cancelled at a %s, and all of it told: %i', async (_name, code, end) => {
  await leaveInvalidIndex();
  await holdSnapshot();
  const terminal = await openConsole();
  end(terminal);
  expect((await terminal.onExit).exitCode).toBe(code);
  expect(terminal.isAlternateBuffer()).toBe(false);
  expect(terminal.text()).toMatch(line);
  await expectEndedInOrder();
});

it.each([
  ['the console', openConsole],
  ['`poolctl run`', openRun],
] as const)('a build is cancelled and recorded when the terminal of %s is lost', async (_name, begin) => {
  await leaveInvalidIndex();
  await holdSnapshot();
  const terminal = await begin();
  terminal.hangUp();
  expect(await terminal.onExit).toEqual({exitCode: 129, signal: null});
  await expectEndedInOrder();
});

it('a build is left while it waits, and goes on when its blocker has been ended from its page', async () => {
  await leaveInvalidIndex();
  await holdSnapshot();
  const terminal = await openConsole();
  await terminal.waitFor('w session');
  terminal.press('v');
  await terminal.waitFor(/repair-invalid-indexes: step 2 of 2, .*waits for \d+ holder.*v shows it/);
  terminal.press('2');
  await terminal.waitFor('PID');
  terminal.press('q');
  await terminal.waitFor('repair-invalid-indexes is running: v shows it');
  terminal.press('v');
  await terminal.waitFor('v leave running');
  terminal.press('w');
  await terminal.waitFor('K terminate');
  terminal.press('K');
  await terminal.waitFor('1 session to end');
  await confirm(terminal);
  await terminal.waitFor('done: 1 verified');
  terminal.press('enter');
  await terminal.waitFor('done: 2 verified');
  const indexes = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'orders_customer_id_idx'::regclass";
  expect(await server.query(indexes)).toEqual([{indisvalid: true}]);
  expect(await openJournal(journal).verify()).toMatchObject({ok: true, unfinished: []});
  const ends = (await openJournal(journal).inspect()).filter(({event}) => event === 'end');
  expect(ends).toMatchObject([{status: 'done'}, {status: 'done'}]);
});

it('neither an arrow key that arrives byte by byte nor one Esc cancels a build', async () => {
  await leaveInvalidIndex();
  await holdSnapshot();
  const terminal = await openConsole();
  for (const byte of '\u001b[B') {
    terminal.write(byte);
    await sleep(5);
  }
  terminal.press('escape');
  // The Esc that asks came after the arrow: whatever that was taken for has happened by now.
  await terminal.waitFor('Press Esc again to cancel this step');
  expect(await activeBuilds()).toHaveLength(1);
  terminal.press('ctrl-c');
  expect((await terminal.onExit).exitCode).toBe(130);
  await expectEndedInOrder();
});

it('a second signal exits at once although the server does not answer, and reports the outcome as unknown', async () => {
  await leaveInvalidIndex();
  await holdSnapshot();
  const terminal = await openRun();
  await server.pause();
  try {
    terminal.kill('SIGTERM');
    await terminal.waitFor('interrupted, finishing');
    terminal.kill('SIGTERM');
    expect((await terminal.onExit).exitCode).toBe(143);
    expect(terminal.text()).toContain('ended immediately. The outcome of a running step is unknown');
  } finally {
    await server.resume();
  }
  expect(await openJournal(journal).unfinished()).toHaveLength(1);
  await server.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ $1', [
    '^CREATE INDEX',
  ]);
});

it('gives up on a server that stops answering, and reports unknown outcomes', async () => {
  await leaveInvalidIndex();
  await holdSnapshot();
  const terminal = await openRun();
  await server.pause();
  try {
    terminal.kill('SIGTERM');
    expect((await terminal.onExit).exitCode).toBe(143);
    expect(terminal.text()).toMatch(
      /poolctl: run \w+ interrupted: 1 of 2 steps done; step 2 unknown: check the server/,
    );
    const entries = await openJournal(journal).inspect();
    expect(entries.at(-1)).toMatchObject({event: 'end', status: 'interrupted'});
  } finally {
    await server.resume();
  }
  await server.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ $1', [
    '^CREATE INDEX',
  ]);
});

describe('on a terminal that is not read', () => {
  /** Fills what the kernel keeps for a terminal, and starts poolctl then: none of its output is taken. */
  const fill = `
fill() { while dd if=/dev/zero of=/dev/tty bs=$1 count=64 oflag=nonblock 2>/dev/null; do :; done; }
fill 4096; fill 1; sleep 0.2; fill 1; `;
  /** Keeps the terminal open until Enter: what is not read when its last process ends may be lost. */
  const untilEnter = '"$@"; code=$?; read answer; exit $code';

  function openUnread(args: string[], thenDo: string): Terminal {
    const terminal = openTerminal({
      command: '/bin/sh',
      args: ['-c', fill + thenDo, 'sh', process.execPath, program, ...args, server.url(), '--yes'],
      columns: 140,
      rows: 40,
      env: {POOLCTL_JOURNAL: journal},
    });
    terminal.stopReading();
    terminals.push(terminal);
    return terminal;
  }

  const journaled = async () => (await openJournal(journal).inspect()).map(({event}) => event);

  async function expectRead(terminal: Terminal): Promise<void> {
    terminal.readOn();
    await terminal.waitFor(/done: 1 verified/);
    terminal.press('enter');
    expect((await terminal.onExit).exitCode).toBe(0);
  }

  it('`poolctl run` and `poolctl undo` record every outcome, and then wait for the terminal', async () => {
    await server.query('CREATE ROLE app LOGIN');
    const args = ['run', 'set-timeouts', '--set', 'role=app', '--set', 'lock_timeout=3s'];
    const run = openUnread(args, untilEnter);
    await expect.poll(journaled).toEqual(['run', 'intent', 'outcome', 'end']);
    await expectRead(run);

    const [{run: id = ''} = {}] = await openJournal(journal).inspect();
    const undo = openUnread(['undo', id], untilEnter);
    await expect.poll(async () => (await journaled()).slice(4)).toEqual(['run', 'intent', 'outcome', 'end']);
    await expectRead(undo);
    await server.query('DROP ROLE app');
  });

  it.each(signals)('a %s cancels a build and ends `poolctl run`: %i', async (signal, code) => {
    await leaveInvalidIndex();
    await holdSnapshot();
    const terminal = openUnread(['run', 'repair-invalid-indexes'], 'exec "$@"');
    await untilBuilding();
    terminal.kill(signal);
    await expect.poll(() => isAlive(terminal.pid)).toBe(false);
    terminal.readOn();
    expect((await terminal.onExit).exitCode).toBe(code);
    await expectEndedInOrder();
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
