import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {expect, it, onTestFinished} from 'vitest';
import {createCliRoles, password, runProgram, temporaryHome, urlOf} from '../cli/run-program.ts';
import {describePgBouncer, startPgBouncer} from '../helpers/pgbouncer.ts';
import {shareTestServer} from '../helpers/server.ts';

describePgBouncer('a rollout beside a pooler', () => {
  it('rolls back when clients wait in it, and does not show its password', async () => {
    const server = await shareTestServer({major: 18});
    onTestFinished(() => server.stop());
    await createCliRoles(server);
    const pooler = await startPgBouncer({
      server,
      pool_mode: 'transaction',
      users: {app: password},
      settings: {default_pool_size: 1},
    });
    onTestFinished(() => pooler.stop());
    const connect = () => server.connect({config: {connectionString: pooler.url({user: 'app'})}});
    const holder = await connect();
    await holder.query('BEGIN');
    for (const client of await Promise.all([connect(), connect()])) client.query('SELECT 1').catch(() => {});
    const home = await temporaryHome();
    const prepare = (more: string) =>
      writeFile(
        join(home, 'plan.yaml'),
        `name: web
every: 0.5s
sustain: 1s
thresholds: {max_mean: 1h, min_cache_hit: 0%, min_index_hit: 0%, max_idle_in_transaction: 1h, max_pooler_waiting: 1}
${more}
stages:
  - {name: all, promote: echo promoted, rollback: echo back, watch: 10min}
`,
      );
    const rollout = (args: string[]) =>
      runProgram(['rollout', 'run', 'plan.yaml', urlOf(server, 'oncall'), '--journal', 'j.jsonl', ...args], {
        home,
      });
    await prepare('');
    const unasked = await rollout(['--yes']);
    expect([unasked.code, unasked.stderr]).toEqual([2, expect.stringContaining('Add --pooler URL')]);
    const away = await rollout(['--yes', '--pooler', 'postgres://stats@127.0.0.1:1/pgbouncer']);
    expect([away.code, away.stderr]).toEqual([3, expect.not.stringContaining('promoting')]);
    const admin = pooler.url({database: 'pgbouncer'});
    const failed = await rollout(['--yes', '--pooler', admin]);
    expect([failed.code, failed.stderr]).toEqual([
      1,
      expect.stringContaining('all: failed: clients waiting in the pooler stayed critical'),
    ]);
    await prepare(`pooler: ${admin}`);
    for (const args of [['--dry-run'], ['--dry-run', '--json']]) {
      const {stdout} = await rollout(args);
      expect(stdout).toContain('/pgbouncer');
      expect(stdout).not.toContain(new URL(admin).password);
    }
    expect((await rollout(['--yes'])).stderr).toContain('clients waiting in the pooler stayed critical');
  });
});
