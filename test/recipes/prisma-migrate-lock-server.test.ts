import type pg from 'pg';
import {afterAll, beforeAll, expect, it, onTestFinished} from 'vitest';
import {runRecipe} from '../../source/commands/run/command.ts';
import {createActing, createRoles, noFlags, pidsOf} from '../cli/execution/acting.ts';
import {describeMainMajor, shareTestServer, type TestServer} from '../helpers/server.ts';

describeMainMajor('prisma-migrate-lock', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await createRoles(server);
  });
  afterAll(() => server?.stop());

  const now = ['idle_for=0s'];

  /** A session that has taken the lock as the schema engine does. */
  async function migrate(application_name: string): Promise<pg.Client> {
    const client = await open(application_name);
    await client.query('SELECT pg_advisory_lock(72707369)');
    return client;
  }

  async function open(application_name: string): Promise<pg.Client> {
    const client = await server.connect({application_name, user: 'app', password: 'secret'});
    onTestFinished(() => client.end().catch(() => {}));
    return client;
  }

  const untilRuns = (application_name: string) =>
    expect
      .poll(() =>
        server.query("SELECT FROM pg_stat_activity WHERE application_name = $1 AND state = 'active'", [
          application_name,
        ]),
      )
      .toHaveLength(1);

  it('ends the idle holder, and the next migration gets the lock', async () => {
    await migrate('left-behind');
    const next = await open('next');
    const lock = next.query('SELECT pg_advisory_lock(72707369)');
    await untilRuns('next');
    // Locks to ignore: two halves of a key, and the same key written as two.
    const other = await open('other');
    await other.query('SELECT pg_advisory_lock(0, 72707369), pg_advisory_lock(72707369 + (1::int8 << 32))');

    const acting = await createActing(server, {user: 'oncall'});
    expect(await acting.run('prisma-migrate-lock', {set: now, dryRun: true})).toBe(0);
    expect(acting.document().steps).toHaveLength(1);
    expect(await acting.run('prisma-migrate-lock', {set: now, yes: true})).toBe(0);
    expect(acting.document()).toMatchObject({status: 'done', steps: [{outcome: 'verified'}]});
    expect(await lock).toMatchObject({rowCount: 1});
    expect(await pidsOf(server, 'left-behind')).toEqual([]);
    expect(await pidsOf(server, 'other')).toHaveLength(1);
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
    expect(await acting.undo('r2', {yes: true})).toBe(7);
    expect(acting.document()).toMatchObject({steps: [], skipped: [{reason: 'cannot be undone'}]});
  });

  it("distinguishes the advisory lock's key from others with the same halves or another sign", async () => {
    const client = await open('keys');
    for (const key of ['-1', '4294967296', '9223372036854775807', '-9223372036854775808']) {
      await client.query('SELECT pg_advisory_lock($1)', [key]);
      const acting = await createActing(server, {user: 'oncall'});
      const {advisory_locks = []} = await acting.ports.load({advisory_locks: {key}});
      expect(advisory_locks).toMatchObject([{is_granted: true, mode: 'ExclusiveLock', database: 'postgres'}]);
    }
  });

  it("ends the holder of Prisma 8's lock, which a sweep leaves alone by its name", async () => {
    const marker = ['prisma_8.contract.marker:public:app'];
    const take = 'select pg_advisory_xact_lock(hashtext($1))';
    const holder = await open('prisma-8');
    await holder.query('BEGIN');
    await holder.query(take, marker);
    const next = await open('next-8');
    await next.query('BEGIN');
    const lock = next.query(take, marker);
    await untilRuns('next-8');

    const acting = await createActing(server, {user: 'oncall'});
    const sweep = ['older_than=0s', 'application=prisma-8'];
    expect(await acting.run('kill-idle-sessions', {set: sweep, yes: true})).toBe(0);
    expect(acting.document()).toMatchObject({
      steps: [],
      skipped: [{reason: expect.stringMatching(/^it holds advisory lock -?\d+ \(Prisma 8\)$/)}],
    });
    expect(await acting.run('prisma-migrate-lock', {set: now, yes: true})).toBe(0);
    expect(acting.document()).toMatchObject({status: 'done', steps: [{outcome: 'verified'}]});
    expect((acting.document() as unknown as {figure: string[]}).figure).toHaveLength(2);
    expect(await lock).toMatchObject({rowCount: 1});
    await next.query('ROLLBACK');
  });

  it('skips a running migration', async () => {
    const client = await migrate('at-work');
    const failure = client.query('SELECT pg_sleep(600)').catch((error: {code: string}) => error.code);
    await untilRuns('at-work');
    const acting = await createActing(server, {user: 'oncall'});
    expect(await acting.run('prisma-migrate-lock', {set: now, yes: true})).toBe(0);
    expect(acting.document()).toMatchObject({steps: [], skipped: [{reason: 'a running migration'}]});
    await server.query(
      "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'at-work'",
    );
    expect(await failure).toBe('57014');
  });

  it('does nothing if the migration has continued since the preview', async () => {
    const client = await migrate('goes-on');
    const acting = await createActing(server, {user: 'oncall'});
    const ask = async () => {
      await client.query('SELECT 1');
      return 'yes';
    };
    const flags = {...noFlags, set: now, json: false};
    expect(await runRecipe({...acting.ports, ask}, 'prisma-migrate-lock', flags)).toBe(6);
    expect(await pidsOf(server, 'goes-on')).toHaveLength(1);
  });
});
