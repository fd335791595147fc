import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {IndexAdvice} from '../../../source/model/index-advice.ts';
import type {Connection} from '../../../source/postgres/connect/connect.ts';
import {readIndexAdvice} from '../../../source/postgres/facts/index-advice.ts';
import {describeHypopg, startHypopgServer} from '../../helpers/hypopg.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../../helpers/server.ts';
import {rejection} from '../requests.ts';
import {watch} from '../watching.ts';
import {seedIndexes, seedSchema} from './seed-indexes.ts';

const schema = `
CREATE TABLE author (id int PRIMARY KEY, name text, email text);
CREATE TABLE post (id int PRIMARY KEY, author_id int REFERENCES author, status text, created_at timestamptz,
  data jsonb, "Odd ""name" int);
INSERT INTO author SELECT n, 'name' || n, 'e' || n || '@x' FROM generate_series(1, 5000) n;
INSERT INTO post SELECT n, (n * 7919) % 5000 + 1, (ARRAY['a', 'b', 'c'])[n % 3 + 1],
  '2020-01-01'::timestamptz + n * interval '1 minute', jsonb_build_object('k', n % 1000), (n * 31) % 20000
  FROM generate_series(1, 100000) n;
CREATE EXTENSION pg_stat_statements;
VACUUM ANALYZE;`;

const statements: [string, unknown[]][] = [
  ['SELECT * FROM post WHERE author_id = $1 AND status = $2 ORDER BY created_at DESC LIMIT 10', [5, 'a']],
  ['SELECT * FROM post p JOIN author a ON a.id = p.author_id WHERE a.id = $1', [7]],
  ['SELECT id FROM post WHERE "Odd ""name" IN ($1, $2, $3)', [1, 2, 3]],
  ["SELECT count(*) FROM post WHERE created_at BETWEEN now() - interval '1 day' AND now()", []],
  ['SELECT sum(CASE WHEN status = $1 THEN 1 ELSE 0 END) FROM post WHERE author_id = 5', ['a']],
  ['SELECT id FROM post WHERE data @> $1', [{k: 5}]],
  ['SELECT * FROM author WHERE id = $1', [5]],
];

async function fill(server: TestServer): Promise<void> {
  for (const statement of schema.split(';').filter(text => text.trim() !== '')) await server.query(statement);
  await server.query('SELECT pg_stat_statements_reset()');
  for (const [text, values] of statements) await server.query(text, values);
}

const relations = `SELECT oid::text, relname FROM pg_class ORDER BY oid`;

const keysOf = ({proposals}: IndexAdvice) =>
  proposals.map(({columns}) => columns.map(({expression}) => expression).join(', ')).sort();

