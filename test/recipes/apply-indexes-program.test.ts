import {spawn} from 'node:child_process';
import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, it, onTestFinished} from 'vitest';
import {openJournal} from '../../source/journal/journal-file.ts';
import {temporaryFolder} from '../cli/execution/acting.ts';
import {runProgram} from '../cli/run-program.ts';
import {program} from '../helpers/build.ts';
import {describeMainMajor, shareTestServer, type TestServer} from '../helpers/server.ts';
import {buildPhase, createOrders, holdUp, indexNamed} from './indexing.ts';

describeMainMajor('poolctl run apply-indexes', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await createOrders(server, 20_000);
  });
  afterAll(() => server?.stop());

  it('can be killed during a build; the next run finishes the build, which can be undone', async () => {
    const home = await temporaryFolder();
    const start = startIn(home);
    await writeFile(
      join(home, 'migration.sql'),
      [
        'CREATE INDEX CONCURRENTLY IF NOT EXISTS by_status ON shop.orders (status, n DESC);',
        'CREATE INDEX CONCURRENTLY IF NOT EXISTS next_one ON shop.orders (n);\n',
      ].join('\n'),
    );
    const call = ['run', 'apply-indexes', server.url(), '--set', 'file=migration.sql', '--yes', '--json'];

    const holder = await holdUp(server);
    const killed = start(...call);
    await expect.poll(() => buildPhase(server)).toBe('waiting for writers before build');
    const underWay = `running (pid ${killed.child.pid})`;
    const idle = ['run', 'kill-idle-sessions', server.url(), '--set', 'older_than=1d', '--yes'];
    const other = await runProgram(idle, {home});
    expect([other.code, other.stderr]).toEqual([
      0,
      expect.stringContaining(`process ${killed.child.pid} is executing run`),
    ]);
    const journal = openJournal(join(home, '.local/state/poolctl/journal.jsonl'));
    const entries = await journal.read();
    expect(entries.map(({event}) => event)).toEqual(['run', 'intent']);
    const shown = await runProgram(['journal', 'show', entries[0]?.run ?? ''], {home});
    expect(shown.stdout.split(underWay)).toHaveLength(3);
    expect((await runProgram(['journal', 'verify'], {home})).stdout).toContain(`${underWay}: run`);
    const run = entries[0]?.run ?? '';
    const tooEarly = await runProgram(['undo', run, server.url(), '--yes'], {home});
    expect([tooEarly.code, tooEarly.stderr]).toEqual([
      6,
      expect.stringContaining(`run ${run} is ${underWay}`),
    ]);
    expect((await runProgram(['report', '--run', run], {home})).stdout).toContain(`${run}: ${underWay}`);

    killed.child.kill('SIGKILL');
    await killed.ended;
    expect((await runProgram(['journal', 'verify'], {home})).stdout).toContain(
      'outcome unknown, check the server: run',
    );

    const next = start(...call);
    const isWaiting = () =>
      server.query("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'DO $poolctl$%' AND state = 'active'");
    await expect.poll(isWaiting).toHaveLength(1);
    await holder.query('COMMIT');
    const {code, document} = await next.ended;
    expect([code, document().steps]).toMatchObject([
      0,
      [
        {title: expect.stringContaining('wait for session'), outcome: 'verified'},
        {title: 'build index next_one on shop.orders', outcome: 'verified'},
      ],
    ]);
    expect(await indexNamed(server, 'by_status')).toEqual({
      is_valid: true,
      definition: 'CREATE INDEX by_status ON shop.orders USING btree (status, n DESC)',
    });

    // The next run also reconciles the open step of the killed run.
    const undone = await start('undo', document().run, server.url(), '--yes', '--json').ended;
    expect([undone.code, undone.document().steps]).toMatchObject([
      0,
      [{outcome: 'verified'}, {outcome: 'verified'}],
    ]);
    expect(await indexNamed(server, 'by_status')).toBeUndefined();
    expect(await journal.verify()).toMatchObject({ok: true, unfinished: []});
  });

  it('builds the index that the statements need, and measures their plans', async () => {
    await createOrders(server, 100_000);
    await server.query('CREATE EXTENSION pg_stat_statements');
    for (const user of [1, 2, 3])
      await server.query('SELECT sum(n) FROM shop.orders WHERE user_id = $1', [user]);
    const home = await temporaryFolder();
    const call = ['run', 'apply-indexes', server.url(), '--set', 'table=shop.orders', '--json'];
    const start = startIn(home);
    const [first, second] = await Promise.all([
      start(...call, '--dry-run').ended,
      start(...call, '--dry-run').ended,
    ]);
    const {plan} = first.document();
    expect(second.document().plan).toBe(plan);

    const {code, document} = await start(...call, '--approve', plan).ended;
    expect([code, document().steps]).toMatchObject([0, [{outcome: 'verified'}]]);
    const entries = await openJournal(join(home, '.local/state/poolctl/journal.jsonl')).read();
    const measures = entries.flatMap(entry => (entry.event === 'outcome' ? (entry.measures ?? []) : []));
    expect(measures.find(({name}) => name.startsWith('plan of'))).toMatchObject({
      before: expect.stringContaining('Seq Scan on orders'),
      after: expect.stringContaining('Index Cond: (user_id = $1)'),
    });
    const again = await start(...call, '--yes').ended;
    expect(again.document()).toMatchObject({run: null, steps: []});
  });
});

/** The built program, in a folder of its own; its last document is what it printed. */
function startIn(home: string) {
  return (...args: string[]) => {
    const child = spawn(process.execPath, [program, ...args], {
      cwd: home,
      env: {PATH: process.env.PATH, HOME: home},
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let stdout = '';
    child.stdout.on('data', text => {
      stdout += text;
    });
    const ended = new Promise<{
      code: number | null;
      document: () => {run: string; plan: string; steps: object[]};
    }>(resolve => child.once('close', code => resolve({code, document: () => JSON.parse(stdout)})));
    return {child, ended};
  };
}
