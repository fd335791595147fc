import {mkdtempSync, writeFileSync} from 'node:fs';
import {createServer, type Server} from 'node:net';
import {tmpdir} from 'node:os';
import path from 'node:path';
import type pg from 'pg';
import {afterAll, afterEach, beforeAll, describe, expect, it} from 'vitest';
import {program} from '../helpers/build.ts';
import {openProgram} from '../helpers/console.ts';
import {describePgBouncer, startPgBouncer} from '../helpers/pgbouncer.ts';
import {type OwnServer, startTestServer} from '../helpers/server.ts';
import {openTerminal, type Terminal} from '../helpers/terminal.ts';

let server: OwnServer;
let url: string;
const terminals: Terminal[] = [];

beforeAll(async () => {
  server = await startTestServer({
    major: 18,
    settings: {max_connections: 20, track_activity_query_size: '1MB'},
  });
  await server.query("CREATE ROLE oncall LOGIN PASSWORD 'oncall' IN ROLE pg_monitor, pg_signal_backend");
  await server.query("CREATE ROLE app LOGIN PASSWORD 'app'");
  // Its commits are asynchronous: a crash right now would take the roles along.
  await server.query('CHECKPOINT');
  url = server.url({user: 'oncall', password: 'oncall'});
});
afterAll(() => server?.stop());
afterEach(async () => {
  await Promise.all(terminals.splice(0).map(terminal => terminal.close()));
});

function open(args: string[] = [url], options: Parameters<typeof openProgram>[1] = {}): Terminal {
  const terminal = openProgram(['--interval', '500ms', ...args], {columns: 110, rows: 30, ...options});
  terminals.push(terminal);
  return terminal;
}

async function opened(...rest: Parameters<typeof open>): Promise<Terminal> {
  const terminal = open(...rest);
  await terminal.waitFor('slots by application, role and client');
  return terminal;
}

describe('a connection that is lost', () => {
  it('keeps the last snapshot, marked stale, answers keys, and reconnects', async () => {
    const terminal = await opened();
    await server.stopHard();
    await terminal.waitFor(/◌ stale \d\d:\d\d:\d\d/);
    expect(terminal.text()).toMatch(/\d+ of 17 used/);
    terminal.press('2');
    await terminal.waitFor('PID');
    expect(terminal.text()).toContain('stale');
    await server.restart();
    await terminal.waitFor(/● 0\.5s/);
    expect(terminal.text()).not.toContain('stale');
  });

  it('answers every key while the server is frozen, and quits at once', async () => {
    const terminal = await opened();
    await server.pause();
    try {
      terminal.press('2');
      await terminal.waitFor('PID');
      terminal.press('?');
      await terminal.waitFor('keys of Sessions');
      terminal.press('q');
      await terminal.waitFor('PID');
      terminal.press('q');
      expect(await terminal.onExit).toMatchObject({exitCode: 0});
    } finally {
      await server.resume();
    }
  });

  it.each(['q', 'ctrl-c'])('quits on %j while it waits for a port that never answers', async key => {
    const silent = await listenSilently();
    try {
      const {port} = silent.address() as {port: number};
      const terminal = open([`postgres://a:b@127.0.0.1:${port}/c`]);
      await terminal.waitFor(`connecting to a@127.0.0.1:${port}/c`);
      // Ink listens from a moment after the first frame on; what is typed before waits in the terminal.
      terminal.press(key);
      expect((await terminal.onExit).exitCode).toBe(0);
    } finally {
      silent.close();
    }
  });
});

