import {afterAll, beforeAll, beforeEach, expect, it} from 'vitest';
import {createActing, createRoles} from '../cli/execution/acting.ts';
import {describeEachMajor, startTestServer, type TestServer} from '../helpers/server.ts';

describeEachMajor('widen-column', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer({major});
    await createRoles(server);
  });
  afterAll(() => server?.stop());

  beforeEach(async () => {
    await server.query('DROP SCHEMA IF EXISTS "Plant 1" CASCADE');
    await server.query(`
CREATE SCHEMA "Plant 1";
CREATE TABLE "Plant 1"."readings" (id serial PRIMARY KEY, value integer);
CREATE TABLE "Plant 1"."alerts" (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "reading id" integer REFERENCES "Plant 1"."readings");
CREATE TABLE "Plant 1"."notes" (alert smallint, reading integer UNIQUE REFERENCES "Plant 1"."readings");
CREATE TABLE "Plant 1"."other" (reading integer);
INSERT INTO "Plant 1"."readings" (value) SELECT n FROM generate_series(1, 100) n;
INSERT INTO "Plant 1"."alerts" ("reading id") SELECT n FROM generate_series(1, 10) n;
SELECT setval('"Plant 1".readings_id_seq', 2147483647);`);
  });

  const types = async () =>
    (
      await server.query<{column: string; type: string}>(
        `SELECT attrelid::regclass || '.' || attname AS column, format_type(atttypid, atttypmod) AS type FROM pg_attribute
         WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = '"Plant 1"'::regnamespace AND relkind = 'r')
           AND attnum > 0 ORDER BY 1`,
      )
    ).map(({column, type}) => `${column} ${type}`);
  const sequence = () =>
    server.query(
      `SELECT format_type(seqtypid, NULL) AS type, seqmin::text AS min, seqmax::text AS max FROM pg_sequence
       WHERE seqrelid = '"Plant 1".readings_id_seq'::regclass`,
    );
  const insert = () => server.query('INSERT INTO "Plant 1".readings (value) VALUES (0) RETURNING id::text');
  const set = ['table=Plant 1.readings'];

  it('widens the column, what refers to it and its sequence, and undoes exactly that while the values fit', async () => {
    await expect(insert()).rejects.toMatchObject({code: '2200H'});
    const before = [await types(), await sequence()];
    const acting = await createActing(server);
    expect(await acting.run('widen-column', {set, yes: true})).toBe(0);
    expect(acting.document().steps).toMatchObject([
      {outcome: 'verified', title: 'widen Plant 1.notes.reading from integer to bigint'},
      {outcome: 'verified', title: 'widen Plant 1.alerts.reading id from integer to bigint'},
      {outcome: 'verified', title: 'widen Plant 1.readings.id from integer to bigint'},
      {outcome: 'verified', title: expect.stringContaining('widen sequence Plant 1.readings_id_seq')},
    ]);
    expect(await types()).toEqual(
      (before[0] as string[]).map(line =>
        /\b(readings\.id|reading id"?|notes\.reading) integer$/.test(line)
          ? line.replace(/integer$/, 'bigint')
          : line,
      ),
    );
    expect(await acting.run('widen-column', {set, yes: true})).toBe(0);
    expect(acting.document().steps).toEqual([]);
    expect(await acting.undo('r1', {yes: true})).toBe(0);
    expect([await types(), await sequence()]).toEqual(before);
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
  });

  it('cannot be undone once a value exceeds the former type', async () => {
    const acting = await createActing(server);
    expect(await acting.run('widen-column', {set, yes: true})).toBe(0);
    expect(await insert()).toEqual([{id: '2147483648'}]);
    expect(await acting.undo('r1', {yes: true})).toBe(6);
    const messages = acting.document().steps.map(({message}) => message);
    expect(messages).toContainEqual(
      expect.stringContaining('it cannot be undone any more: its value is beyond 2147483647'),
    );
    expect(messages).toContainEqual(
      expect.stringContaining('it cannot be undone any more: a value is beyond integer'),
    );
    expect(await insert()).toEqual([{id: '2147483649'}]);
  });

  it('lets an identity column take its sequence along', async () => {
    const acting = await createActing(server);
    expect(await acting.run('widen-column', {set: ['table=Plant 1.alerts'], yes: true})).toBe(0);
    expect(acting.document().steps).toHaveLength(1);
    expect(
      await server.query(
        `SELECT seqmax::text FROM pg_sequence WHERE seqrelid = '"Plant 1".alerts_id_seq'::regclass`,
      ),
    ).toEqual([{seqmax: '9223372036854775807'}]);
    expect(await acting.undo('r1', {yes: true})).toBe(0);
  });

  it('goes on at negative values as a stopgap, and back', async () => {
    const acting = await createActing(server);
    const negative = {set: [...set, 'method=negative'], yes: true};
    const before = await sequence();
    expect(await acting.run('widen-column', negative)).toBe(0);
    expect(await insert()).toEqual([{id: '-2147483648'}]);
    expect(await insert()).toEqual([{id: '-2147483647'}]);
    expect(await acting.run('widen-column', negative)).toBe(6);
    expect(acting.document().steps).toMatchObject([
      {outcome: 'skipped', message: expect.stringContaining('negative values are in use already')},
    ]);
    expect(await acting.undo('r1', {yes: true})).toBe(0);
    expect(await sequence()).toEqual(before);
    await server.query('DELETE FROM "Plant 1".readings WHERE id < 0');
    expect(await insert()).toEqual([{id: '101'}]);
  });

  it.each<[string, string, string[], RegExp]>([
    [
      'a view uses the column',
      'CREATE VIEW "Plant 1".v AS SELECT id FROM "Plant 1".readings',
      set,
      /is used by .*\bv\b.*0A000/,
    ],
    [
      'the table would be locked for long',
      'INSERT INTO "Plant 1".readings (id, value) SELECT n, n FROM generate_series(1000, 20000) n',
      [...set, 'max_lock=1ms'],
      /would lock the table exclusively for .* longer than max_lock=1ms/,
    ],
    ['there is no such column', 'SELECT 1', [...set, 'column=ids'], /has no column "ids"/],
    [
      'it is no integer',
      'ALTER TABLE "Plant 1".other ADD t text',
      ['table=Plant 1.other', 'column=t'],
      /is text, not an integer/,
    ],
    [
      'it has no sequence to restart',
      'SELECT 1',
      ['table=Plant 1.other', 'column=reading', 'method=negative'],
      /no sequence/,
    ],
    [
      'it is the partition key',
      'CREATE TABLE "Plant 1".parts (id integer) PARTITION BY RANGE (id)',
      ['table=Plant 1.parts'],
      /partition key/,
    ],
  ])('refuses if %s', async (_, sql, params, message) => {
    await server.query(sql);
    const acting = await createActing(server);
    await expect(acting.ports.load({widening: {table: 'x', column: 'y'}})).resolves.toEqual({
      widening: {columns: [], sequence: null},
    });
    const {runRecipe} = await import('../../source/commands/run/command.ts');
    const {noFlags} = await import('../cli/execution/acting.ts');
    await expect(
      runRecipe(acting.ports, 'widen-column', {...noFlags, set: params, dryRun: true}),
    ).rejects.toMatchObject({
      message: expect.stringMatching(message),
      exitCode: 2,
    });
  });

  it('gives SQL in stages that works as written, up to the swap', async () => {
    const acting = await createActing(server);
    expect(await acting.run('widen-column', {set: [...set, 'method=staged'], dryRun: true})).toBe(0);
    const {steps} = acting.document();
    expect(steps.map(({kind}) => kind)).toEqual(['advice', 'advice', 'advice']);
    for (const {text} of steps) {
      const statements = String(text)
        .split('\n')
        .filter(line => !line.startsWith('--'));
      for (const statement of statements) await server.query(statement);
    }
    expect(
      (await types()).filter(line => /\b(readings\.id|reading id"?|notes\.reading) bigint$/.test(line)),
    ).toHaveLength(3);
    await server.query('INSERT INTO "Plant 1".readings (value) VALUES (0)').catch(() => {});
    expect(await server.query('SELECT count(*)::int AS n FROM "Plant 1".readings WHERE id = id_old')).toEqual(
      [{n: 100}],
    );
  });

  it('exits 5 for a role that does not own the table', async () => {
    await server.query(
      'GRANT ALL ON SCHEMA "Plant 1" TO oncall; GRANT ALL ON ALL TABLES IN SCHEMA "Plant 1" TO oncall',
    );
    const acting = await createActing(server, {user: 'oncall'});
    expect(await acting.run('widen-column', {set, yes: true})).toBe(5);
    expect(acting.document().steps).toMatchObject([{sqlstate: '42501'}, {}, {}, {}]);
  });
});
