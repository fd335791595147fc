import {readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {
  createCliRoles,
  type Ended,
  type ProgramOptions,
  runProgram,
  temporaryHome,
  urlOf,
} from '../cli/run-program.ts';
import {openProgram} from '../helpers/console.ts';
import {shareTestServer, type TestServer} from '../helpers/server.ts';

const limits = '{max_mean: 1h, min_cache_hit: 0%, min_index_hit: 0%}';

describe('a rollout whose process is killed', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major: 18});
    await createCliRoles(server);
  });
  afterAll(() => server?.stop());

  async function prepare(stages: string) {
    const home = await temporaryHome();
    const head = `name: web 3.1\nevery: 0.5s\nthresholds: ${limits}\nstages:\n`;
    await writeFile(join(home, 'plan.yaml'), head + stages);
    const args = ['plan.yaml', urlOf(server, 'oncall'), '--journal', 'j.jsonl'];
    const run = (more: string[] = [], options: ProgramOptions = {}) =>
      runProgram(['rollout', 'run', ...args, ...more], {home, ...options});
    const killed = (when: RegExp) => run(['--yes'], {interrupt: {when, signal: 'SIGKILL'}});
    const done = async () =>
      (await readFile(join(home, 'done'), 'utf8').catch(() => '')).split('\n').filter(Boolean);
    return {home, args, run, killed, done};
  }

  const isNoted = `while ! grep -q '"process"' j.jsonl; do sleep 0.02; done`;
  const isLetGo = 'while [ ! -e go ]; do sleep 0.02; done';

  it('while promoting: waits for the command that is still running, and promotes again', async () => {
    const {home, run, killed, done} = await prepare(`
  - name: all
    promote: |
      echo begun >> done; ${isNoted}; echo noted
      ${isLetGo}
      echo ended >> done
    rollback: echo back >> done
    watch: 1s
`);
    expect((await killed(/all\| noted/)).signal).toBe('SIGKILL');
    const early = await run();
    expect([early.code, early.stderr]).toEqual([
      7,
      expect.stringMatching(/all: the command started earlier is still running, process \d+/),
    ]);
    expect(await done()).toEqual(['begun']);
    await writeFile(join(home, 'go'), '');
    const ended = await untilOver(run);
    expect(ended.code).toBe(0);
    expect(ended.stderr).toContain('all: promoting: again, the first run was interrupted');
    expect(await done()).toEqual(['begun', 'ended', 'begun', 'ended']);
    expect((await runProgram(['journal', 'verify', '--journal', 'j.jsonl'], {home})).code).toBe(0);
  });

  it('while watching: watches the remaining time without promoting again', async () => {
    const {run, killed, done} = await prepare(`
  - {name: all, promote: echo promoted >> done, rollback: echo back >> done, watch: 4s}
`);
    expect((await killed(/readable/)).signal).toBe('SIGKILL');
    const {code, stderr} = await run();
    expect([code, stderr]).toEqual([0, expect.stringContaining('resuming rollout')]);
    expect(stderr).not.toContain('again, the first run');
    expect(await done()).toEqual(['promoted']);
  });

  it('while waiting for approval: asks again, with nothing executed', async () => {
    const {home, args, run, done} = await prepare(`
  - {name: first, promote: echo first >> done, rollback: none}
  - {name: second, approval: true, promote: echo second >> done, rollback: none}
`);
    const terminal = openProgram(['rollout', 'run', ...args, '--approve-stage', 'first'], {
      cwd: home,
      columns: 120,
    });
    await terminal.waitFor('Type second to approve this stage');
    terminal.kill('SIGKILL');
    await terminal.onExit;
    await terminal.close();
    expect(await done()).toEqual(['first']);
    const unasked = await run();
    expect([unasked.code, unasked.stderr]).toEqual([2, expect.stringContaining('needs approval')]);
    const {code, stderr} = await run(['--approve-stage', 'second']);
    expect([code, stderr]).toEqual([0, expect.not.stringContaining('again, the first run')]);
    expect(await done()).toEqual(['first', 'second']);
  });

  it('while rolling back: rolls back again, says so, and promotes nothing', async () => {
    const {run, killed, done} = await prepare(`
  - {name: first, promote: echo first >> done, rollback: echo back from first >> done}
  - name: second
    promote: echo second >> done; exit 3
    rollback: |
      echo back from second >> done; ${isNoted}
      [ -e again ] || { touch again; echo noted; exec sleep 0.1; }
`);
    expect((await killed(/second\| noted/)).signal).toBe('SIGKILL');
    const ended = await untilOver(run);
    expect(ended.code).toBe(7);
    expect(ended.stderr).toContain('second: rolling back: again, the first run was interrupted');
    expect(await done()).toEqual([
      'first',
      'second',
      'back from second',
      'back from second',
      'back from first',
    ]);
  });

  // At the same time: each watches for two seconds.
  it.each([
    [1, 2, 3, 4, 5],
    [6, 7, 8, 9, 10],
  ])(
    'after line %i, %i, %i, %i or %i of its output: resumes, and promotes once or reports that it promotes again',
    async (...lines) => {
      await Promise.all(lines.map(killedAfter));
    },
  );

  async function killedAfter(count: number): Promise<void> {
    const {home, run, killed, done} = await prepare(`
  - {name: one, promote: echo one >> done, rollback: echo back >> done, watch: 1s}
  - {name: two, promote: echo two >> done, rollback: echo back >> done, approval: true, watch: 1s}
`);
    const first = await killed(new RegExp(`(?:^poolctl: .*\\n[^]*?){${count}}`, 'm'));
    expect(first.signal).toBe('SIGKILL');
    const second = await untilOver(() => run(['--yes']));
    const journal = (await readFile(join(home, 'j.jsonl'), 'utf8')).split('\n');
    const rollouts = journal.filter(line => line.includes('"event":"rollout"')).length;
    const lines = await done();
    expect(second.code).toBe(0);
    for (const name of ['one', 'two']) {
      const isRepeated = second.stderr.includes(`${name}: promoting: again, the first run was interrupted`);
      const times = lines.filter(line => line === name).length;
      expect(times, `${name} after line ${count}`).toBeGreaterThan(0);
      expect(times, `${name} after line ${count}`).toBeLessThanOrEqual(rollouts + (isRepeated ? 1 : 0));
    }
  }
});

/** Runs it again until the command of the killed rollout has ended. */
async function untilOver(run: () => Promise<Ended>): Promise<Ended> {
  const ended = await run();
  return ended.stderr.includes('still running') ? untilOver(run) : ended;
}
