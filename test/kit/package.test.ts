import {execFile, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdir, mkdtemp, rm, symlink, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import process from 'node:process';
import {promisify} from 'node:util';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {program} from '../helpers/build.ts';
import {shareTestServer, type TestServer} from '../helpers/server.ts';

const root = path.resolve(path.dirname(program), '..');
const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
const run = promisify(execFile);
let folder: string;
let server: TestServer;

/** An application's folder with the packed package and pg, nothing else. */
beforeAll(async () => {
  server = await shareTestServer({major: 18});
  folder = await mkdtemp(path.join(tmpdir(), 'poolctl-kit-'));
  const modules = path.join(folder, 'node_modules');
  await mkdir(path.join(modules, 'poolctl'), {recursive: true});
  await mkdir(path.join(modules, '@types'));
  await run(process.execPath, [tsc, '-p', 'tsconfig.types.json'], {cwd: root});
  const {stdout} = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    cwd: root,
  });
  const [{filename}] = JSON.parse(stdout);
  await run('tar', ['-xf', path.join(folder, filename), '-C', path.join(modules, 'poolctl'), '--strip=1']);
  for (const name of ['pg', '@types/pg', '@types/node']) {
    await symlink(path.join(root, 'node_modules', name), path.join(modules, name));
  }
  await writeFile(path.join(folder, 'package.json'), '{"name": "web", "type": "module"}');
});
afterAll(async () => {
  await server.stop();
  await rm(folder, {recursive: true, force: true});
});

const use = `const pool = createPool({application: 'web', platform: 'lambda', instances: 2});
const max: number | undefined = pool.options.max;
console.log(max, pool.stats().waits.p95_ms);
// @ts-expect-error A platform has a name of a list.
() => createPool({application: 'web', platform: 'heroku', instances: 2});
`;

test.each([
  ['imports', 'app.mts', "import {createPool, type PoolStats} from 'poolctl/kit';"],
  ['requires', 'app.cts', "import {createPool, type PoolStats} from 'poolctl/kit';"],
])("an application %s 'poolctl/kit' with its types", async (_, file, head) => {
  await writeFile(
    path.join(folder, file),
    `${head}\n${use}const {open}: PoolStats = pool.stats();\nexport const isOpen = open > 0;\n`,
  );
  for (const module of ['node16', 'nodenext']) {
    const flags = ['--strict', '--module', module, '--moduleResolution', module, '--target', 'es2023'];
    await run(process.execPath, [tsc, ...flags, '--skipLibCheck', 'false', '--types', 'node', file], {
      cwd: folder,
    });
    // Jest's loader for CommonJS cannot require a module either.
    const {stdout} = await run(
      process.execPath,
      ['--no-experimental-require-module', file.replace('ts', 'js')],
      {
        cwd: folder,
      },
    );
    expect(stdout).toBe('1 null\n');
  }
});

test('a process that imports and requires it has one kit', async () => {
  const script = `import {createRequire} from 'node:module';
import * as kit from 'poolctl/kit';
const required = createRequire(process.cwd() + '/app.js')('poolctl/kit');
console.log(Object.keys(kit).every(name => kit[name] === required[name]), 'default' in kit);`;
  expect((await run(process.execPath, ['--input-type=module', '-e', script], {cwd: folder})).stdout).toBe(
    'true false\n',
  );
});

const bare = `import pg from 'pg';
const pool = new pg.Pool({connectionString: process.env.URL, max: 2, application_name: 'web'});
`;
const instrumented = `${bare.replace('import', "import {instrumentPool} from 'poolctl/kit';\nimport")}
instrumentPool(pool, {closeOnSigterm: 2000, onConnectionError: error => console.log(error.message)});
`;
const main = `
process.on('message', async text => process.send(await pool.query(text).then(({rows}) => rows, ({message}) => message)));
await pool.query('SELECT 1');
process.send('ready');
`;

/** The application as a process that runs the statements it is sent. */
async function start(script: string) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script + main], {
    cwd: folder,
    env: {...process.env, URL: server.superuserUrl},
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', text => {
      output += text;
    });
  }
  const exited = once(child, 'exit');
  await once(child, 'message');
  return {
    child,
    exited,
    output: () => output,
    query: async (text: string) => {
      child.send(text);
      return (await once(child, 'message'))[0];
    },
  };
}

const endSessions =
  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'web%'";

describe('when the server ends an idle session', () => {
  test('a process with a bare pool dies', async () => {
    const {exited, output} = await start(bare);
    await server.query(endSessions);
    expect(await exited).toEqual([1, null]);
    expect(output()).toContain('terminating connection due to administrator command');
  });

  test('a process with an instrumented pool goes on', async () => {
    const {child, exited, output, query} = await start(instrumented);
    await server.query(endSessions);
    await expect.poll(output).toContain('terminating connection due to administrator command');
    expect(await query('SELECT 1 AS one')).toEqual([{one: 1}]);
    child.kill('SIGKILL');
    await exited;
  });
});

describe('on SIGTERM', () => {
  const sessions = "SELECT state FROM pg_stat_activity WHERE application_name LIKE 'web%'";
  const isRunning = `${sessions} AND state = 'active'`;

  test('the pool lets a statement end, then the process', async () => {
    const {child, exited, query} = await start(instrumented);
    const slow = query("SELECT pg_sleep(0.5), 'done' AS done");
    await expect.poll(() => server.query(isRunning)).toHaveLength(1);
    child.kill('SIGTERM');
    expect(await slow).toMatchObject([{done: 'done'}]);
    expect(await exited).toEqual([null, 'SIGTERM']);
    await expect.poll(() => server.query(sessions)).toEqual([]);
  });

  test('the pool cancels what runs at the deadline', async () => {
    const {child, exited, query} = await start(instrumented);
    const endless = query('SELECT pg_sleep(600)');
    await expect.poll(() => server.query(isRunning)).toHaveLength(1);
    child.kill('SIGTERM');
    // The connection is closed as soon as the request is sent.
    expect(await endless).toMatch(/^canceling statement due to user request$|^Connection terminated$/);
    expect(await exited).toEqual([null, 'SIGTERM']);
    await expect.poll(() => server.query(sessions)).toEqual([]);
  });

  test('an application that listens once ends itself', async () => {
    const {child, exited, output} = await start(`${instrumented}
process.once('SIGTERM', async () => {
  while (!pool.ended) await new Promise(resolve => setTimeout(resolve, 10));
  await new Promise(resolve => setTimeout(resolve, 200));
  console.log('drained');
  process.exit(0);
});
`);
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
    expect(output()).toContain('drained');
  });
});
