import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type pg from 'pg';
import {afterAll, afterEach, beforeAll, beforeEach, expect, it} from 'vitest';
import {openJournal} from '../../source/journal/journal-file.ts';
import type {JournalEvent} from '../../source/model/journal-entry.ts';
import {openProgram} from '../helpers/console.ts';
import {type OwnServer, startTestServer} from '../helpers/server.ts';
import type {Terminal} from '../helpers/terminal.ts';
import {orderFrozen} from '../helpers/terminal-waiting.ts';
import {confirm, openKillIdleSessions, stopRun} from '../helpers/wizard.ts';

let server: OwnServer;
let folder: string;
let journal: string;
const clients: pg.Client[] = [];
const terminals: Terminal[] = [];

beforeAll(async () => {
  server = await startTestServer({major: 18, settings: {max_connections: 50}});
  await server.query("CREATE ROLE app LOGIN PASSWORD 'app'");
  await server.query("CREATE ROLE oncall LOGIN PASSWORD 'oncall' IN ROLE pg_monitor, pg_signal_backend");
  await server.query("CREATE ROLE watcher LOGIN PASSWORD 'watcher' IN ROLE pg_monitor");
});
afterAll(() => server?.stop());
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'poolctl-running-'));
  journal = join(folder, 'journal.jsonl');
});
afterEach(async () => {
  await Promise.all(terminals.splice(0).map(terminal => terminal.close()));
  await Promise.all(clients.splice(0).map(client => client.end().catch(() => {})));
  rmSync(folder, {recursive: true});
});

async function open(user = 'oncall'): Promise<Terminal> {
  const url = server.url({user, password: user});
  const terminal = openProgram(['--journal', journal, '--interval', '500ms', url], {columns: 120, rows: 40});
  terminals.push(terminal);
  await terminal.waitFor('slots by application, role and client');
  return terminal;
}

/** An application's session. */
async function connectApp(application_name: string): Promise<pg.Client> {
  const client = await server.connect({user: 'app', password: 'app', application_name});
  clients.push(client);
  return client;
}

async function leak(count: number): Promise<void> {
  await Promise.all(
    Array.from({length: count}, async () => (await connectApp('leaky')).query('BEGIN; SELECT 1')),
  );
}

async function sessionsOf(application_name: string): Promise<number> {
  const [row] = await server.query<{count: number}>(
    'SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = $1',
    [application_name],
  );
  return row?.count ?? -1;
}

/** The one session of that application, held in the Sessions view. */
async function holdSession(terminal: Terminal, application_name: string): Promise<void> {
  terminal.press('2');
  await terminal.waitFor('PID');
  terminal.type(`/application:${application_name}`, 'enter');
  await terminal.waitFor(
    ({screen}) =>
      screen().filter(row => /^[ >] +\d+ /.test(row)).length === 1 &&
      / {2}q quit$/.test(screen().at(-1) ?? ''),
  );
  terminal.press('g');
  await terminal.waitFor(orderFrozen);
}

/** More sessions than one batch has, and the run waiting between two batches. */
async function runUntilPause(): Promise<Terminal> {
  await leak(20);
  const terminal = await open();
  await openKillIdleSessions(terminal);
  terminal.press('enter');
  await terminal.waitFor('20 sessions to end');
  await confirm(terminal);
  await terminal.waitFor('pausing');
  return terminal;
}

it('stops between steps on Esc: what was ended is verified, the rest is not started', async () => {
  const terminal = await runUntilPause();
  await stopRun(terminal);
  await terminal.waitFor('Enter close');
  expect(terminal.text()).toMatch(/interrupted: (1|5|10|15) verified, (19|15|10|5) not started/);
  expect(await sessionsOf('leaky')).toBeGreaterThanOrEqual(5);
  expect(await openJournal(journal).unfinished()).toEqual([]);
});

it('records the end of its run when the user quits during it', async () => {
  const terminal = await runUntilPause();
  terminal.press('ctrl-c');
  expect((await terminal.onExit).exitCode).toBe(130);
  expect(terminal.text()).toMatch(
    /poolctl: run \w+ interrupted: (1|5|10|15) of 20 steps done; (19|15|10|5) not started/,
  );
  expect(await sessionsOf('leaky')).toBeGreaterThanOrEqual(5);
  const entries = await openJournal(journal).read();
  expect(entries.at(-1)).toMatchObject({event: 'end', status: 'interrupted'});
  expect(await openJournal(journal).unfinished()).toEqual([]);
});