describe('a server with no slot left', () => {
  const held: pg.Client[] = [];
  const fill = async () => {
    for (;;) {
      try {
        held.push(await server.connect({user: 'app', password: 'app', application_name: 'greedy'}));
      } catch (error) {
        expect(error).toMatchObject({code: '53300'});
        return;
      }
    }
  };
  afterEach(async () => {
    await Promise.all(held.splice(0).map(client => client.end().catch(() => {})));
  });

  it('shows that it waits, and takes the first slot that becomes free', async () => {
    await fill();
    const terminal = open();
    await terminal.waitFor(/next try in [\d.]+s/);
    expect(terminal.text()).toContain('waited');
    await held.pop()?.end();
    await terminal.waitFor('slots by application, role and client');
    expect(terminal.text()).toMatch(/greedy +app/);
  });

  it.each(['q', 'ctrl-c'])('can be quit with %j while it waits, with the wait still counting', async key => {
    await fill();
    const terminal = open([url], {columns: 80, rows: 24, checksRestore: true});
    await terminal.waitFor(/waited \d+s/);
    const [, first] = /waited (\d+)s/.exec(terminal.text()) ?? [];
    await terminal.waitFor(({text}) => Number(/waited (\d+)s/.exec(text())?.[1] ?? 0) > Number(first));
    expect(terminal.text().replace(/\s+/g, ' ')).toContain('Set POOLCTL_RESCUE_URL to a superuser');
    terminal.press(key);
    expect(await terminal.leftovers()).toEqual([]);
    expect((await terminal.onExit).exitCode).toBe(0);
  });

  it('is distinguished from a role at its own limit, where free slots do not help', async () => {
    await server.query("CREATE ROLE single LOGIN PASSWORD 'x' CONNECTION LIMIT 1");
    held.push(await server.connect({user: 'single', password: 'x'}));
    const terminal = open([server.url({user: 'single', password: 'x'})], {columns: 80, rows: 24});
    await terminal.waitFor('role "single" has reached its connection limit');
    expect(terminal.text().replace(/\s+/g, ' ')).toContain('ALTER ROLE "single" CONNECTION LIMIT -1;');
  });

  it('connects a rescue URL at once', async () => {
    await fill();
    const terminal = await opened([url], {env: {POOLCTL_RESCUE_URL: server.superuserUrl}});
    expect(terminal.text()).toMatch(/17 of 17 used|18 of 17 used/);
    expect(terminal.text()).toMatch(/(?:, 0 free,|[1-3] of 3 reserved)/);
    expect(terminal.text()).toContain('via rescue');
    const watching = `FROM pg_stat_activity WHERE application_name = 'poolctl'`;
    const [ended] = await server.query<{pid: number}>(`SELECT pid, pg_terminate_backend(pid) ${watching}`);
    while ((await server.query(`SELECT ${watching} AND pid <> ${ended?.pid}`)).length === 0);
    await terminal.waitFor(/● 0\.5s.*via rescue|via rescue.*● 0\.5s/);
  });
});

describePgBouncer('through a transaction pooler', () => {
  it('keeps refreshing, and names the pooler and what to connect to instead', async () => {
    const pooler = await startPgBouncer({server, pool_mode: 'transaction', users: {oncall: 'oncall'}});
    try {
      const terminal = await opened([pooler.url({user: 'oncall'})]);
      await terminal.waitFor('connect directly: set DIRECT_URL');
      expect(terminal.text()).toContain('a connection pooler is in between');
      expect(terminal.text()).not.toContain('stale');
    } finally {
      await pooler.stop();
    }
  });
});

describe('hostile text', () => {
  it('reaches the screen sanitised, and the terminal not at all', async () => {
    const name = '\u001b]0;owned\u0007\u001b[2J\u202Eevil';
    const client = await server.connect({application_name: 'plain'});
    await client.query(`SET application_name = '${name}'`);
    await client.query(`SELECT 'x', 1 AS "\u001b]52;c;ZXZpbA==\u0007\u009b31m"`);
    const big = await server.connect({application_name: 'big'});
    await big.query(`SELECT '${'y'.repeat(1_000_000)}'`);
    const terminal = await opened();
    terminal.press('2');
    await terminal.waitFor(/evil|SELECT \?/);
    for (let row = 0; row < 3; row++) terminal.press('j');
    terminal.press('enter');
    await terminal.waitFor('connected');
    terminal.press('q');
    await terminal.waitFor('PID');
    const raw = terminal.rawOutput();
    expect(raw).not.toContain('\u001b]0;owned');
    expect(raw).not.toContain('\u001b]52;');
    expect(raw).not.toMatch(/[\u0007\u009b\u202e]/);
    expect(raw.split('\u001b[2J')).toHaveLength(3);
    await Promise.all([client.end(), big.end()]);
  });
});

it('counts what a role may not see, and names the missing grant', async () => {
  await server.query("CREATE ROLE nobody_special LOGIN PASSWORD 'x'");
  const other = await server.connect({user: 'app', password: 'app'});
  const terminal = await opened([server.url({user: 'nobody_special', password: 'x'})]);
  await terminal.waitFor(/[1-9] hidden/);
  await terminal.waitFor('GRANT pg_monitor TO');
  await other.end();
});