describeEachMajor('readIndexAdvice', major => {
  let server: TestServer;
  let connection: Connection;
  let advice: IndexAdvice;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await fill(server);
    connection = await watch(server.url());
    const before = await server.query(relations);
    advice = await readIndexAdvice(connection, {file: null});
    expect(await server.query(relations)).toEqual(before);
  });
  afterAll(async () => {
    await connection?.close();
    await server?.stop();
  });

  it('estimates the missing indexes of statements and a foreign key', () => {
    const leading = advice.proposals.map(({columns: [first]}) => first?.expression).sort();
    expect(leading).toEqual(['"Odd ""name"', '"author_id"', '"created_at"', '"data"']);
    expect(advice.planner).toBe('none');
    expect(new Set(advice.proposals.map(({confidence}) => confidence))).toEqual(new Set(['heuristic']));
    const gin = advice.proposals.find(({method}) => method === 'gin');
    expect(gin?.definition).toContain('USING gin ("data" jsonb_path_ops)');
  });

  it('proposes indexes that can be built, have about the estimated size, and are used by the planner', async () => {
    for (const {definition, name, estimated_size_bytes} of advice.proposals) {
      await server.query(definition);
      const [{size} = {size: 0}] = await server.query<{size: number}>(
        'SELECT pg_relation_size(oid)::float8 AS size FROM pg_class WHERE relname = $1',
        [name],
      );
      expect(estimated_size_bytes / size).toBeGreaterThan(0.3);
      expect(estimated_size_bytes / size).toBeLessThan(4);
    }
    await server.query('ANALYZE');
    for (const [text, values] of statements.slice(0, -1)) {
      const plan = await server.query<{'QUERY PLAN': string}>(`EXPLAIN ${text}`, values);
      expect(plan.map(row => row['QUERY PLAN']).join('\n')).not.toContain('Seq Scan on post');
    }
  });

  it('proposes nothing once the indexes exist', async () => {
    expect(keysOf(await readIndexAdvice(connection, {file: null}))).toEqual([]);
  });

  it('proposes an index whose build failed again, under the same name', async () => {
    const [{indexdef} = {indexdef: ''}] = await server.query<{indexdef: string}>(
      `SELECT indexdef FROM pg_indexes WHERE indexname = 'post_created_at_idx'`,
    );
    const invalid = (is_valid: boolean) =>
      server.query(
        `UPDATE pg_index SET indisvalid = ${is_valid} WHERE indexrelid = 'post_created_at_idx'::regclass`,
      );
    await invalid(false);
    const {proposals} = await readIndexAdvice(connection, {file: null});
    expect(indexdef).toContain('(created_at)');
    expect(proposals.map(({name}) => name)).toEqual(['post_created_at_idx']);
    await invalid(true);
  });

  it('reports why it cannot plan a statement', async () => {
    await server.query('CREATE ROLE reader LOGIN; GRANT pg_read_all_stats TO reader');
    await server.query(`ALTER ROLE reader PASSWORD 'reader'`);
    const reader = await watch(server.url({user: 'reader', password: 'reader'}));
    const {skipped} = await readIndexAdvice(reader, {file: null});
    await reader.close();
    expect(skipped.map(({reason}) => reason).join('\n')).toContain('permission denied for table post');
  });

  it('without pg_stat_statements, considers only foreign keys', async () => {
    await server.query('CREATE DATABASE bare');
    const client = await server.connect({database: 'bare'});
    await client.query(`CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (a_id int REFERENCES a);
      INSERT INTO a SELECT generate_series(1, 20000); INSERT INTO b SELECT generate_series(1, 20000); ANALYZE`);
    const bare = await watch(server.url({database: 'bare'}));
    const {proposals, skipped} = await readIndexAdvice(bare, {file: null});
    await bare.close();
    expect(proposals).toMatchObject([{name: 'b_a_id_idx', source: 'foreign_key'}]);
    const reasons = skipped.map(({reason}) => reason).join('\n');
    expect(reasons).toContain('pg_stat_statements is not installed');
  });

  describe('from a file', () => {
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(path.join(os.tmpdir(), 'poolctl-migration-'));
      const client = await server.connect();
      await client.query(seedSchema);
    });
    afterAll(() => rm(folder, {recursive: true}));
    const take = async (sql: string, name = 'migration.sql') => {
      const file = path.join(folder, name);
      await writeFile(file, sql);
      const advice = await readIndexAdvice(connection, {file});
      return {...advice, skipped: advice.skipped.filter(({what}) => !what.includes('HypoPG'))};
    };

    it("reads the index of a Prisma 8 migration's ops.json, without its checks", async () => {
      const name = 'events_name_idx_e47547ed';
      const operation = {
        id: `index.events.${name}`,
        precheck: [{sql: 'SELECT (to_regclass($1)) IS NULL AS "result"', params: [name]}],
        execute: [{sql: `CREATE INDEX "${name}" ON "public"."scores" ("judge_id")`, params: []}],
        postcheck: [{sql: 'SELECT (to_regclass($1)) IS NOT NULL AS "result"', params: [name]}],
      };
      const {proposals, skipped} = await take(JSON.stringify([operation]), 'ops.json');
      expect(proposals.map(each => [each.name, each.source])).toEqual([[name, 'file']]);
      expect(skipped).toEqual([]);
    });

    it('reads ten indexes of a migration as written', async () => {
      const {proposals, skipped} = await take(seedIndexes);
      expect(skipped).toEqual([]);
      expect(proposals.map(({name, source}) => [name, source])).toEqual(
        [...seedIndexes.matchAll(/idx_\w+/g)].map(([name]) => [name, 'file']),
      );
      expect(proposals[2]?.definition).toBe(
        'CREATE INDEX CONCURRENTLY "idx_scores_category_contestant_created" ON "public"."scores" (category_id, contestant_id, created_at DESC)',
      );
      expect(proposals[7]).toMatchObject({
        method: 'gin',
        columns: [{expression: '"settings"'}],
        definition:
          'CREATE INDEX CONCURRENTLY "idx_tenants_settings_gin" ON "public"."tenants" USING GIN (settings)',
      });
      expect(proposals[0]?.reasons[0]).toContain(
        'idx_scores_category_contestant_created begins with the same columns',
      );
      for (const {definition} of proposals) await server.query(definition);
      const again = await take(seedIndexes);
      expect(again.proposals).toEqual([]);
      expect(again.skipped.map(({reason}) => reason)).toEqual(Array(10).fill('it already exists'));
    });

    it.each([
      ['ALTER TABLE scores ADD x int', 'only CREATE INDEX'],
      ['CREATE INDEX i ON nowhere (a)', 'table nowhere does not exist'],
      ['CREATE INDEX i ON scores (nothing)', 'has no column nothing'],
      [
        'CREATE INDEX other ON scores (category_id, contestant_id)',
        'idx_scores_category_contestant is the same index',
      ],
      ['CREATE INDEX idx_scores_category_contestant ON scores (score)', 'another index has its name'],
    ])('skips %s, with the reason', async (sql, reason) => {
      const {proposals, skipped} = await take(`-- first\n${sql};`);
      expect(proposals).toEqual([]);
      expect(skipped[0]?.reason).toContain(reason);
    });

    it('keeps expressions, WHERE and other clauses verbatim', async () => {
      const {proposals} = await take(
        `CREATE UNIQUE INDEX ON "scores" USING btree (lower(id) DESC, (score + 1)) INCLUDE (comment) WITH (fillfactor = 70) WHERE score > 5 /* why */; CREATE INDEX "q""x" ON scores (comment text_pattern_ops)`,
      );
      expect(proposals.map(({definition}) => definition)).toEqual([
        'CREATE UNIQUE INDEX CONCURRENTLY "scores_lower_id_score_1_idx" ON "public"."scores" USING btree (lower (id) DESC, (score + 1)) INCLUDE (comment) WITH (fillfactor = 70) WHERE score > 5',
        'CREATE INDEX CONCURRENTLY "q""x" ON "public"."scores" (comment text_pattern_ops)',
      ]);
      expect(proposals[0]?.predicate).toBe('score > 5');
      for (const {definition} of proposals) await server.query(definition);
    });

    it('refuses a file that does not exist, and one that is not SQL', async () => {
      expect(
        await rejection(readIndexAdvice(connection, {file: path.join(folder, 'none.sql')})),
      ).toMatchObject({
        message: expect.stringContaining('cannot read'),
        exitCode: 2,
      });
      expect(await rejection(take('CREATE INDEX ('))).toMatchObject({exitCode: 2});
      expect((await take('-- nothing')).proposals).toEqual([]);
    });
  });
});

