import {readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {createCliRoles, type ProgramOptions, runProgram, temporaryHome, urlOf} from '../cli/run-program.ts';
import {openProgram} from '../helpers/console.ts';
import {shareTestServer, type TestServer} from '../helpers/server.ts';

const limits = '{max_mean: 1h, min_cache_hit: 0%, min_index_hit: 0%}';

describe('a rollout that is rolled back', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major: 18});
    await createCliRoles(server);
  });
  afterAll(() => server?.stop());

  async function prepare(plan: string) {
    const home = await temporaryHome();
    await writeFile(join(home, 'plan.yaml'), plan);
    const args = (verb: string) => [
      ...['rollout', verb, 'plan.yaml', urlOf(server, 'oncall')],
      ...['--journal', 'j.jsonl'],
    ];
    const rollout = (verb: string, more: string[] = [], options: ProgramOptions = {}) =>
      runProgram([...args(verb), ...more], {home, ...options});
    const done = async () => (await readFile(join(home, 'done'), 'utf8').catch(() => '')).trim().split('\n');
    return {home, args, rollout, done};
  }

  it('rolls back after a command failed, and says so', async () => {
    const {rollout, done} = await prepare(`
name: web 2.16
stages:
  - {name: all, promote: 'echo half >> done; exit 3', rollback: echo back >> done}
  - {name: never, promote: echo never >> done, rollback: none}
`);
    const {code, stderr} = await rollout('run', ['--yes']);
    expect([code, stderr]).toEqual([7, expect.stringContaining('all: failed: promote exited with 3')]);
    expect(await done()).toEqual(['half', 'back']);
  });

  it('kills a command that takes too long, with its child processes', async () => {
    const {rollout} = await prepare(`
name: web 2.17
command_timeout: 1s
stages:
  - {name: all, promote: 'sleep 600 & sleep 600', rollback: 'exit 1'}
`);
    const {code, stdout, stderr} = await rollout('run', ['--yes']);
    expect([code, stderr]).toEqual([7, expect.stringContaining('promote took longer than 1 s')]);
    expect(stdout).toMatch(/all +not rolled back +rollback exited with 1/);
  });

  it('does not start an edited plan beside its open rollout, and aborts that', async () => {
    const text = (watch: string) => `
name: web 2.21
on_failure: echo "$POOLCTL_STAGE $POOLCTL_REASON" >> done
on_approval: echo "$POOLCTL_STAGE $POOLCTL_REASON" >> done
stages:
  - {name: one, promote: echo one >> done, rollback: echo back >> done}
  - {name: two, promote: echo two >> done, rollback: none, approval: true, command_timeout: ${watch}}
`;
    const {rollout, done, home} = await prepare(text('60s'));
    expect((await rollout('run', ['--approve-stage', 'one'])).code).toBe(2);
    await writeFile(join(home, 'plan.yaml'), text('61s'));
    const edited = await rollout('run', ['--yes']);
    expect([edited.code, edited.stderr]).toEqual([
      6,
      expect.stringMatching(/the plan has changed since rollout \w+ of web 2\.21.*\n.*rollout abort/),
    ]);
    expect((await rollout('status')).stderr).toContain('the plan has changed since rollout');
    expect((await rollout('abort')).code).toBe(2);
    const preview = await rollout('abort', ['--dry-run', '--json']);
    expect([preview.code, JSON.parse(preview.stdout)]).toMatchObject([
      0,
      {
        status: 'running',
        rolls_back: ['one'],
        stages: [{name: 'one', rollback: 'echo back >> done'}, {name: 'two'}],
      },
    ]);
    expect((await rollout('abort', ['--dry-run'])).stdout).toMatch(
      /^web 2\.21: rollout \w+: running\nWould execute:\non_failure +echo .*\n1\. one\n +rollback +echo back >> done\n$/,
    );
    const aborted = await rollout('abort', ['--yes']);
    expect([aborted.code, aborted.stdout]).toEqual([0, expect.stringContaining('one failed: aborted')]);
    expect(await done()).toEqual(['one', 'two waits for approval', 'one aborted', 'back']);
    expect((await rollout('abort', ['--yes'])).code).toBe(2);
    const list = ['rollout', 'list', '--journal', 'j.jsonl', '--json'];
    expect(JSON.parse((await runProgram(list, {home})).stdout).rollouts).toMatchObject([
      {
        name: 'web 2.21',
        status: 'failed, rolled back',
        reason: 'aborted',
        stages: [{phase: 'rolled back'}, {}],
      },
    ]);
  });

  it('tries a rollback again that failed', async () => {
    const {rollout, done, home} = await prepare(`
name: web 2.22
stages:
  - {name: one, promote: 'echo one >> done; exit 3', rollback: 'test -e fixed && echo back >> done'}
`);
    expect((await rollout('run', ['--yes'])).code).toBe(7);
    expect((await rollout('retry', ['--yes'])).code).toBe(7);
    await writeFile(join(home, 'fixed'), '');
    const again = await rollout('retry', ['--yes']);
    expect([again.code, again.stdout]).toEqual([0, expect.stringContaining('failed, rolled back')]);
    expect(await done()).toEqual(['one', 'back']);
    expect((await rollout('retry', ['--yes'])).code).toBe(2);
  });

  it('rolls back when it is interrupted, if the plan says so', async () => {
    const {rollout, done} = await prepare(`
name: web 2.23
every: 0.5s
on_interrupt: roll back
thresholds: ${limits}
stages:
  - {name: all, promote: echo promoted >> done, rollback: echo back >> done, watch: 10min}
`);
    const {code} = await rollout('run', ['--yes'], {interrupt: {when: /all: watching/, signal: 'SIGINT'}});
    expect(code).toBe(130);
    expect(await done()).toEqual(['promoted', 'back']);
    expect((await rollout('status')).stdout).toMatch(
      /failed, rolled back\nall +rolled back\nall failed: interrupted/,
    );
  });

  it.each([
    {answer: 'yes', after: ['promoted', 'back'], status: 'failed, rolled back'},
    {answer: '', after: ['promoted'], status: 'running'},
  ])('asks after Ctrl-C on a terminal, and takes $answer', async ({answer, after, status}) => {
    const {home, args, rollout, done} = await prepare(`
name: web 2.24
every: 0.5s
thresholds: ${limits}
stages:
  - {name: all, promote: echo promoted >> done, rollback: echo back >> done, watch: 10min}
`);
    const terminal = openProgram([...args('run'), '--yes'], {cwd: home, columns: 120});
    await terminal.waitFor('all: watching');
    terminal.press('ctrl-c');
    await terminal.waitFor('Type yes to roll back 1 stage (all)');
    terminal.type(answer, 'enter');
    expect((await terminal.onExit).exitCode).toBe(130);
    await terminal.close();
    expect(await done()).toEqual(after);
    expect(JSON.parse((await rollout('status', ['--json'])).stdout)).toMatchObject({status});
  });
});
