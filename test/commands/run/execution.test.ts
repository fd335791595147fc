import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import process from 'node:process';
import {afterAll, beforeAll, expect, it} from 'vitest';
import {runRecipe} from '../../../source/commands/run/command.ts';
import {
  createActing,
  createRoles,
  leak,
  noFlags,
  pidsOf,
  temporaryFolder,
} from '../../cli/execution/acting.ts';
import {describeMainMajor, shareTestServer, type TestServer} from '../../helpers/server.ts';
import {rejection} from '../../postgres/requests.ts';

const now = ['older_than=0s'];

describeMainMajor('poolctl run, while it executes a plan', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await createRoles(server);
  });
  afterAll(() => server?.stop());

  it('skips a session that changed between preview and execution', async () => {
    const client = await leak(server, 'busy', 'app');
    const acting = await createActing(server, {user: 'oncall'});
    const {ask: _, ...ports} = acting.ports;
    const ask = async () => {
      await client.query('COMMIT');
      await client.query('BEGIN');
      return 'yes';
    };
    const flags = {...noFlags, set: [...now, 'application=busy'], json: false};
    expect(await runRecipe({...ports, ask}, 'kill-idle-sessions', flags)).toBe(6);
    expect(acting.stderr.join('\n')).toContain('changed since the preview: skipped');
    expect(await pidsOf(server, 'busy')).toEqual([client.processID]);
    const outcomes = (await acting.journal.read()).filter(({event}) => event === 'outcome');
    expect(outcomes).toMatchObject([{outcome: 'skipped', row_count: 0}]);
    await client.end();
  });

  it('exits 7 if one of two steps is refused because its role has become a superuser', async () => {
    const first = await leak(server, 'mixed', 'app');
    await server.query("CREATE ROLE rising LOGIN PASSWORD 'secret'");
    await leak(server, 'mixed', 'rising');
    const acting = await createActing(server, {user: 'oncall'});
    const snapshot = await acting.ports.read();
    await server.query('ALTER ROLE rising SUPERUSER');
    const flags = {...noFlags, set: [...now, 'application=mixed'], yes: true};
    expect(await runRecipe({...acting.ports, read: async () => snapshot}, 'kill-idle-sessions', flags)).toBe(
      7,
    );
    const outcomes = acting.document().steps.map(({outcome, sqlstate}) => `${outcome} ${sqlstate}`);
    expect(outcomes.sort()).toEqual(['failed 42501', 'verified null']);
    expect(await pidsOf(server, 'mixed')).not.toContain(first.processID);
    await server.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'mixed'",
    );
  });

  it('stops after the first session if its process ends with it', async () => {
    const pool = `const {Pool} = require('pg');
      const pool = new Pool({connectionString: ${JSON.stringify(server.url({user: 'app', password: 'secret'}))}, application_name: 'fragile', max: 6, idleTimeoutMillis: 0});
      Promise.all(Array.from({length: 6}, () => pool.query('SELECT pg_sleep(0.3)'))).then(() => console.log('idle'));`;
    // Without a listener for 'error' node-postgres ends the process.
    const child = spawn(process.execPath, ['-e', pool], {stdio: ['ignore', 'pipe', 'ignore']});
    await once(child.stdout, 'data');
    const ended = once(child, 'exit');
    const acting = await createActing(server, {user: 'oncall'});
    const pids = await pidsOf(server, 'fragile');
    expect(await acting.run('terminate-sessions', {set: [`pid=${pids.join(',')}`], yes: true})).toBe(7);
    expect(acting.document()).toMatchObject({
      status: 'stopped',
      reason: expect.stringMatching(/^5 of 5 other sessions of fragile\/app@.* ended with the first one$/),
    });
    expect(acting.document().steps.map(({outcome}) => outcome)).toEqual([
      'verified',
      ...Array.from({length: 5}, () => 'skipped'),
    ]);
    await ended;
  });

  it('refuses every act where poolctl is read-only, and shows the plan', async () => {
    const client = await leak(server, 'refused', 'app');
    const acting = await createActing(server, {user: 'oncall'});
    const read = async () => {
      const snapshot = await acting.ports.read();
      return {...snapshot, target: {...snapshot.target, read_only: '--read-only'}};
    };
    const flags = {...noFlags, set: [...now, 'application=refused']};
    const run = (how: object) => runRecipe({...acting.ports, read}, 'kill-idle-sessions', {...flags, ...how});
    expect(await run({dryRun: true})).toBe(0);
    expect(await rejection(run({yes: true}))).toMatchObject({
      message: 'poolctl is read-only here (--read-only): nothing was changed',
      exitCode: 2,
    });
    expect(await pidsOf(server, 'refused')).toEqual([client.processID]);
    expect(await acting.journal.read()).toEqual([]);
    await client.end();
  });

  it('executes nothing when the journal cannot be written', async () => {
    const client = await leak(server, 'unwritten', 'app');
    const file = join(await temporaryFolder(), 'a-file');
    await writeFile(file, '');
    const acting = await createActing(server, {user: 'oncall', journal: join(file, 'journal.jsonl')});
    expect(await acting.run('kill-idle-sessions', {set: [...now, 'application=unwritten'], yes: true})).toBe(
      8,
    );
    expect(acting.document().steps).toMatchObject([{outcome: 'skipped'}]);
    expect(await pidsOf(server, 'unwritten')).toEqual([client.processID]);
    await client.end();
  });

  it('can be interrupted between two steps, and records it', async () => {
    await leak(server, 'interrupted', 'app');
    await leak(server, 'interrupted', 'app');
    const acting = await createActing(server, {user: 'oncall'});
    const ending = new AbortController();
    const output = {
      ...acting.ports.output,
      stderr: (text: string) => text.startsWith('verified') && ending.abort(),
    };
    const flags = {...noFlags, set: [...now, 'application=interrupted'], yes: true};
    expect(
      await runRecipe({...acting.ports, output, signal: ending.signal}, 'kill-idle-sessions', flags),
    ).toBe(130);
    expect(acting.document().steps.map(({outcome}) => outcome)).toEqual(['verified', 'skipped']);
    expect((await acting.journal.read()).at(-1)).toMatchObject({event: 'end', status: 'interrupted'});
    expect(await pidsOf(server, 'interrupted')).toHaveLength(1);
    await server.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'interrupted'",
    );
  });

  it('stops if the same client opens its sessions again', async () => {
    const open = async () => {
      const client = await leak(server, 'refill', 'app');
      // Like a pool, opens a new session for each that is ended.
      client.once('end', () => !isOver && opening.push(open()));
    };
    const opening: Promise<void>[] = [];
    let isOver = false;
    for (let count = 0; count < 7; count++) await open();
    const acting = await createActing(server, {user: 'oncall'});
    const sleepUntilBack = {
      now: () => new Date(),
      // The pause ends when the application is back, however long that takes here.
      sleep: async () =>
        expect
          .poll(() => pidsOf(server, 'refill'))
          .toHaveLength(7)
          .then(() => {}),
    };
    const engine = {...acting.ports.engine, clock: sleepUntilBack};
    const flags = {...noFlags, set: [...now, 'application=refill'], yes: true};
    expect(await runRecipe({...acting.ports, engine}, 'kill-idle-sessions', flags)).toBe(7);
    isOver = true;
    expect(acting.document()).toMatchObject({
      status: 'stopped',
      reason: expect.stringContaining('holds 7 sessions again'),
    });
    expect(acting.document().steps.filter(({outcome}) => outcome === 'verified')).toHaveLength(5);
    await Promise.all(opening);
  });
});
