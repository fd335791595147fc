import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {readFile, stat, writeFile} from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import pg from 'pg';
import {afterAll, beforeAll, describe, expect, it, onTestFinished} from 'vitest';
import {parseSqlEndpoint} from '../../../source/replay/endpoint/parse-sql.ts';
import {
  createCliRoles,
  expectNoSecret,
  failing,
  password,
  temporaryHome,
  urlOf,
} from '../../cli/run-program.ts';
import {program} from '../../helpers/build.ts';
import {openProgram} from '../../helpers/console.ts';
import {shareTestServer, type TestServer} from '../../helpers/server.ts';

describe('poolctl replay --capture', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major: 18});
    await createCliRoles(server);
  });
  afterAll(() => server?.stop());

  /** Runs the program, calls `use` while it listens, and ends it with Ctrl-C. */
  const captureWith = async (args: string[], use: (url: string) => Promise<unknown>) => {
    const home = await temporaryHome();
    const child = spawn(process.execPath, [program, 'replay', '--capture', 'GET /api/x', ...args], {
      cwd: home,
      env: {PATH: process.env.PATH, HOME: home},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', text => {
      stderr += text;
    });
    const closed = once(child, 'close');
    const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
    await use(String(line).trim());
    child.kill('SIGINT');
    const [code] = await closed;
    expectNoSecret(line + stderr);
    return {code, stderr, home, line: String(line)};
  };
  const query = async (url: string) => {
    const client = new pg.Client({connectionString: url.replace('PASSWORD', encodeURIComponent(password))});
    await client.connect();
    await client.query('SELECT $1::text', ['asked']);
    await client.end();
  };

  it('prints an address, writes a file only its owner can read, and exits 0 at Ctrl-C', async () => {
    const url = `${urlOf(server, 'oncall')}?connection_limit=7`;
    const {code, stderr, home, line} = await captureWith([url], query);
    expect(stderr).toContain('1 statement on 1 connection');
    expect(code).toBe(0);
    expect(line).toMatch(
      /^postgresql:\/\/oncall:PASSWORD@127\.0\.0\.1:\d+\/\w+\?sslmode=disable&connection_limit=7\n$/,
    );
    const file = path.join(home, 'get-api-x.sql');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const text = await readFile(file, 'utf8');
    expectNoSecret(text);
    expect(text).toContain('protect it like the data');
    expect(parseSqlEndpoint(text, file)).toMatchObject({
      route: 'GET /api/x',
      variants: [{body: [{text: 'SELECT $1::text', params: [{value: 'asked'}]}]}],
    });
  });

  it("discards the application's start-up statements at Enter", async () => {
    const home = await temporaryHome();
    const file = path.join(home, 'warm.sql');
    const args = ['replay', '--capture', 'GET /x', urlOf(server, 'oncall'), '--out', file];
    const terminal = openProgram(args, {columns: 200, env: {HOME: home}});
    onTestFinished(() => terminal.close());
    await terminal.waitFor('Enter discards');
    const [url = ''] = /postgresql:\S+/.exec(terminal.text()) ?? [];
    const client = new pg.Client({connectionString: url.replace('PASSWORD', encodeURIComponent(password))});
    // Ending the capture ends the connections it forwards.
    client.on('error', () => {});
    await client.connect();
    await client.query(`SELECT 'cold'`);
    terminal.press('enter');
    await terminal.waitFor('1 statement discarded');
    await client.query(`SELECT 'warm'`);
    terminal.press('ctrl-c');
    await terminal.waitFor('1 statement on 1 connection');
    expect((await terminal.onExit).exitCode).toBe(0);
    const text = await readFile(file, 'utf8');
    expect(text).toContain('warm');
    expect(text).not.toContain('cold');
  });

  it('leaves no file if nothing was captured', async () => {
    const {code, stderr, home} = await captureWith(
      [urlOf(server, 'oncall'), '--out', 'none.sql'],
      async () => {},
    );
    expect(stderr).toContain('no statement was captured');
    expect(code).toBe(7);
    await expect(stat(path.join(home, 'none.sql'))).rejects.toThrow('ENOENT');
  });

  it('checks its flags and files before it begins', async () => {
    const call = (...args: string[]) => ['replay', '--capture', 'GET /x', urlOf(server, 'oncall'), ...args];
    const home = await temporaryHome();
    await writeFile(path.join(home, 'get-x.sql'), 'mine');
    expect(await failing(call(), {home})).toEqual([2, expect.stringContaining('get-x.sql already exists')]);
    expect(await readFile(path.join(home, 'get-x.sql'), 'utf8')).toBe('mine');

    const busy = net.createServer().listen(0, '127.0.0.1');
    await once(busy, 'listening');
    const {port} = busy.address() as net.AddressInfo;
    expect(await failing(call('--listen', String(port)))).toEqual([2, expect.stringContaining('EADDRINUSE')]);
    busy.close();

    const nowhere = ['replay', '--capture', 'GET /x', 'postgres://app@127.0.0.1:1/x'];
    expect(await failing(nowhere)).toEqual([3, expect.stringContaining('nothing listens at 127.0.0.1:1')]);
  });
});
