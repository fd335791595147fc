import {mkdir, readdir, readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, beforeEach, expect, it} from 'vitest';
import applyIndexes from '../../recipes/apply-indexes.ts';
import {localFiles} from '../../source/cli/local-files.ts';
import {runRecipe} from '../../source/commands/run/command.ts';
import {undoRun} from '../../source/commands/undo/command.ts';
import {execute} from '../../source/core/engine/execute.ts';
import {reconcileIntent} from '../../source/core/engine/recover-runs.ts';
import {slotsOf} from '../../source/core/engine/run-state.ts';
import type {RunState} from '../../source/model/run.ts';
import {connect} from '../../source/postgres/connect/connect.ts';
import {createExecutor} from '../../source/postgres/executor/executor.ts';
import {readProgress} from '../../source/postgres/executor/progress.ts';
import {createActing, noFlags, temporaryFolder} from '../cli/execution/acting.ts';
import {serverAt} from '../helpers/identity.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../helpers/server.ts';
import {startChild} from '../journal/processes.ts';
import {requestTo} from '../postgres/requests.ts';
import {advise, buildPhase, createOrders, holdUp, indexNamed, proposalFor} from './indexing.ts';

describeEachMajor('apply-indexes', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await server.query('CREATE EXTENSION pg_stat_statements');
  });
  afterAll(() => server?.stop());
  beforeEach(() => createOrders(server, 2000));

  it('builds a missing index on 100,000 rows, measures its effect, and undoes it', async () => {
    await createOrders(server, 100_000);
    const query = 'SELECT count(*) FROM shop.orders WHERE user_id = $1';
    await server.query(query, [1]);
    const [statement] = await server.query<{queryid: string}>(
      "SELECT queryid::text FROM pg_stat_statements WHERE query LIKE 'SELECT count(%) FROM shop.orders%'",
    );
    const {queryid = ''} = statement ?? {};
    const serves = [
      {queryid, query, calls: 1, total_exec_time_ms: 50, cost_before: 9000, cost_after: 10},
      {
        ...{queryid: '1', query: "SELECT 'a secret' FROM shop.orders"},
        calls: 1,
        total_exec_time_ms: 1,
        cost_before: null,
        cost_after: null,
      },
    ];
    const acting = await createActing(server);
    advise(acting, [await proposalFor(server, '"user_id"', {serves})]);

    expect(await acting.run('apply-indexes', {yes: true})).toBe(0);
    expect(acting.document()).toMatchObject({status: 'done', steps: [{outcome: 'verified', lock: 'share'}]});
    expect(await indexNamed(server, 'orders_user_id_idx')).toEqual({
      is_valid: true,
      definition: 'CREATE INDEX orders_user_id_idx ON shop.orders USING btree (user_id)',
    });
    const entries = await acting.journal.read();
    expect(JSON.stringify(entries)).not.toContain('a secret');
    const [outcome] = entries.flatMap(entry => (entry.event === 'outcome' ? [entry] : []));
    expect(outcome?.measures).toEqual([
      {name: 'idx_scan', before: '', after: '0'},
      {
        name: `plan of ${queryid}`,
        before: expect.stringContaining('Seq Scan on orders'),
        after: expect.stringContaining('orders_user_id_idx'),
      },
      {
        name: `time of ${queryid}`,
        before: expect.stringMatching(/^1 calls, mean \d+\.\d{3} ms$/),
        after: expect.stringMatching(/^1 calls/),
      },
    ]);

    const ports = {...acting.ports, identity: {run: 'r2', actor: 'oncall@bastion'}};
    expect(await undoRun(ports, 'r1', {...noFlags, yes: true})).toBe(0);
    expect(await indexNamed(server, 'orders_user_id_idx')).toBeUndefined();
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
  });

  it("changes a Prisma application's schema and migrations with the database, and undoes both", async () => {
    const app = await temporaryFolder();
    const schema = 'model Order {\n  id     Int @id\n  userId Int @map("user_id")\n\n  @@map("orders")\n}\n';
    await mkdir(join(app, 'prisma/migrations/20250101000000_init'), {recursive: true});
    await writeFile(join(app, 'prisma/schema.prisma'), schema);
    const acting = await createActing(server);
    const ports = {...acting.ports, engine: {...acting.ports.engine, files: localFiles}};
    advise({...acting, ports}, [await proposalFor(server, '"user_id"')]);
    const flags = {...noFlags, set: [`app=${app}`]};
    const hashOf = async () => {
      expect(await runRecipe(ports, 'apply-indexes', {...flags, dryRun: true})).toBe(0);
      return String(acting.document().plan);
    };
    const approved = await hashOf();
    expect(await hashOf()).toBe(approved);

    expect(await runRecipe(ports, 'apply-indexes', {...flags, approve: approved})).toBe(0);
    expect(acting.document()).toMatchObject({params: {migration: '20250101000001_add_indexes'}});
    expect(acting.document().steps.map(({outcome}) => outcome)).toEqual(['verified', 'verified', 'verified']);
    expect(await readFile(join(app, 'prisma/schema.prisma'), 'utf8')).toBe(
      schema.replace('@@map("orders")\n', '@@map("orders")\n  @@index([userId])\n'),
    );
    const folder = join(app, 'prisma/migrations/20250101000001_add_indexes');
    const migration = await readFile(join(folder, 'migration.sql'), 'utf8');
    // As `prisma migrate deploy` runs it, on this database: a no-op.
    await server.query(`SET search_path = shop; ${migration}`);
    await server.query('RESET search_path');
    // A second run has nothing to do, and writes no second migration.
    expect(await runRecipe(ports, 'apply-indexes', {...flags, yes: true})).toBe(0);
    expect(acting.document()).toMatchObject({run: null, steps: []});

    const undo = {...ports, identity: {run: 'r2', actor: 'oncall@bastion'}};
    expect(await undoRun(undo, 'r1', {...noFlags, yes: true})).toBe(0);
    expect(await readFile(join(app, 'prisma/schema.prisma'), 'utf8')).toBe(schema);
    expect(await readdir(join(app, 'prisma/migrations'))).toEqual(['20250101000000_init']);
    expect(await indexNamed(server, 'orders_user_id_idx')).toBeUndefined();
  });

  it('builds the ten indexes of a migration, recognises them in the next run, and undoes them all', async () => {
    await server.query('DROP SCHEMA IF EXISTS events CASCADE; CREATE SCHEMA events');
    for (const table of Object.keys(tables)) {
      await server.query(`CREATE TABLE events.${table} (${tables[table]})`);
    }
    const folder = await temporaryFolder();
    const file = join(folder, 'migration.sql');
    const indexes = tenIndexes.map(
      ([name, on]) => `CREATE INDEX CONCURRENTLY IF NOT EXISTS ${name}\nON events.${on};`,
    );
    await writeFile(file, `-- Performance indexes\n${indexes.join('\n\n')}\n`);
    const acting = await createActing(server);
    const flags = {set: [`file=${file}`], yes: true};
    expect(await acting.run('apply-indexes', flags)).toBe(0);
    expect(acting.document().steps.map(({outcome}) => outcome)).toEqual(Array(10).fill('verified'));
    for (const [name] of tenIndexes) expect(await indexNamed(server, name)).toMatchObject({is_valid: true});

    const again = await createActing(server);
    expect(await again.run('apply-indexes', flags)).toBe(0);
    expect(again.document()).toMatchObject({run: null, steps: []});
    const ports = {...acting.ports, identity: {run: 'r2', actor: 'oncall@bastion'}};
    expect(await undoRun(ports, 'r1', {...noFlags, yes: true})).toBe(0);
    for (const [name] of tenIndexes) expect(await indexNamed(server, name)).toBeUndefined();
  });

  it('plans nothing if a valid index exists already', async () => {
    await server.query('CREATE INDEX wider ON shop.orders (user_id, status)');
    const acting = await createActing(server);
    advise(acting, [await proposalFor(server, '"user_id"')]);
    expect(await acting.run('apply-indexes', {dryRun: true})).toBe(0);
    expect(acting.document()).toMatchObject({
      steps: [],
      skipped: [
        {reason: expect.stringContaining('wider on shop.orders (user_id, status) already serves it')},
      ],
    });
  });

  it('gives advice for a partitioned table and builds nothing', async () => {
    await server.query('DROP TABLE IF EXISTS shop.parts');
    await server.query('CREATE TABLE shop.parts (user_id int) PARTITION BY RANGE (user_id)');
    const [row] = await server.query<{oid: string}>("SELECT 'shop.parts'::regclass::oid::text AS oid");
    const acting = await createActing(server);
    advise(acting, [await proposalFor(server, '"user_id"', {table: 'parts', table_oid: row?.oid ?? ''})]);
    expect(await acting.run('apply-indexes', {yes: true})).toBe(0);
    expect(acting.document().steps).toMatchObject([
      {kind: 'advice', outcome: 'skipped', text: expect.stringContaining('ON ONLY "shop"."parts"')},
    ]);
  });

  it('drops the index that a failed build left, unless a session is building it', async () => {
    await server.query('UPDATE shop.orders SET n = 0 WHERE id = 7');
    const acting = await createActing(server);
    advise(acting, [await proposalFor(server, '(100 / "n")', {name: 'orders_n_idx'})]);
    expect(await acting.run('apply-indexes', {yes: true})).toBe(7);
    expect(acting.document().steps).toMatchObject([
      {
        outcome: 'failed',
        sqlstate: '22012',
        message: expect.stringContaining('what it left behind was removed'),
      },
    ]);
    expect(await indexNamed(server, 'orders_n_idx')).toBeUndefined();
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
  });

  it('fails after lock_timeout, and says that its leftover could not be dropped', async () => {
    const holder = await holdUp(server);
    const acting = await createActing(server);
    advise(acting, [await proposalFor(server, '"user_id"')]);
    expect(await acting.run('apply-indexes', {set: ['lock_timeout=100ms'], yes: true})).toBe(7);
    expect(acting.document().steps).toMatchObject([
      {
        sqlstate: '55P03',
        message: expect.stringMatching(
          /could not be removed .*: undo this run, or run repair-invalid-indexes/,
        ),
      },
    ]);
    expect(await indexNamed(server, 'orders_user_id_idx')).toMatchObject({is_valid: false});
    await holder.query('COMMIT');

    // The next run begins with the leftover.
    const next = await createActing(server);
    advise(next, [await proposalFor(server, '"user_id"')]);
    expect(await next.run('apply-indexes', {yes: true})).toBe(0);
    expect(next.document().steps.map(({title, outcome}) => [title, outcome])).toEqual([
      ['drop invalid index orders_user_id_idx of shop.orders', 'verified'],
      ['build index orders_user_id_idx on shop.orders', 'verified'],
    ]);
    expect(await indexNamed(server, 'orders_user_id_idx')).toMatchObject({is_valid: true});
  });

  it('shows the phase and the blocking session, and is cancelled by an interruption', async () => {
    const holder = await holdUp(server);
    const acting = await createActing(server);
    const request = requestTo(server.url());
    const executor = createExecutor(() => connect(request, {purpose: 'act'}));
    const watching = await connect(request, {purpose: 'watch'});
    const snapshot = await acting.ports.read();
    advise(acting, [await proposalFor(server, '"user_id"')]);
    const facts = await acting.ports.load(applyIndexes.planRequires?.({}) ?? {});
    const plan = applyIndexes.plan?.(snapshot, {}, facts);
    if (plan === undefined) throw new Error('it plans');
    const interruption = new AbortController();
    const ports = {
      ...acting.ports.engine,
      executor,
      slots: async () => slotsOf(snapshot.budget),
      progress: async () => {
        const pid = executor.pid();
        return pid === null ? null : readProgress(watching, {view: 'create_index', pid});
      },
    };
    let last: RunState | undefined;
    const seen: unknown[] = [];
    // The cleanup waits for the same session.
    const dropping =
      "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'DROP INDEX CONC%' AND state = 'active'";
    let swept: Promise<unknown> | undefined;
    for await (const state of execute(
      plan,
      {...acting.ports.identity, target: 't', server: await serverAt(request)},
      ports,
      interruption.signal,
    )) {
      last = state;
      const progress = state.steps[0]?.progress;
      if (!progress) continue;
      seen.push(progress);
      if (progress.waiting_for === null) continue;
      interruption.abort();
      swept ??= expect
        .poll(() => server.query(dropping))
        .toHaveLength(1)
        .then(() => holder.query('COMMIT'));
    }
    await swept;
    expect(seen.at(-1)).toEqual({
      phase: 'waiting for writers before build',
      done_ratio: 0,
      waiting_for: {pid: holder.processID, description: 'holder postgres idle in transaction'},
    });
    expect(last).toMatchObject({status: 'interrupted', exit_code: 130});
    expect(last?.steps[0]?.result).toMatchObject({
      outcome: 'failed',
      sqlstate: '57014',
      message: expect.stringContaining('what it left behind was removed'),
    });
    expect(await indexNamed(server, 'orders_user_id_idx')).toBeUndefined();
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
    await watching.close();
  });

  it('exits 6 if the index was built since the preview, or another poolctl is building it', async () => {
    const acting = await createActing(server);
    const proposal = await proposalFor(server, '"user_id"');
    advise(acting, [proposal]);
    const ask = async () => {
      await server.query('CREATE INDEX elsewhere ON shop.orders (user_id)');
      return 'yes';
    };
    const flags = {...noFlags, json: false};
    expect(await runRecipe({...acting.ports, ask}, 'apply-indexes', flags)).toBe(6);
    expect(await indexNamed(server, proposal.name)).toBeUndefined();
    await server.query('DROP INDEX shop.elsewhere');

    const other = await server.connect();
    await other.query('SELECT pg_advisory_lock(31647721742103660)');
    const next = await createActing(server);
    advise(next, [proposal]);
    expect(await next.run('apply-indexes', {yes: true})).toBe(6);
    expect(next.document().steps).toMatchObject([
      {outcome: 'skipped', message: 'another poolctl is building or dropping an index here: skipped'},
    ]);
    await other.end();
  });

  it('survives kill -9: the server finishes the build, and the next run reconciles the open intent', async () => {
    const holder = await holdUp(server);
    const acting = await createActing(server);
    const proposal = await proposalFor(server, '"user_id"');
    const child = startChild(
      new URL('./build-process.ts', import.meta.url),
      ...[server.url(), acting.journal.file, JSON.stringify(proposal)],
    );
    await child.prints('acting');
    await expect.poll(() => buildPhase(server)).toBe('waiting for writers before build');
    child.process.kill('SIGKILL');
    await child.exited;

    const [intent] = await acting.journal.unfinished();
    if (intent === undefined) throw new Error('it is unfinished');
    const {journal} = acting;
    const here = await serverAt(requestTo(server.url()));
    const settle = async () => {
      const entries = await journal.read();
      const by = {...acting.ports.identity, target: intent.target, server: here, entries};
      return reconcileIntent(intent, by, {...acting.ports.engine, journal});
    };
    expect(await settle()).toContain('may still be executing');
    advise(acting, [proposal]);
    const running = acting.run('apply-indexes', {yes: true});
    const isWaiting = () =>
      server.query("SELECT 1 FROM pg_stat_activity WHERE query LIKE 'DO $poolctl$%' AND state = 'active'");
    await expect.poll(isWaiting).toHaveLength(1);
    expect(await indexNamed(server, proposal.name)).toMatchObject({is_valid: false});
    await holder.query('COMMIT');
    expect(await running).toBe(0);
    expect(acting.document().steps).toMatchObject([
      {title: expect.stringMatching(/^wait for session \d+ to build/), outcome: 'verified'},
    ]);
    expect(await indexNamed(server, proposal.name)).toMatchObject({is_valid: true});
    expect(await settle()).toBe('found done by a later check');
    // Its undo knows by then which index it was.
    const [found] = await server.query<{oid: string}>(
      `SELECT 'shop.${proposal.name}'::regclass::oid::text AS oid`,
    );
    const outcome = (await acting.journal.read()).findLast(({event}) => event === 'outcome');
    expect(outcome).toMatchObject({pins: {oid: found?.oid}});
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
  });
});