it('can be quit during a run on a server that no longer answers', async () => {
  const terminal = await runUntilPause();
  await server.pause();
  try {
    terminal.press('ctrl-c');
    expect((await terminal.onExit).exitCode).toBe(130);
    expect(terminal.isAlternateBuffer()).toBe(false);
    expect(terminal.text()).toMatch(/run \w+ interrupted: \d+ of 20 steps done/);
    expect((await openJournal(journal).inspect()).at(-1)).toMatchObject({
      event: 'end',
      status: 'interrupted',
    });
  } finally {
    await server.resume();
  }
});

it('cancels the statement of the selected session with C, and the session stays', async () => {
  const client = await connectApp('sleeper');
  const sleeping = client.query('SELECT pg_sleep(600)').catch((error: {code?: string}) => error.code);
  const terminal = await open();
  await holdSession(terminal, 'sleeper');
  terminal.press('C');
  await terminal.waitFor('1 statement to cancel');
  expect(terminal.text()).toContain('pg_cancel_backend(a.pid)');
  await confirm(terminal);
  await terminal.waitFor('done: 1 verified');
  expect(await sleeping).toBe('57014');
  expect((await client.query('SELECT 1 AS alive')).rows).toEqual([{alive: 1}]);
});

it('names the missing privilege if the role may not end sessions, and executes nothing', async () => {
  const client = await connectApp('guarded');
  await client.query('BEGIN');
  const terminal = await open('watcher');
  await holdSession(terminal, 'guarded');
  terminal.press('K');
  await terminal.waitFor('No session to end.');
  expect(terminal.text().replace(/\s+/g, ' ')).toContain('GRANT pg_signal_backend TO "watcher"');
  expect(await sessionsOf('guarded')).toBe(1);
});

it('keeps the detail of a session open when it ends, and marks it as ended', async () => {
  const client = await connectApp('passing');
  const terminal = await open();
  await holdSession(terminal, 'passing');
  terminal.press('enter');
  await terminal.waitFor(/application +passing/);
  await client.end();
  await terminal.waitFor('this session has ended');
  terminal.press('escape');
  await terminal.waitFor('no session matches the filter');
});

it('reports a step with an unknown outcome at the next start', async () => {
  const file = openJournal(journal);
  const told = {actor: 'oncall@bastion', target: 'db:5432/shop', run: '5ca1ab1e'};
  const events: JournalEvent[] = [
    {event: 'run', recipe: 'kill-idle-sessions', plan: 'aa', params: {}, step_count: 1, before: {}},
    {
      event: 'intent',
      step: 0,
      content: {kind: 'advice', title: 'terminate 4711', subject: 'backend:4711', text: ''},
    },
  ];
  for (const event of events) await file.append({...told, ...event});
  const terminal = await open();
  await terminal.waitFor('1 step of an earlier run ended without a recorded result');
  terminal.press('6');
  await terminal.waitFor(/no end: 1 unknown/);
  expect(terminal.text()).toContain('1 step started without a recorded result');
});

it.each([
  ['C', /^[\x20-\x7e\n]*$/],
  ['C.UTF-8', /server …\d/],
])('wraps what run prints to the width of the terminal, under LANG=%s', async (LANG, said) => {
  const args = ['run', 'kill-idle-sessions', server.superuserUrl, '--dry-run', '--set', 'older_than=0s'];
  const client = await server.connect({application_name: `a-name-of-forty-characters-and-some-more`});
  await client.query('BEGIN');
  const terminal = openProgram(args, {columns: 50, rows: 30, env: {LANG}});
  terminals.push(terminal);
  expect((await terminal.onExit).exitCode).toBe(0);
  expect(terminal.text()).toMatch(said);
  const lines = terminal.rawOutput().split('\r\n');
  expect(Math.max(...lines.filter(line => line.includes(' ')).map(line => line.length))).toBeLessThan(51);
  expect(terminal.text()).toMatch(/idle in\n? +transaction|idle\n? +in transaction/);
  await client.end();
});
