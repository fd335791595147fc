import type pg from 'pg';
import {afterAll, beforeAll, expect, it, onTestFinished} from 'vitest';
import {createActing, createRoles, pidsOf} from '../cli/execution/acting.ts';
import {describeEachMajor, startTestServer, type TestServer} from '../helpers/server.ts';

describeEachMajor('sessions that others rely on', major => {
  let server: TestServer;
  beforeAll(async () => {
    // Its standby never comes; only sessions that ask for it wait.
    server = await startTestServer({
      major,
      settings: {synchronous_standby_names: 'absent', synchronous_commit: 'local'},
    });
    await createRoles(server);
    await server.query('CREATE TABLE orders (id int PRIMARY KEY)');
    await server.query('GRANT ALL ON orders TO app');
  });
  afterAll(() => server?.stop());

  async function open(application_name: string, ...statements: string[]): Promise<pg.Client> {
    const client = await server.connect({application_name, user: 'app', password: 'secret'});
    onTestFinished(() => client.end().catch(() => {}));
    for (const statement of statements) await client.query(statement);
    return client;
  }

  const waiting = (wait_event: string) =>
    expect
      .poll(() => server.query('SELECT FROM pg_stat_activity WHERE wait_event = $1', [wait_event]))
      .toHaveLength(1);

  const idle = ['states=idle', 'older_than=0s', 'role=app'];
  const explanationOf = (document: Record<string, unknown>) => (document.explanation as string[]).join('\n');

  it('are left out of a sweep with the reason, and ended by pid with what ends with them', async () => {
    await open('leader', 'SELECT pg_advisory_lock(4242)');
    await open('migrator', 'SELECT pg_advisory_lock(72707369), pg_advisory_lock(1, 2)', 'SELECT 1');
    await open('notified', 'LISTEN jobs');
    await open('pgbouncer', 'SELECT 1');
    await open('web', 'SELECT 1');
    const acting = await createActing(server, {user: 'oncall'});
    expect(await acting.run('kill-idle-sessions', {set: idle, yes: true})).toBe(0);
    const {steps, skipped} = acting.document();
    expect(steps).toHaveLength(1);
    expect(await pidsOf(server, 'web')).toEqual([]);
    expect(
      Object.fromEntries(
        (skipped as {description: string; reason: string}[]).map(({description, reason}) => [
          description,
          reason,
        ]),
      ),
    ).toEqual({
      'leader/app idle': 'it holds advisory lock 4242',
      'migrator/app idle': 'it holds advisory lock 72707369 (Prisma Migrate) and 1 more',
      'notified/app idle': 'it listens for notifications (LISTEN)',
      'pgbouncer/app idle': 'it is a server connection of pgbouncer, which clients share',
    });
    expect(explanationOf(acting.document())).toContain('It has no transaction open: nothing is rolled back.');

    const [leader] = await pidsOf(server, 'leader');
    expect(await acting.run('kill-idle-sessions', {set: [...idle, `pid=${leader}`], yes: true})).toBe(0);
    expect(explanationOf(acting.document())).toContain(
      `${leader} holds advisory lock 4242: released, another session can take it immediately.`,
    );
    expect(await server.query('SELECT pg_try_advisory_lock(4242) AS is_free')).toEqual([{is_free: true}]);
  });

  it('are shown with the temporary tables, the tables written to and the rows copied that end with them', async () => {
    const client = await open(
      'cart',
      'CREATE TEMP TABLE cart (id int)',
      'CREATE TEMP TABLE totals (id int)',
      'BEGIN',
      'INSERT INTO orders VALUES (1001)',
      'INSERT INTO cart VALUES (1)',
    );
    const copier = await server.connect({application_name: 'copier'});
    copier.on('error', () => {});
    copier.query("COPY orders FROM PROGRAM 'seq 2001 60000; sleep 600'").catch(() => {});
    onTestFinished(async () => {
      await server.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'copier'",
      );
      await expect.poll(() => pidsOf(server, 'copier')).toEqual([]);
    });
    await expect
      .poll(() =>
        server.query(
          "SELECT FROM pg_stat_activity WHERE application_name = 'copier' AND backend_xid IS NOT NULL",
        ),
      )
      .toHaveLength(1);
    const [pid] = await pidsOf(server, 'cart');
    const [copy] = await pidsOf(server, 'copier');
    const acting = await createActing(server);
    await expect
      .poll(
        async () => {
          await acting.run('terminate-sessions', {set: [`pid=${pid},${copy}`], dryRun: true});
          return explanationOf(acting.document());
        },
        {timeout: 30_000},
      )
      .toMatch(
        major < 14
          ? /wrote to/
          : new RegExp(
              `${copy} runs COPY FROM of public\\.orders, [1-9]\\S* rows so far: they are rolled back\\.`,
            ),
      );
    const explanation = explanationOf(acting.document());
    expect(explanation).toContain(
      `${pid} wrote to public.orders, or tried to: how many rows cannot be seen.`,
    );
    expect(explanation).toMatch(
      new RegExp(
        `${pid} has 2 temporary tables \\(cart, totals; \\d+\\.?\\d* ?\\w+\\), which end with it\\.`,
      ),
    );
    expect(explanation).toContain('Temporary tables of other databases, settings, prepared statements');

    await client.query('ROLLBACK');
    await acting.run('terminate-sessions', {set: [`pid=${pid}`], dryRun: true});
    const idleNow = explanationOf(acting.document());
    expect(idleNow).not.toContain('wrote to');
    // Before PostgreSQL 16 only a transaction shows whose they are.
    if (major >= 16) expect(idleNow).toContain(`${pid} has 2 temporary tables`);
  });

  it('a session that takes an advisory lock after the preview is skipped', async () => {
    const client = await open('becomes-leader', 'SELECT 1');
    const acting = await createActing(server, {user: 'oncall'});
    const load = acting.ports.load;
    let loads = 0;
    acting.ports.load = async needs => {
      // Between the preview and the plan that is made right before the first batch.
      if (++loads === 2) await client.query('SELECT pg_advisory_lock(77)');
      return load(needs);
    };
    const set = [...idle, 'application=becomes-leader'];
    expect(await acting.run('kill-idle-sessions', {set, yes: true})).toBe(6);
    expect(acting.document().steps).toMatchObject([
      {outcome: 'skipped', message: 'skipped now: it holds advisory lock 77'},
    ]);
    expect(await pidsOf(server, 'becomes-leader')).toHaveLength(1);
  });

  it('the commit of a session that waits for its standby stays, whatever is done to it', async () => {
    const client = await open('writer', 'SET synchronous_commit = on');
    const notices: string[] = [];
    client.on('notice', ({message}) => notices.push(message ?? ''));
    const done = client.query('INSERT INTO orders VALUES (1)');
    await waiting('SyncRep');
    const acting = await createActing(server, {user: 'oncall'});
    const sweep = ['otherwise=simple', 'older_than=0s', 'application=writer'];
    await expect
      .poll(async () => {
        await acting.run('cancel-runaway-statements', {set: sweep, dryRun: true});
        return acting.document();
      })
      .toMatchObject({
        steps: [],
        skipped: [{reason: 'its transaction is committed and waits for a synchronous standby (SyncRep)'}],
      });

    const [pid] = await pidsOf(server, 'writer');
    expect(await acting.run('cancel-statements', {set: [`pid=${pid}`], yes: true})).toBe(0);
    const text = explanationOf(acting.document());
    expect(text).toContain(
      `${pid} waits for a synchronous standby (SyncRep): its transaction is committed here`,
    );
    expect(text).not.toContain('57014');
    expect(await done).toMatchObject({rowCount: 1});
    expect(notices).toEqual(['canceling wait for synchronous replication due to user request']);
    expect(await server.query('SELECT count(*)::int4 AS rows FROM orders')).toEqual([{rows: 1}]);
  });

  it('an index build that is cancelled leaves an invalid index, as its preview says with whom it waits for', async () => {
    const holder = await open('holder', 'BEGIN', 'INSERT INTO orders VALUES (2)');
    const [holding] = await pidsOf(server, 'holder');
    const client = await server.connect({application_name: 'builder'});
    onTestFinished(() => client.end().catch(() => {}));
    const failure = client
      .query('CREATE INDEX CONCURRENTLY orders_again_idx ON orders (id)')
      .catch((error: {code: string}) => error.code);
    await expect
      .poll(() => server.query('SELECT current_locker_pid::int4 AS pid FROM pg_stat_progress_create_index'))
      .toEqual([{pid: holding}]);
    const [pid] = await pidsOf(server, 'builder');
    const acting = await createActing(server);
    const sweep = ['otherwise=simple', 'older_than=0s', 'application=builder'];
    await acting.run('cancel-runaway-statements', {set: sweep, dryRun: true});
    expect(acting.document().steps).toEqual([]);
    expect(await acting.run('cancel-statements', {set: [`pid=${pid}`], yes: true})).toBe(0);
    expect(explanationOf(acting.document())).toContain(
      `${pid} runs CREATE INDEX CONCURRENTLY of public.orders_again_idx (waiting for writers before build, waiting for session ${holding}). If stopped, it leaves an INVALID index`,
    );
    expect(await failure).toBe('57014');
    expect(
      await server.query("SELECT indisvalid FROM pg_index WHERE indexrelid = 'orders_again_idx'::regclass"),
    ).toEqual([{indisvalid: false}]);
    await holder.query('ROLLBACK');
  });
});