describe('the terminal is restored', () => {
  it.each([
    ['q', 0, (terminal: Terminal) => terminal.press('q')],
    ['Ctrl-C', 0, (terminal: Terminal) => terminal.press('ctrl-c')],
    ['SIGTERM', 143, (terminal: Terminal) => terminal.kill('SIGTERM')],
    ['SIGINT', 130, (terminal: Terminal) => terminal.kill('SIGINT')],
    ['SIGHUP', 129, (terminal: Terminal) => terminal.kill('SIGHUP')],
  ] as const)('after %s, which ends with %i', async (_name, exitCode, leave) => {
    const terminal = await opened([url], {checksRestore: true});
    expect(terminal.isAlternateBuffer()).toBe(true);
    leave(terminal);
    expect((await terminal.onExit).exitCode).toBe(exitCode);
    expect(await terminal.leftovers()).toEqual([]);
  });

  it('after Ctrl-Z, and used again after fg', async () => {
    const shell = await openShell();
    shell.press('ctrl-z');
    // What is typed before the shell has the terminal back is lost: its prompt comes after that.
    await shell.waitFor(({isAlternateBuffer, screen}) => {
      const rows = screen().filter(row => row !== '');
      return !isAlternateBuffer() && rows.at(-1)?.trimEnd() === prompt;
    });
    // On a line of its own: an answer of the terminal that came late is typed into the shell.
    shell.type('\nfg\n');
    await shell.waitFor(
      ({isAlternateBuffer, text}) =>
        isAlternateBuffer() && text().includes('slots by application, role and client'),
    );
    shell.press('q');
    await shell.waitFor(({isAlternateBuffer}) => !isAlternateBuffer());
  });

  it('and the process exits with 129, without a crash, when the terminal is gone', async () => {
    const terminal = await opened();
    terminal.hangUp();
    expect(await terminal.onExit).toEqual({exitCode: 129, signal: null});
    expect(() => process.kill(terminal.pid, 0)).toThrow('ESRCH');
  });
});

function listenSilently(): Promise<Server> {
  return new Promise(resolve => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1', () => resolve(silent));
  });
}

const prompt = 'shell>';

/** A shell with job control, poolctl in its foreground. */
async function openShell(): Promise<Terminal> {
  const env = {PS1: `${prompt} `};
  const shell = openTerminal({command: '/bin/sh', args: ['-i'], columns: 100, rows: 30, env});
  terminals.push(shell);
  await shell.waitFor(prompt);
  shell.type(`${process.execPath} ${program} '${url}'`, 'enter');
  await shell.waitFor('slots by application, role and client');
  return shell;
}

it('does not try a wrong password again: it ends, and says so', async () => {
  const terminal = open([server.url({user: 'oncall', password: 'wrong'})]);
  expect(await terminal.onExit).toMatchObject({exitCode: 3});
  expect(terminal.rawOutput()).toContain('password authentication failed for role "oncall"');
});

it('does not try a password again that was changed meanwhile, until Ctrl-R', async () => {
  await server.query(`CREATE ROLE rotated LOGIN PASSWORD 'first' IN ROLE pg_monitor`);
  const terminal = await opened([server.url({user: 'rotated', password: 'first'})]);
  await server.query(`ALTER ROLE rotated PASSWORD 'second'`);
  await server.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'rotated'`);
  await terminal.waitFor('password authentication failed for role "rotated"');
  await terminal.waitFor('not tried again: Ctrl-R');
  await server.query(`ALTER ROLE rotated PASSWORD 'first'`);
  terminal.press('ctrl-r');
  await terminal.waitFor(/● 0\.5s/);
});

it('reads the password again on Ctrl-R, and before a run', async () => {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'poolctl-rotated-')), 'pgpass');
  const rotate = async (password: string) => {
    await server.query(`ALTER ROLE keeper PASSWORD '${password}'`);
    writeFileSync(file, `*:*:*:keeper:${password}\n`, {mode: 0o600});
  };
  await server.query(`CREATE ROLE keeper LOGIN IN ROLE pg_monitor, pg_signal_backend`);
  await rotate('first');
  const terminal = await opened([server.url({user: 'keeper'})], {env: {PGPASSFILE: file}});
  await server.query(`ALTER ROLE keeper PASSWORD 'second'`);
  await server.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'keeper'`);
  await terminal.waitFor('not tried again: Ctrl-R');
  await rotate('second');
  terminal.press('ctrl-r');
  await terminal.waitFor(/● 0\.5s/);
  const idle = await server.connect({user: 'app', password: 'app', application_name: 'leftover'});
  idle.on('error', () => {});
  await rotate('third');
  terminal.press('2');
  terminal.type('/application:leftover', 'enter');
  await terminal.waitFor(/idle .* leftover/);
  terminal.press('K');
  await terminal.waitFor('pg_terminate_backend');
  terminal.press('enter');
  await terminal.waitFor('to run it:');
  terminal.type('yes', 'enter');
  await terminal.waitFor('1 verified');
});