describeHypopg('readIndexAdvice with HypoPG', () => {
  let server: TestServer;
  let connection: Connection;
  beforeAll(async () => {
    server = await startHypopgServer();
    await fill(server);
    await server.query('CREATE SCHEMA "odd ""place"');
  });
  afterAll(async () => {
    await connection?.close();
    await server?.stop();
  });

  it('reports that HypoPG is available if it is not installed', async () => {
    connection = await watch(server.url());
    const {planner, skipped} = await readIndexAdvice(connection, {file: null});
    expect(planner).toBe('none');
    expect(skipped[0]?.reason).toContain('CREATE EXTENSION hypopg');
  });

  it('uses HypoPG in any schema, and leaves nothing behind', async () => {
    await server.query('CREATE EXTENSION hypopg SCHEMA "odd ""place"');
    const before = await server.query(relations);
    const advice = await readIndexAdvice(connection, {file: null});
    expect(await server.query(relations)).toEqual(before);
    const {rows} = await connection.client.query('SELECT FROM "odd ""place".hypopg()');
    expect(rows).toEqual([]);
    expect(advice.planner).toBe('hypopg');
    for (const {method, confidence, serves} of advice.proposals) {
      expect(confidence).toBe(method === 'gin' ? 'heuristic' : 'planner-verified');
      if (method === 'gin') continue;
      expect(serves.length).toBeGreaterThan(0);
      for (const {cost_before, cost_after} of serves)
        expect(cost_after).toBeLessThan((cost_before ?? 0) * 0.9);
    }
    expect(keysOf(advice)[0]).toBe('"Odd ""name"');
    expect(advice.skipped).toEqual([]);
  });

  it('gives the same advice when called again', async () => {
    const [one, two] = [
      await readIndexAdvice(connection, {file: null}),
      await readIndexAdvice(connection, {file: null}),
    ];
    expect(two.proposals.map(({definition}) => definition)).toEqual(
      one.proposals.map(({definition}) => definition),
    );
  });
});
