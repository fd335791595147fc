import {afterAll, beforeAll, beforeEach, expect, it, onTestFinished} from 'vitest';
import {type Acting, createActing} from '../cli/execution/acting.ts';
import {beforeStatement} from '../helpers/before-statement.ts';
import {describeMainMajor, shareTestServer, type TestServer} from '../helpers/server.ts';
import {advise, createOrders, indexNamed, proposalFor} from './indexing.ts';

const now = ['stats_age=0s', 'index=shop.idle_one'];
const other = 'the index has changed since the preview: skipped';

describeMainMajor('an index, identified by oid and definition,', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
  });
  afterAll(() => server?.stop());
  beforeEach(async () => {
    await server.query('DROP SCHEMA IF EXISTS moved CASCADE; CREATE SCHEMA moved');
    await createOrders(server, 200);
  });

  /** A run that has built shop.orders_user_id_idx. */
  async function built(): Promise<Acting> {
    const acting = await createActing(server);
    advise(acting, [await proposalFor(server, '"user_id"')]);
    expect(await acting.run('apply-indexes', {yes: true})).toBe(0);
    return acting;
  }

  /** A run that has dropped shop.idle_one. */
  async function dropped(definition = 'CREATE INDEX idle_one ON shop.orders (n)'): Promise<Acting> {
    await server.query(definition);
    return dropAgain();
  }

  async function dropAgain(): Promise<Acting> {
    const acting = await createActing(server);
    expect(await acting.run('drop-unused-indexes', {set: now, yes: true})).toBe(0);
    expect(await indexNamed(server, 'idle_one')).toBeUndefined();
    return acting;
  }

  /** Moves the table to another schema and creates another one of its name. */
  async function replaceTable(): Promise<void> {
    await server.query('ALTER TABLE shop.orders SET SCHEMA moved');
    await server.query('CREATE TABLE shop.orders (id int PRIMARY KEY, user_id int, status text, n int)');
  }

  const outcomes = (acting: Acting) => acting.document().steps.map(({message}) => message);

  it('is not dropped if it belongs to a table that replaced the previewed one', async () => {
    const acting = await built();
    await replaceTable();
    await server.query('CREATE INDEX orders_user_id_idx ON shop.orders (user_id)');
    expect(await acting.undo('r1', {yes: true})).toBe(6);
    expect(outcomes(acting)).toEqual([other]);
    expect(await server.query("SELECT FROM pg_class WHERE relname = 'orders_user_id_idx'")).toHaveLength(2);
  });

  it.each([
    ['unique', 'CREATE UNIQUE INDEX orders_user_id_idx ON shop.orders (user_id, id)'],
    ['on other columns', 'CREATE INDEX orders_user_id_idx ON shop.orders (n)'],
    ['just as it was', 'CREATE INDEX orders_user_id_idx ON shop.orders (user_id)'],
  ])('is not dropped if it replaced the previewed one: %s', async (_, definition) => {
    const acting = await built();
    await server.query('DROP INDEX shop.orders_user_id_idx');
    await server.query(definition);
    expect(await acting.undo('r1', {yes: true})).toBe(6);
    expect(outcomes(acting)).toEqual([other]);
    expect(await indexNamed(server, 'orders_user_id_idx')).toBeDefined();
  });

  it('is not dropped if it or its table was renamed or redefined', async () => {
    const acting = await built();
    await server.query('ALTER TABLE shop.orders RENAME COLUMN user_id TO buyer_id');
    expect(await acting.undo('r1', {yes: true})).toBe(6);
    expect(outcomes(acting)).toEqual([other]);
  });

  it('is not reported as dropped if another index of its name was dropped between guard and statement', async () => {
    const acting = await built();
    beforeStatement(acting, server, 'DROP INDEX', async () => {
      await replaceTable();
      await server.query('CREATE INDEX orders_user_id_idx ON shop.orders (user_id)');
    });
    expect(await acting.undo('r1', {yes: true})).toBe(7);
    expect(acting.document().steps).toMatchObject([{outcome: 'applied'}]);
    expect(await indexNamed(server, 'orders_user_id_idx')).toMatchObject({
      definition: expect.stringContaining('ON moved.orders'),
    });
  });

  it('is not rebuilt on a table that replaced its own', async () => {
    const acting = await dropped();
    await replaceTable();
    expect(await acting.undo('r1', {yes: true})).toBe(6);
    expect(outcomes(acting)).toEqual(['the table has changed since the preview: skipped']);
    expect(await indexNamed(server, 'idle_one')).toBeUndefined();
  });

  it('is built and dropped by undo after undo', async () => {
    const acting = await built();
    for (const [run, isThere] of [
      ['r1', false],
      ['r2', true],
      ['r3', false],
      ['r4', true],
    ] as const) {
      expect(await acting.undo(run, {yes: true})).toBe(0);
      expect(acting.document().steps).toMatchObject([{outcome: 'verified'}]);
      expect((await indexNamed(server, 'orders_user_id_idx')) !== undefined).toBe(isThere);
    }
    // Undoing the first run drops the index that the last undo rebuilt.
    expect(await acting.undo('r1', {yes: true})).toBe(0);
    expect(await indexNamed(server, 'orders_user_id_idx')).toBeUndefined();
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
  });

  it('is dropped and rebuilt as it was by undo after undo', async () => {
    const acting = await dropped();
    for (const [run, isThere] of [
      ['r1', true],
      ['r2', false],
      ['r3', true],
    ] as const) {
      expect(await acting.undo(run, {yes: true})).toBe(0);
      expect(acting.document().steps).toMatchObject([{outcome: 'verified'}]);
      expect((await indexNamed(server, 'idle_one')) !== undefined).toBe(isThere);
    }
    await server.query('DROP INDEX shop.idle_one');
    await server.query('CREATE INDEX idle_one ON shop.orders (n)');
    expect(await acting.undo('r4', {yes: true})).toBe(6);
    expect(outcomes(acting)).toEqual([other]);
  });

  it('is rebuilt with the attributes that its definition does not include', async () => {
    await server.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
    await server.query(
      'CREATE INDEX idle_one ON shop.orders (n, (lower(status)), (n + 1)) WITH (fillfactor = 70)',
    );
    await server.query("COMMENT ON INDEX shop.idle_one IS 'it''s \\ here'");
    await server.query('ALTER INDEX shop.idle_one ALTER COLUMN 2 SET STATISTICS 700');
    await server.query('ALTER INDEX shop.idle_one ALTER COLUMN 3 SET STATISTICS 0');
    await server.query('ALTER TABLE shop.orders CLUSTER ON idle_one');
    await server.query('ALTER INDEX shop.idle_one DEPENDS ON EXTENSION pg_stat_statements');
    const whole = () =>
      server.query(`
        SELECT pg_get_indexdef(c.oid) AS definition, obj_description(c.oid, 'pg_class') AS comment, i.indisclustered,
          ARRAY(SELECT coalesce(a.attstattarget, -1)::int FROM pg_attribute a WHERE a.attrelid = c.oid ORDER BY a.attnum) AS targets,
          ARRAY(SELECT d.deptype::text || ' ' || e.extname FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid WHERE d.objid = c.oid) AS extensions
        FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid WHERE c.relname = 'idle_one'`);
    const before = await whole();
    expect(before).toMatchObject([
      {
        comment: "it's \\ here",
        indisclustered: true,
        targets: [-1, 700, 0],
        extensions: ['x pg_stat_statements'],
      },
    ]);
    const acting = await dropAgain();
    expect(await acting.undo('r1', {yes: true})).toBe(0);
    expect(acting.document().steps).toMatchObject([{outcome: 'verified'}]);
    expect(await whole()).toEqual(before);
  });

  it('is restored in its own or the database’s tablespace, whatever default_tablespace the role has', async () => {
    await server.query('SET allow_in_place_tablespaces = on').catch(() => {});
    const isAble = await server.query("CREATE TABLESPACE fast LOCATION ''").then(
      () => true,
      () => false,
    );
    if (!isAble) return;
    await server.query("CREATE ROLE owner LOGIN SUPERUSER PASSWORD 'secret'");
    await server.query("ALTER ROLE owner SET default_tablespace = 'fast'");
    await server.query('CREATE INDEX idle_one ON shop.orders (n) TABLESPACE fast');
    await server.query('CREATE INDEX idle_two ON shop.orders (status)');
    const spaces = () =>
      server.query(
        "SELECT relname, spcname FROM pg_class c LEFT JOIN pg_tablespace t ON t.oid = c.reltablespace WHERE relname LIKE 'idle%' ORDER BY relname",
      );
    const before = await spaces();
    expect(before).toEqual([
      {relname: 'idle_one', spcname: 'fast'},
      {relname: 'idle_two', spcname: null},
    ]);
    const acting = await createActing(server, {user: 'owner'});
    const set = ['stats_age=0s', 'index=shop.idle_one,shop.idle_two'];
    expect(await acting.run('drop-unused-indexes', {set, yes: true})).toBe(0);
    expect(await spaces()).toEqual([]);
    expect(await acting.undo('r1', {yes: true})).toBe(0);
    expect(await spaces()).toEqual(before);
    await server.query('DROP TABLE shop.orders');
    await server.query('DROP TABLESPACE fast');
    await server.query('DROP ROLE owner');
  });

  it('is built even if its attributes cannot be restored, which is reported', async () => {
    await server.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
    await server.query('CREATE INDEX idle_one ON shop.orders (n)');
    await server.query("COMMENT ON INDEX shop.idle_one IS 'kept'");
    await server.query('ALTER INDEX shop.idle_one DEPENDS ON EXTENSION pg_stat_statements');
    const acting = await dropAgain();
    await server.query('DROP EXTENSION pg_stat_statements');
    expect(await acting.undo('r1', {yes: true})).toBe(7);
    expect(acting.document().steps).toMatchObject([
      {
        outcome: 'applied',
        message: 'done, but a follow-up statement failed: extension "pg_stat_statements" does not exist',
      },
    ]);
    expect(await indexNamed(server, 'idle_one')).toMatchObject({is_valid: true});
  });

  it.each([
    [
      'backslashes in a constant',
      String.raw`CREATE INDEX idle_one ON shop.orders (n) WHERE status = E'a\\b'`,
    ],
    ['words in a name', 'CREATE INDEX "idle USING ON x" ON shop.orders (n, status)'],
  ])(
    'is rebuilt as it was even if the settings of other sessions change how %s are read',
    async (_, definition) => {
      const other = ['standard_conforming_strings = off', 'quote_all_identifiers = on', 'array_nulls = off'];
      onTestFinished(() => server.query('ALTER DATABASE postgres RESET ALL').then(() => {}));
      await server.query(definition);
      const [before] = await definitions();
      for (const setting of other) await server.query(`ALTER DATABASE postgres SET ${setting}`);
      const acting = await createActing(server);
      expect(await acting.run('drop-unused-indexes', {set: ['stats_age=0s'], yes: true})).toBe(0);
      expect(await definitions()).toEqual([]);
      await server.query('ALTER DATABASE postgres RESET ALL');
      expect(await acting.undo('r1', {yes: true})).toBe(0);
      expect(await definitions()).toEqual([before]);
    },
  );

  const definitions = () =>
    server.query("SELECT indexdef FROM pg_indexes WHERE schemaname = 'shop' AND indexname LIKE 'idle%'");
});
