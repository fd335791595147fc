import {readFile, symlink, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {type Demo, startDemo} from '../../source/demo/demo.ts';
import {lockEntry} from '../../source/journal/lock.ts';
import {type ProgramOptions, runProgram, temporaryHome} from '../cli/run-program.ts';

/** Findings of the demo itself do not fail the rollout. */
const limits =
  '{max_mean: 1h, max_used: 100%, max_blocked: 100, max_idle_in_transaction: 1h, max_transaction: 1h}';

/** Opens eight sessions that stay idle in transaction, like a new version with a leak, until the file `stop` exists. */
const badVersion = `
import pg from '${new URL('../../node_modules/pg/lib/index.js', import.meta.url).pathname}';
import {existsSync, writeFileSync} from 'node:fs';
const clients = [];
for (let each = 0; each < 8; each++) {
  const client = new pg.Client({connectionString: process.env.DEMO_URL, application_name: 'web-2.14'});
  client.on('error', () => {});
  await client.connect();
  await client.query('BEGIN');
  clients.push(client);
}
writeFileSync('leaking', '');
setInterval(() => existsSync('stop') && process.exit(0), 50);
`;

const free = {timeout_ms: 0, isWritten: async () => false};

/** The first characters of a plan's hash, as in the name of its lock. */
function hashOf(journal: string): string {
  return String(/"plan":"(\w{12})/.exec(journal)?.[1]);
}

describe('a rollout against the demo', () => {
  let demo: Demo;
  beforeAll(async () => {
    demo = await startDemo({seed: 1, calm: true, onProgress: () => {}});
  });
  afterAll(() => demo?.stop());

  async function prepare(plan: string) {
    const home = await temporaryHome();
    await writeFile(join(home, 'plan.yaml'), plan);
    await writeFile(join(home, 'bad.mjs'), badVersion);
    const rollout = (verb: string, args: string[] = [], options: ProgramOptions = {}) =>
      runProgram(
        [
          'rollout',
          verb,
          'plan.yaml',
          demo.url,
          ...(args.includes('--journal') ? [] : ['--journal', 'j.jsonl']),
          ...args,
        ],
        {
          home,
          ...options,
          env: {DEMO_URL: demo.rescueUrl, NODE: process.execPath, ...options.env},
        },
      );
    const done = async () => (await readFile(join(home, 'done'), 'utf8').catch(() => '')).trim().split('\n');
    return {home, rollout, done};
  }

  it('passes each stage, with the approval that it needs', async () => {
    const {rollout, done} = await prepare(`
name: web 2.13
every: 0.5s
thresholds: ${limits}
stages:
  - {name: staging, promote: echo staging >> done, rollback: echo back >> done, watch: 1s}
  - {name: everyone, approval: true, promote: 'echo everyone >> done', rollback: none}
`);
    const planned = await rollout('run', ['--dry-run']);
    expect([planned.code, planned.stdout]).toEqual([
      0,
      expect.stringMatching(/2\. everyone\n +approval +required/),
    ]);
    expect(await done()).toEqual(['']);
    // A stage without `approval` is not promoted unless the call allows it.
    const unasked = await rollout('run');
    expect([unasked.code, unasked.stderr]).toEqual([
      2,
      expect.stringContaining('no consent to run the commands of 1 stage (staging)'),
    ]);
    expect(await done()).toEqual(['']);
    const waiting = await rollout('run', ['--approve-stage', 'staging']);
    expect([waiting.code, waiting.stderr]).toEqual([
      2,
      expect.stringContaining('--approve-stage "everyone"'),
    ]);
    expect((await rollout('status')).stdout).toMatch(/running\nstaging +passed\neveryone +to do\n/);
    const ended = await rollout('run', ['--approve-stage', 'everyone', '--json']);
    expect([ended.code, JSON.parse(ended.stdout)]).toMatchObject([
      0,
      {status: 'done', stages: [{phase: 'passed'}, {phase: 'passed'}]},
    ]);
    expect(await done()).toEqual(['staging', 'everyone']);
  });

  it('rolls back a bad version, last stage first', async () => {
    const {rollout, done, home} = await prepare(`
name: web 2.14
every: 0.5s
sustain: 1s
thresholds: ${limits}
stages:
  - name: 10 %
    promote: echo 10 >> done
    rollback: echo back from 10 >> done
    watch: 1s
  - name: 100 %
    promote: |
      echo 100 >> done
      "$NODE" bad.mjs > log 2>&1 &
      while [ ! -e leaking ]; do :; done
    rollback: touch stop; echo back from 100 >> done
    watch: 10min
    thresholds:
      max_idle_in_transaction: 2s
`);
    const {code, stdout, stderr} = await rollout('run', ['--yes']);
    expect([code, stdout]).toEqual([
      1,
      expect.stringMatching(
        /failed, rolled back\n10 % +rolled back\n100 % +rolled back\n100 % failed: longest idle in transaction stayed critical/,
      ),
    ]);
    expect(stderr).toContain('100 %: failed: longest idle in transaction stayed critical');
    expect(await done()).toEqual(['10', '100', 'back from 100', 'back from 10']);
    const journal = await runProgram(['journal', 'list', '--journal', 'j.jsonl'], {home});
    expect(journal.stdout).toMatch(/stage 100 %: rolling back: touch stop/);
    expect((await runProgram(['journal', 'verify', '--journal', 'j.jsonl'], {home})).code).toBe(0);
    const id = /rollout (\w+):/.exec(stdout)?.[1] ?? '';
    const commands = [
      ['journal', 'export', '--format', 'markdown'],
      ['journal', 'export', '--format', 'csv'],
      ['report', '--run', id],
    ];
    for (const each of commands) {
      const {stdout: text} = await runProgram([...each, '--journal', 'j.jsonl'], {home});
      expect(text).toMatch(/web 2\.14.*100 %.*touch stop; echo back from 100/s);
    }
  });

  it('prints commands without passwords in a dry run, and which stages need approval', async () => {
    const {rollout} = await prepare(`
name: web 2.12
stages:
  - name: staging
    promote: |
      PGPASSWORD=hush psql -c 'SELECT 1' # harmless\r
      curl -u deploy:hush https://example.com --token=hush
      echo "a\u009bb\rc"
    rollback: none
  - {name: everyone, approval: true, promote: 'DEPLOY_TOKEN="hush" ./deploy', rollback: ./back postgres://u:hush@h/d}
`);
    const {code, stdout} = await rollout('run', ['--dry-run']);
    expect(code).toBe(0);
    expect(stdout).not.toMatch(/hush|\u009b/);
    expect(stdout).toMatch(
      /^1\. staging\n +approval +not required: runs with --yes\n +promote +PGPASSWORD=\*\*\* psql .*\n +curl .*\n +echo "a/m,
    );
    expect(stdout).toContain('Waits for approval before: everyone.\n');
    expect(stdout).toContain('Runs commands without asking: staging. This requires --yes.\n');
    const json = await rollout('run', ['--dry-run', '--json']);
    expect(json.stdout).not.toMatch(/hush|\u009b/);
    expect(JSON.parse(json.stdout).stages).toMatchObject([
      {acts_unasked: true, promote: expect.stringMatching(/psql .*\n.*curl/s)},
      {acts_unasked: false},
    ]);
  });

  it('resumes after an interruption', async () => {
    const {rollout, done} = await prepare(`
name: web 2.15
every: 0.5s
thresholds: ${limits}
stages:
  - {name: all, promote: echo promoted >> done, rollback: echo back >> done, watch: 4s}
`);
    const first = await rollout('run', ['--yes'], {interrupt: {when: /all: watching/, signal: 'SIGINT'}});
    expect([first.code, first.stderr]).toEqual([
      130,
      expect.stringContaining('Run the same command again to resume.'),
    ]);
    expect((await rollout('status', ['--json'])).stdout).toContain('"phase": "watching"');
    // The stage was approved before the interruption.
    const second = await rollout('run');
    expect([second.code, second.stderr]).toEqual([0, expect.stringContaining('resuming rollout')]);
    expect(await done()).toEqual(['promoted']);
  });

  it('creates the folder of its journal, or reports why it cannot', async () => {
    const {rollout, done} = await prepare(`
name: web 2.19
stages:
  - {name: all, promote: echo promoted >> done, rollback: none}
`);
    expect((await rollout('run', ['--yes', '--journal', 'a/b/j.jsonl'])).code).toBe(0);
    expect(await done()).toEqual(['promoted']);
    const refused = await rollout('run', ['--yes', '--journal', '/proc/none/j.jsonl']);
    expect([refused.code, refused.stderr]).toEqual([8, expect.stringContaining('cannot write the journal')]);
  });

  it('does not resume from a broken journal, and takes one lock whatever path names the journal', async () => {
    const {rollout, done, home} = await prepare(`
name: web 2.20
stages:
  - {name: one, promote: echo one >> done, rollback: none}
  - {name: two, promote: echo two >> done, rollback: none, approval: true}
`);
    expect((await rollout('run', ['--approve-stage', 'one'])).code).toBe(2);
    const file = join(home, 'j.jsonl');
    const text = await readFile(file, 'utf8');
    await symlink(file, join(home, 'linked.jsonl'));
    const holder = await lockEntry(`${file}.rollout-${hashOf(text)}`, 0, free);
    const locked = await rollout('run', ['--yes', '--journal', 'linked.jsonl']);
    expect([locked.code, locked.stderr]).toEqual([
      7,
      expect.stringContaining('this rollout is being run by'),
    ]);
    await holder?.release({isWritten: true});
    await writeFile(file, text.replace('"phase":"passed"', '"phase":"failed"'));
    const broken = await rollout('run', ['--yes']);
    expect([broken.code, broken.stderr]).toEqual([8, expect.stringContaining('does not verify')]);
    expect((await rollout('status')).code).toBe(8);
    expect(await done()).toEqual(['one']);
  });

  it('does not start if a server cannot be reached or the plan has mistakes', async () => {
    const {rollout, done, home} = await prepare(`
name: web 2.18
stages:
  - {name: all, promote: echo promoted >> done, rollback: none, watch: 1s}
`);
    const away = ['rollout', 'run', 'plan.yaml', 'postgres://u@127.0.0.1:1/x', '--journal', 'j.jsonl'];
    expect((await runProgram([...away, '--yes'], {home})).code).toBe(3);
    await writeFile(
      join(home, 'plan.yaml'),
      'name: x\nstages:\n  - name: a\n    promot: ls\n    watch: soon\n',
    );
    const {code, stderr} = await rollout('run', ['--yes']);
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(
        /^poolctl: plan\.yaml:4: .*"promote"\?\npoolctl: plan\.yaml:5: watch must be a duration/,
      ),
    ]);
    expect(await done()).toEqual(['']);
  });
});
