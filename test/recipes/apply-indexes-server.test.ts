import {mkdir, readdir, readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import type {Client} from 'pg';
import {afterAll, beforeAll, beforeEach, expect, it, onTestFinished} from 'vitest';
import {localFiles} from '../../source/cli/local-files.ts';
import {runRecipe} from '../../source/commands/run/command.ts';
import {undoRun} from '../../source/commands/undo/command.ts';
import {effectLines} from '../../source/core/engine/measures.ts';
import {createActing, noFlags, temporaryFolder} from '../cli/execution/acting.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../helpers/server.ts';
import {advise, createOrders, holdUp, indexNamed, proposalFor} from './indexing.ts';

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
    expect(acting.document()).toMatchObject({
      status: 'done',
      steps: [{outcome: 'verified', lock_mode: 'SHARE UPDATE EXCLUSIVE'}],
    });
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
        before: expect.stringMatching(/^1 calls, \d+\.\d{3} ms in all$/),
        after: expect.stringMatching(/^1 calls/),
      },
    ]);

    expect(effectLines(outcome?.measures ?? [])).toEqual([
      expect.stringMatching(new RegExp(`^plan cost of ${queryid}: [\\d,.]+[kM]? -> [\\d,.]+$`)),
      expect.stringMatching(new RegExp(`^time of ${queryid}: mean .* over 1 call before, no call since$`)),
    ]);

    const ports = {...acting.ports, identity: {run: 'r2', actor: 'oncall@bastion'}};
    expect(await undoRun(ports, 'r1', {...noFlags, yes: true})).toBe(0);
    expect(await indexNamed(server, 'orders_user_id_idx')).toBeUndefined();
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
  });

  it('names who is in the way now, however young, and nobody else', async () => {
    const acting = await createActing(server);
    advise(acting, [await proposalFor(server, '"user_id"')]);
    const session = async (...statements: string[]) => {
      const client = (await server.connect()) as Client & {processID: number};
      onTestFinished(() => client.end());
      for (const text of statements) await client.query(text);
      return client.processID;
    };
    const writer = (await holdUp(server)).processID;
    const snapshot = await session(
      'BEGIN ISOLATION LEVEL REPEATABLE READ',
      'SELECT count(*) FROM shop.users',
    );
    const elsewhere = await session('BEGIN', 'INSERT INTO shop.users VALUES (5000)');
    expect(await acting.run('apply-indexes', {dryRun: true})).toBe(0);
    const [, waits = ''] = acting.document().explanation as string[];
    expect(waits).toMatch(new RegExp(`${writer} \\(.*holds RowExclusiveLock on shop.orders\\)`));
    expect(waits).toMatch(new RegExp(`${snapshot} \\(.*holds a snapshot\\)`));
    expect(waits).not.toContain(String(elsewhere));
  });

  it("changes a Prisma application's schema and migrations with the database, and undoes both", async () => {
    const app = await temporaryFolder();
    const declared = '  @@index([n], map: "idx_n")\n';
    const schema = `model Order {\n  id     Int @id\n  userId Int @map("user_id")\n  n Int\n\n${declared}  @@map("orders")\n}\n`;
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
    expect(acting.document()).toMatchObject({
      params: {migration: '20250101000001_add_indexes'},
      explanation: expect.arrayContaining([
        'Your schema declares 1 index that this server lacks: idx_n on shop.orders (n).',
      ]),
    });
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
