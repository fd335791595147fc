import {afterAll, beforeAll, expect, it} from 'vitest';
import repairInvalidIndexes from '../../../recipes/repair-invalid-indexes.ts';
import {measure} from '../../../source/core/health/measure.ts';
import type {Catalog} from '../../../source/model/catalog.ts';
import type {Connection} from '../../../source/postgres/connect/connect.ts';
import {readCatalog} from '../../../source/postgres/facts/catalog.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../../helpers/server.ts';
import {createSnapshot} from '../../helpers/snapshot.ts';
import {watch} from '../watching.ts';

const schema = `
CREATE SCHEMA app;
CREATE TABLE app.parent (id int PRIMARY KEY, a int, b int, UNIQUE (a, b));
CREATE TABLE app."Child" (id int PRIMARY KEY, parent_id int REFERENCES app.parent, "a,b" text, data jsonb,
  a int, b int, FOREIGN KEY (a, b) REFERENCES app.parent (a, b));
CREATE INDEX some_idx ON app."Child" ("a,b" DESC, lower("a,b")) INCLUDE (parent_id) WHERE parent_id > 5;
CREATE INDEX data_idx ON app."Child" USING gin (data jsonb_path_ops);
CREATE TABLE app.parted (id int, at date, parent_id int REFERENCES app.parent) PARTITION BY RANGE (at);
CREATE INDEX parted_idx ON app.parted (at);
CREATE TABLE app.part PARTITION OF app.parted FOR VALUES FROM ('2020-01-01') TO ('2030-01-01');
CREATE MATERIALIZED VIEW app.summary AS SELECT count(*) FROM app.parent;
CREATE VIEW app.plain AS SELECT 1;
CREATE TABLE app.excluded (r int4range, EXCLUDE USING gist (r WITH &&));
CREATE TABLE app.identity (id int NOT NULL);
CREATE UNIQUE INDEX identity_idx ON app.identity (id);
ALTER TABLE app.identity REPLICA IDENTITY USING INDEX identity_idx;
INSERT INTO app.parent SELECT n, n, n FROM generate_series(1, 1000) n;
ANALYZE app.parent;`;

