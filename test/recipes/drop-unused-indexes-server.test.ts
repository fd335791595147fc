import {afterAll, beforeAll, beforeEach, expect, it} from 'vitest';
import {runRecipe} from '../../source/commands/run/command.ts';
import {undoRun} from '../../source/commands/undo/command.ts';
import {connect} from '../../source/postgres/connect/connect.ts';
import {readStepProgress} from '../../source/postgres/facts/progress.ts';
import {createActing, noFlags} from '../cli/execution/acting.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../helpers/server.ts';
import {requestTo} from '../postgres/requests.ts';
import {createOrders, holdUp, indexNamed} from './indexing.ts';

const now = 'stats_age=0s';

describeEachMajor('drop-unused-indexes', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    await createOrders(server, 2000);
    await server.query('CREATE INDEX idle_one ON shop.orders (status DESC, n) WHERE n > 5');
    await server.query('CREATE INDEX fk_one ON shop.orders (user_id)');
    await server.query('CREATE INDEX fk_two ON shop.orders (user_id, status)');
    await server.query('CREATE UNIQUE INDEX only_one ON shop.orders (n)');
  });

  it('drops unused indexes except unique ones and one for the foreign key, and undo restores them exactly', async () => {
    const before = await indexNamed(server, 'idle_one');
    const acting = await createActing(server);
    expect(await acting.run('drop-unused-indexes', {set: [now], yes: true})).toBe(0);
    const {steps, skipped} = acting.document();
    expect(steps.map(({subject, outcome}) => [subject, outcome]).sort()).toEqual([
      ['index:shop.fk_two', 'verified'],
      ['index:shop.idle_one', 'verified'],
    ]);
    expect(skipped).toMatchObject([{reason: 'no other index covers foreign key orders_user_id_fkey'}]);
    expect(await indexNamed(server, 'idle_one')).toBeUndefined();
    for (const kept of ['fk_one', 'only_one', 'orders_pkey']) {
      expect(await indexNamed(server, kept)).toMatchObject({is_valid: true});
    }

    const ports = {...acting.ports, identity: {run: 'r2', actor: 'oncall@bastion'}};
    expect(await undoRun(ports, 'r1', {...noFlags, yes: true})).toBe(0);
    expect(await indexNamed(server, 'idle_one')).toEqual(before);
    expect(await indexNamed(server, 'fk_two')).toMatchObject({is_valid: true});
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
  });

  it('drops no index until scans have been counted for stats_age', async () => {
    await server.query('SELECT pg_stat_reset()');
    const acting = await createActing(server);
    expect(await acting.run('drop-unused-indexes', {yes: true})).toBe(0);
    expect(acting.document()).toMatchObject({run: null, steps: []});
    expect(JSON.stringify(acting.document().skipped)).toContain('less than stats_age');
    expect(await indexNamed(server, 'idle_one')).toBeDefined();
  });

  it('skips an index that was used, or replaced, since the preview', async () => {
    const acting = await createActing(server);
    const plannedFirst = await acting.ports.load({catalog: true});
    await server.query('SET enable_seqscan = off');
    await server.query("SELECT count(*) FROM shop.orders WHERE status = 'x' AND n > 5");
    await server.query('SET enable_seqscan = on');
    await server.query('DROP INDEX shop.fk_two');
    await server.query('CREATE INDEX fk_two ON shop.orders (status, user_id)');
    const isCounted = () =>
      server.query("SELECT 1 FROM pg_stat_all_indexes WHERE indexrelname = 'idle_one' AND idx_scan > 0");
    await expect.poll(isCounted).toHaveLength(1);
    // The snapshot stays old, so that only the guard of the step can detect the change.
    const ports = {...acting.ports, load: async () => plannedFirst};
    const flags = {...noFlags, set: [now, 'index=shop.idle_one,shop.fk_two'], yes: true};
    expect(await runRecipe(ports, 'drop-unused-indexes', flags)).toBe(6);
    expect(
      acting
        .document()
        .steps.map(({subject, message}) => [subject, message])
        .sort(),
    ).toEqual([
      ['index:shop.fk_two', 'the index has changed since the preview: skipped'],
      ['index:shop.idle_one', 'it is used now: skipped'],
    ]);
    expect(await indexNamed(server, 'idle_one')).toMatchObject({is_valid: true});
  });

  it('skips an index that has become part of a partitioned one since the preview', async () => {
    await server.query('DROP TABLE IF EXISTS shop.log');
    await server.query('CREATE TABLE shop.log (n int) PARTITION BY RANGE (n)');
    await server.query('CREATE TABLE shop.log_1 PARTITION OF shop.log FOR VALUES FROM (0) TO (1000000)');
    await server.query('INSERT INTO shop.log SELECT generate_series(1, 5000)');
    await server.query('CREATE INDEX log_1_idx ON shop.log_1 (n)');
    const acting = await createActing(server);
    const plannedFirst = await acting.ports.load({catalog: true});
    await server.query('CREATE INDEX log_idx ON ONLY shop.log (n)');
    await server.query('ALTER INDEX shop.log_idx ATTACH PARTITION shop.log_1_idx');
    const ports = {...acting.ports, load: async () => plannedFirst};
    const flags = {...noFlags, set: [now, 'index=shop.log_1_idx'], yes: true};
    expect(await runRecipe(ports, 'drop-unused-indexes', flags)).toBe(6);
    expect(acting.document().steps).toMatchObject([
      {
        subject: 'index:shop.log_1_idx',
        message: expect.stringMatching(/^a constraint or partitioned index needs it now/),
      },
    ]);
    expect(await indexNamed(server, 'log_1_idx')).toMatchObject({is_valid: true});
  });

  it('reports what a drop waits for, and gives up after lock_timeout', async () => {
    const holder = await holdUp(server);
    const acting = await createActing(server);
    const running = acting.run('drop-unused-indexes', {
      set: [now, 'index=shop.idle_one', 'lock_timeout=1s'],
      yes: true,
    });
    const watching = await connect(requestTo(server.url()), {purpose: 'watch'});
    const progress = async () => {
      const [row] = await server.query<{pid: number}>(
        "SELECT pid FROM pg_stat_activity WHERE query LIKE 'DROP INDEX CONC%' AND state = 'active'",
      );
      return row && readStepProgress(watching, row.pid);
    };
    await expect.poll(progress).toEqual({
      phase: 'Lock:virtualxid',
      done_ratio: null,
      waiting_for: {pid: holder.processID, description: 'holder postgres idle in transaction'},
    });
    expect(await running).toBe(7);
    expect(acting.document().steps).toMatchObject([{outcome: 'failed', sqlstate: '55P03'}]);
    await watching.close();
  });

  it('drops a used index of the same definition as another, names what serves instead, and undoes it', async () => {
    await server.query('DROP TABLE IF EXISTS shop.sess');
    await server.query('CREATE TABLE shop.sess (id int PRIMARY KEY, tok text UNIQUE, at int)');
    await server.query('CREATE INDEX tok_again ON shop.sess (tok)');
    await server.query('CREATE INDEX at_one ON shop.sess (at)');
    await server.query('CREATE INDEX at_tok ON shop.sess (at, tok)');
    await server.query('CREATE INDEX at_down ON shop.sess (at DESC NULLS LAST)');
    const before = await indexNamed(server, 'tok_again');
    const acting = await createActing(server);
    const set = ['table=shop.sess'];
    expect(await acting.run('drop-unused-indexes', {set, yes: true})).toBe(0);
    const {steps, skipped} = acting.document();
    expect(steps).toMatchObject([
      {
        title: 'drop redundant index tok_again of shop.sess, which sess_tok_key serves',
        outcome: 'verified',
        lock_mode: 'SHARE UPDATE EXCLUSIVE',
      },
    ]);
    expect(JSON.stringify(skipped)).toContain('less than stats_age');
    expect(await acting.undo('r1', {yes: true})).toBe(0);
    expect(await indexNamed(server, 'tok_again')).toEqual(before);

    // What serves instead is part of the guard.
    const planned = await acting.ports.load({catalog: true});
    await server.query('DROP INDEX shop.at_tok');
    const ports = {...acting.ports, load: async () => ({...planned, table_holders: []})};
    const flags = {...noFlags, set: ['index=shop.at_one', 'redundant=all'], yes: true};
    expect(await runRecipe(ports, 'drop-unused-indexes', flags)).toBe(6);
    expect(JSON.stringify(acting.document().steps)).toContain('the index that serves instead has changed');
    expect(await indexNamed(server, 'at_one')).toMatchObject({is_valid: true});
  });

  it('exits 6 if the plan made before the step no longer contains it', async () => {
    const acting = await createActing(server);
    const ask = async () => {
      await server.query('DROP INDEX shop.fk_one');
      return 'yes';
    };
    const flags = {...noFlags, set: [now, 'index=shop.fk_two'], json: false};
    expect(await runRecipe({...acting.ports, ask}, 'drop-unused-indexes', flags)).toBe(6);
    expect(await indexNamed(server, 'fk_two')).toMatchObject({is_valid: true});
  });
});