/** As a real application's migration had them. */
const tenIndexes: [name: string, on: string][] = [
  ['idx_scores_category_contestant', 'scores(category_id, contestant_id)'],
  ['idx_scores_judge_category', 'scores(judge_id, category_id)'],
  ['idx_scores_category_contestant_created', 'scores(category_id, contestant_id, created_at DESC)'],
  ['idx_assignments_judge_category', 'assignments(judge_id, category_id)'],
  ['idx_rate_limit_config_lookup', 'rate_limit_configs(tenant_id, user_id, endpoint)'],
  ['idx_events_tenant_archived', 'events(tenant_id, archived, start_date DESC)'],
  ['idx_categories_contest_created', 'categories(contest_id, created_at DESC)'],
  ['idx_tenants_settings_gin', 'tenants USING GIN (settings)'],
  ['idx_system_settings_value_gin', 'system_settings USING GIN (value)'],
  ['idx_audit_logs_data_gin', 'audit_logs USING GIN (data)'],
];

const tables: Record<string, string> = {
  scores: 'category_id text, contestant_id text, judge_id text, created_at timestamptz',
  assignments: 'judge_id text, category_id text',
  rate_limit_configs: 'tenant_id text, user_id text, endpoint text',
  events: 'tenant_id text, archived boolean, start_date timestamptz',
  categories: 'contest_id text, created_at timestamptz',
  tenants: 'settings jsonb',
  system_settings: 'value jsonb',
  audit_logs: 'data jsonb',
};
