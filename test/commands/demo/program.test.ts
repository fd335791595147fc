import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {chmod, readdir} from 'node:fs/promises';
import {createInterface} from 'node:readline';
import {describe, expect, it, onTestFinished} from 'vitest';
import {runProgram, temporaryHome} from '../../cli/run-program.ts';
import {program} from '../../helpers/build.ts';
import {availableMajors} from '../../helpers/server.ts';

const majors = availableMajors();

describe.skipIf(majors.length === 0)('poolctl demo without a terminal', () => {
  it('prints one snapshot of the incident, and removes its server', async () => {
    const home = await temporaryFolder();
    const {code, stdout, stderr} = await runProgram(['demo', '--once', '--seed', '7'], {
      home,
      env: {TMPDIR: home},
    });
    expect(code).toBe(0);
    for (const line of stderr.trimEnd().split('\n')) expect(line).toMatch(/^poolctl demo: /);
    const {target, budget, statements, lock_waits} = JSON.parse(stdout);
    expect(target).toMatchObject({user: 'oncall', database: 'assessments'});
    expect(budget.by_state['idle in transaction']).toBeGreaterThan(0);
    expect(budget.headroom).toBeLessThan(12);
    expect(lock_waits.length).toBeGreaterThan(0);
    expect(statements.some(({query}: {query: string | null}) => query?.includes('route='))).toBe(true);
    expect(await readdir(home)).toEqual([]);
  });

  it('says that TMPDIR does not exist', async () => {
    const {code, stderr} = await runProgram(['demo', '--once'], {env: {TMPDIR: '/no/such/folder'}});
    expect(code).toBe(3);
    expect(stderr).toMatch(
      /poolctl: cannot create a folder in \/no\/such\/folder: ENOENT.*\n {2}Set TMPDIR to a folder/,
    );
  });

  it('exits 130 when interrupted while starting, and removes its server', async () => {
    const home = await temporaryFolder();
    const {code, stderr} = await runProgram(['demo', '--once'], {
      home,
      env: {TMPDIR: home},
      interrupt: {when: /creating the databases/, signal: 'SIGINT'},
    });
    expect([code, stderr]).toEqual([130, expect.stringMatching(/poolctl: interrupted\n$/)]);
    // The watchdog removes it after the program has exited.
    await expect.poll(() => readdir(home)).toEqual([]);
  });
  it.each([
    ['the address', [], 'SIGINT', 0],
    ['a document with both addresses', ['--json'], 'SIGTERM', 143],
  ] as const)('prints %s with --serve, and runs until it is interrupted', async (_, flags, signal, code) => {
    const home = await temporaryFolder();
    const child = spawn(process.execPath, [program, 'demo', '--serve', '--calm', ...flags], {
      env: {PATH: process.env.PATH, HOME: home, TMPDIR: home},
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = once(child, 'close');
    onTestFinished(() => void child.kill('SIGKILL'));
    const [line] = await once(createInterface({input: child.stdout}), 'line');
    const addresses = flags.length === 0 ? {url: line} : JSON.parse(line);
    expect(Object.keys(addresses)).toEqual(
      flags.length === 0 ? ['url'] : ['schema_version', 'url', 'rescue_url'],
    );
    const users = [];
    for (const address of [addresses.url, addresses.rescue_url ?? addresses.url]) {
      const {stdout} = await runProgram(['snapshot', address]);
      users.push(JSON.parse(stdout).target.user);
    }
    expect(users).toEqual(['oncall', flags.length === 0 ? 'oncall' : 'postgres']);
    child.kill(signal);
    expect(await ended).toEqual([code, null]);
    expect(await readdir(home)).toEqual([]);
  });
});

/** If root runs the tests, PostgreSQL runs as another user, who needs access to the folder. */
async function temporaryFolder(): Promise<string> {
  const folder = await temporaryHome();
  await chmod(folder, 0o755);
  return folder;
}
