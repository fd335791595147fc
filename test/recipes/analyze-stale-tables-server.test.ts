import {afterAll, beforeAll, beforeEach, expect, it} from 'vitest';
import {runRecipe} from '../../source/commands/run/command.ts';
import type {StepProgress} from '../../source/model/run.ts';
import {connect} from '../../source/postgres/connect/connect.ts';
import {createExecutor} from '../../source/postgres/executor/executor.ts';
import {readStepProgress} from '../../source/postgres/facts/progress.ts';
import {createActing, createRoles, noFlags} from '../cli/execution/acting.ts';
import {beforeStatement} from '../helpers/before-statement.ts';
import {describeEachMajor, startTestServer, type TestServer} from '../helpers/server.ts';
import {requestTo} from '../postgres/requests.ts';

const app = {user: 'app', password: 'secret'};

describeEachMajor('analyze-stale-tables', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({major, settings: {autovacuum: 'off', max_prepared_transactions: 2}});
    await createRoles(server);
  });
  afterAll(() => server?.stop());

  /** A table that was analyzed while empty and has been filled since. */
  beforeEach(async () => {
    await server.query('DROP TABLE IF EXISTS orders, old_orders');
    await server.query('CREATE TABLE orders (id int, kind int)');
    await server.query('ALTER TABLE orders OWNER TO app');
    await server.query('ANALYZE orders');
    await server.query('INSERT INTO orders SELECT n, n % 7 FROM generate_series(1, 20000) n');
    await flush();
    await expect.poll(changed).toBe(20_000);
  });

  const flush = async () => {
    if (major >= 15) await server.query('SELECT pg_stat_force_next_flush()');
  };

  const changed = async () =>
    (
      await server.query<{count: string}>(
        "SELECT n_mod_since_analyze AS count FROM pg_stat_all_tables WHERE relid = 'orders'::regclass",
      )
    ).map(({count}) => Number(count))[0];

  const estimatedRows = async () => {
    const [row] = await server.query<{plan: [{Plan: {'Plan Rows': number}}]}>(
      'EXPLAIN (FORMAT json) SELECT FROM orders WHERE kind = 3',
    );
    return Object.values(row ?? {})[0]?.[0].Plan['Plan Rows'];
  };

  it('does not analyze a table that replaced it between guard and statement', async () => {
    const acting = await createActing(server);
    beforeStatement(acting, server, 'ANALYZE', async () => {
      await server.query('ALTER TABLE orders RENAME TO old_orders');
      await server.query('CREATE TABLE orders (id int, kind int)');
      await server.query('INSERT INTO orders VALUES (1, 1)');
    });
    expect(await acting.run('analyze-stale-tables', {yes: true})).toBe(6);
    expect(acting.document().steps).toMatchObject([
      {outcome: 'skipped', message: 'the table was dropped or renamed: skipped'},
    ]);
    expect(await server.query("SELECT FROM pg_stats WHERE tablename ~ 'orders'")).toEqual([]);
  });

  it("analyzes a stale table, and the planner's estimate changes", async () => {
    expect(await estimatedRows()).toBeLessThan(1000);
    const acting = await createActing(server, {user: 'app'});
    // It needs no undo, so that --yes covers it on production too.
    const {read} = acting.ports;
    acting.ports.read = async () => {
      const snapshot = await read();
      return {...snapshot, target: {...snapshot.target, is_production: true}};
    };
    expect(await acting.run('analyze-stale-tables', {yes: true})).toBe(0);
    expect(acting.document()).toMatchObject({
      status: 'done',
      steps: [{title: 'analyze public.orders', outcome: 'verified', undo: 'unneeded'}],
    });
    expect(await estimatedRows()).toBeGreaterThan(2000);
    expect(await acting.run('analyze-stale-tables', {yes: true})).toBe(0);
    expect(acting.document().steps).toEqual([]);
    expect(await acting.undo('r1', {yes: true})).toBe(0);
    expect(acting.document()).toMatchObject({steps: [], skipped: [{reason: 'needs no undo'}]});
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
  });

  it('skips a table of another owner, with the reason', async () => {
    const acting = await createActing(server, {user: 'oncall'});
    expect(await acting.run('analyze-stale-tables', {yes: true})).toBe(5);
    expect(acting.document().skipped).toMatchObject([
      {reason: expect.stringMatching(major >= 17 ? /GRANT MAINTAIN ON "public"\."orders"/ : /owner/)},
    ]);
    if (major < 17) return;
    await server.query('GRANT MAINTAIN ON orders TO oncall');
    expect(await acting.run('analyze-stale-tables', {yes: true})).toBe(0);
    expect(acting.document().steps).toMatchObject([{outcome: 'verified'}]);
  });

  it('does nothing if the table was created again since the preview', async () => {
    const acting = await createActing(server, {user: 'app'});
    const ask = async () => {
      await server.query('DROP TABLE orders');
      await server.query('CREATE TABLE orders (id int, kind int)');
      return 'yes';
    };
    expect(await runRecipe({...acting.ports, ask}, 'analyze-stale-tables', {...noFlags, json: false})).toBe(
      6,
    );
    expect(
      await server.query("SELECT FROM pg_stat_all_tables WHERE relname = 'orders' AND analyze_count > 0"),
    ).toEqual([]);
  });

  it('fails if another session has locked the table', async () => {
    const client = await server.connect({application_name: 'ddl'});
    await client.query('BEGIN; LOCK orders IN SHARE UPDATE EXCLUSIVE MODE');
    const acting = await createActing(server, {user: 'app'});
    expect(await acting.run('analyze-stale-tables', {yes: true})).toBe(7);
    expect(acting.document().steps).toMatchObject([{outcome: 'failed', sqlstate: '55P03'}]);
    await client.end();
  });

  it('names what holds vacuum back: a transaction, a prepared transaction', async () => {
    await server.query('DELETE FROM orders WHERE id > 5000');
    await flush();
    const client = await server.connect({application_name: 'holds-xmin', ...app});
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
    await client.query('SELECT FROM orders LIMIT 1');
    const preparing = await server.connect(app);
    await preparing.query('BEGIN; SELECT pg_current_xact_id()');
    await preparing.query("PREPARE TRANSACTION 'two phase'");
    const acting = await createActing(server, {user: 'oncall'});
    const {maintenance} = await acting.ports.load({maintenance: true});
    expect(maintenance?.xmin_holders).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          kind: 'backend',
          name: expect.stringMatching(/^\d+$/),
          description: 'holds-xmin/app',
        }),
        expect.objectContaining({kind: 'prepared transaction', name: 'two phase', description: 'of app'}),
      ]),
    );
    await expect
      .poll(async () => {
        // Before 15 a session reports its counters with its next statement.
        await changed();
        return (await acting.ports.load({maintenance: true})).maintenance?.tables;
      })
      .toMatchObject([
        {name: 'orders', dead_rows: 15_000, is_autovacuum_enabled: true, analyze_threshold: 50},
      ]);

    await server.query('ALTER TABLE orders SET (autovacuum_enabled = off, autovacuum_vacuum_threshold = 7)');
    expect((await acting.ports.load({maintenance: true})).maintenance?.tables).toMatchObject([
      {is_autovacuum_enabled: false, vacuum_threshold: 7},
    ]);
    if (major >= 18) {
      await server.query('ALTER TABLE orders SET (autovacuum_vacuum_max_threshold = 5)');
      expect((await acting.ports.load({maintenance: true})).maintenance?.tables).toMatchObject([
        {vacuum_threshold: 5},
      ]);
      await server.query('ALTER TABLE orders SET (autovacuum_vacuum_max_threshold = -1)');
      expect((await acting.ports.load({maintenance: true})).maintenance?.tables).toMatchObject([
        {vacuum_threshold: 7},
      ]);
    }
    await server.query("ROLLBACK PREPARED 'two phase'");
    await client.end();
  });

  it('reports its progress and can be cancelled', async () => {
    // A sample of some hundred blocks, each of them followed by a sleep.
    await server.query('ALTER DATABASE postgres SET vacuum_cost_limit = 1');
    await server.query("ALTER DATABASE postgres SET vacuum_cost_delay = '100ms'");
    const acting = await createActing(server, {user: 'app'});
    const watching = await connect(requestTo(server.url()), {purpose: 'watch'});
    const executor = createExecutor(() => connect(requestTo(server.url(app)), {purpose: 'act'}));
    const ending = new AbortController();
    const seen: StepProgress[] = [];
    const progress = async () => {
      const found = await readStepProgress(watching, executor.pid() ?? 0);
      if (found !== null) seen.push(found);
      if ((found?.done_ratio ?? 0) > 0) ending.abort();
      return found;
    };
    const engine = {...acting.ports.engine, executor, progress};
    const flags = {...noFlags, yes: true};
    expect(
      await runRecipe({...acting.ports, engine, signal: ending.signal}, 'analyze-stale-tables', flags),
    ).toBe(130);
    expect(acting.document().steps).toMatchObject([{outcome: 'failed', sqlstate: '57014'}]);
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
    expect(seen.map(({phase}) => phase)).toContain('acquiring sample rows');
    const sessions = "SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'ANALYZE%'";
    await expect.poll(() => server.query(sessions)).toEqual([]);
    await executor.close();
    await watching.close();
    await server.query('ALTER DATABASE postgres RESET ALL');
  });
});