describeEachMajor('readCatalog', major => {
  let server: TestServer;
  let connection: Connection;
  let catalog: Catalog;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await server.query(schema);
    connection = await watch(server.url());
    // Before 15 an ANALYZE is counted a moment after its end.
    do catalog = await readCatalog(connection);
    while (catalog.tables.find(({name}) => name === 'parent')?.analyze_age_ms === null);
  });
  afterAll(async () => {
    await connection?.close();
    await server?.stop();
  });
  const index = (name: string) => catalog.indexes.find(each => each.name === name);

  it('lists user tables and materialized views, without views', () => {
    expect(
      catalog.tables.map(({schema: of, name, kind, is_partition}) => [of, name, kind, is_partition]),
    ).toEqual([
      ['app', 'Child', 'table', false],
      ['app', 'excluded', 'table', false],
      ['app', 'identity', 'table', false],
      ['app', 'parent', 'table', false],
      ['app', 'part', 'table', true],
      ['app', 'parted', 'partitioned', false],
      ['app', 'summary', 'materialized view', false],
    ]);
  });

  it('distinguishes a table that was never analyzed from one with a thousand rows', () => {
    const rows = Object.fromEntries(catalog.tables.map(each => [each.name, each.estimated_rows]));
    expect(rows).toMatchObject({parent: 1000, Child: -1});
    const parent = catalog.tables.find(({name}) => name === 'parent');
    expect(parent?.analyze_age_ms).toBeGreaterThanOrEqual(0);
    expect(parent?.vacuum_age_ms).toBeNull();
    expect(parent?.size_bytes).toBeGreaterThanOrEqual(40_000);
  });

  it('reads columns, method and other parts of an index', () => {
    expect(index('some_idx')).toMatchObject({
      table: 'Child',
      method: 'btree',
      columns: ['a,b', null],
      included: ['parent_id'],
      predicate: '(parent_id > 5)',
      is_unique: false,
      constraint: null,
      is_valid: true,
      scans: 0,
    });
    expect(index('some_idx')?.definition).toContain('CREATE INDEX some_idx ON app."Child" USING btree');
    expect(index('data_idx')).toMatchObject({method: 'gin', columns: ['data'], predicate: null});
  });

  it('reads the constraint that an index enforces', () => {
    expect(index('parent_pkey')).toMatchObject({
      is_unique: true,
      is_primary: true,
      constraint: 'parent_pkey',
    });
    expect(index('parent_a_b_key')).toMatchObject({is_primary: false, constraint: 'parent_a_b_key'});
    expect(index('excluded_r_excl')).toMatchObject({is_exclusion: true, constraint: 'excluded_r_excl'});
    expect(index('identity_idx')).toMatchObject({is_replica_identity: true, constraint: null});
    expect(index('parted_idx')).toMatchObject({is_partition: false});
    expect(index('part_at_idx')).toMatchObject({is_partition: true});
  });

  it('lists each foreign key once, its columns in order', () => {
    expect(
      catalog.foreign_keys.map(({table, columns, referenced_table, referenced_columns}) => [
        ...[table, columns, referenced_table],
        referenced_columns.length,
      ]),
    ).toEqual([
      ['Child', ['a', 'b'], 'parent', 2],
      ['Child', ['parent_id'], 'parent', 1],
      ['parted', ['parent_id'], 'parent', 1],
    ]);
  });

  it('reads whether scans are counted', async () => {
    expect(catalog.is_counted).toBe(true);
    const untracked = await watch(`${server.superuserUrl}?options=-c%20track_counts%3Doff`);
    expect((await readCatalog(untracked)).is_counted).toBe(false);
    await untracked.close();
  });

  it('reads when the statistics were last reset, and that there is no standby', async () => {
    expect(catalog.stats_age_ms).toBeGreaterThanOrEqual(0);
    expect(catalog.has_standby).toBe(false);
    await server.query('SELECT pg_stat_reset()');
    await expect
      .poll(async () => Date.parse((await readCatalog(connection)).stats_reset ?? ''))
      .toBeGreaterThan(Date.parse(catalog.stats_reset ?? '1970-01-01'));
    expect((await readCatalog(connection)).stats_age_ms).toBeGreaterThanOrEqual(0);
    await server.query(`SELECT pg_create_physical_replication_slot('standby')`);
    expect((await readCatalog(connection)).has_standby).toBe(true);
    await server.query(`SELECT pg_drop_replication_slot('standby')`);
  });

  it('does not wait for a table that is locked exclusively', async () => {
    const holder = await server.connect();
    await holder.query('BEGIN; LOCK TABLE app.parent IN ACCESS EXCLUSIVE MODE');
    const {tables, indexes} = await readCatalog(connection).finally(() => holder.query('ROLLBACK'));
    expect(tables.find(({name}) => name === 'parent')?.size_bytes).toBeGreaterThanOrEqual(40_000);
    expect(indexes.find(({name}) => name === 'parent_pkey')).toMatchObject({definition: '', columns: ['id']});
  });

  it('lists an index as invalid while its build waits, and lists the build', async () => {
    const holder = await server.connect();
    await holder.query('BEGIN; INSERT INTO app.identity VALUES (1)');
    const builder = await server.connect();
    const built = builder.query('CREATE INDEX CONCURRENTLY slow_idx ON app.identity (id)');
    let seen = await readCatalog(connection);
    while (seen.builds.length === 0 || !seen.indexes.some(({name}) => name === 'slow_idx')) {
      seen = await readCatalog(connection);
    }
    expect(seen.indexes.find(({name}) => name === 'slow_idx')).toMatchObject({is_valid: false});
    expect(seen.builds[0]).toMatchObject({command: 'CREATE INDEX CONCURRENTLY'});
    expect(seen.builds[0]?.backend_start).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    // A role that may not see the build does not take the index for one that a failed build left.
    await server.query("CREATE ROLE blind LOGIN PASSWORD 'secret'");
    const blind = await watch(server.url({user: 'blind', password: 'secret'}));
    const hidden = await readCatalog(blind).finally(() => blind.close());
    const [table] = await server.query("SELECT 'app.identity'::regclass::oid::text AS oid");
    expect(hidden).toMatchObject({builds: [], hidden_build_tables: [table?.oid]});
    const facts = {catalog: hidden};
    const snapshot = createSnapshot();
    expect(repairInvalidIndexes.diagnose(snapshot, facts)).toEqual([]);
    expect(repairInvalidIndexes.plan?.(snapshot, {}, facts)).toMatchObject({
      steps: [],
      skipped: [
        {reason: expect.stringMatching(/may not see builds an index of its table, perhaps this one$/)},
      ],
    });
    const measured = {snapshot, facts, findings: [], pooler_waiting_clients: null};
    expect(measure(measured).invalid_indexes).toBeNull();
    await holder.query('ROLLBACK');
    await built;
    expect((await readCatalog(connection)).hidden_build_tables).toBeUndefined();
  });
});
