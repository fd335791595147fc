import {afterAll, beforeAll, expect, it} from 'vitest';
import {loadFolder} from '../../source/team-recipes/folder.ts';
import {createActing} from '../cli/execution/acting.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../helpers/server.ts';
import {actingWith} from './acting.ts';

const folder = new URL('../../recipes/examples/', import.meta.url).pathname;

it('the example recipes have no mistakes', async () => {
  const files = await loadFolder(folder, []);
  expect(files.map(({file}) => file.slice(folder.length))).toEqual([
    'abandoned-replication-slot.md',
    'sequence-running-out.md',
  ]);
  expect(files.flatMap(({problems}) => problems)).toEqual([]);
});

describeEachMajor('sequence-running-out', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
  });
  afterAll(() => server?.stop());

  const typeOf = async (sequence: string) =>
    (
      await server.query<{type: string}>(
        'SELECT $1::regclass::text, seqtypid::regtype::text AS type FROM pg_sequence WHERE seqrelid = $1::regclass',
        [sequence],
      )
    )[0]?.type;

  it('widens the sequence that is too narrow, skips the others, and can be undone', async () => {
    await server.query('CREATE TABLE orders (id serial PRIMARY KEY, note text)');
    await server.query('ALTER TABLE orders ALTER COLUMN id TYPE bigint');
    await server.query("SELECT setval('orders_id_seq', 2100000000)");
    await server.query('CREATE TABLE narrow (id serial)');
    await server.query("SELECT setval('narrow_id_seq', 2000000000)");
    await server.query('CREATE TABLE young (id serial)');
    const acting = await actingWith(await createActing(server), folder);

    expect(await acting.findings('sequence-running-out')).toMatchObject([
      {severity: 'critical', subject: 'sequence:public.orders_id_seq', evidence: {last_value: 2100000000}},
      {severity: 'warning', subject: 'sequence:public.narrow_id_seq'},
    ]);
    expect(await acting.run('sequence-running-out', {yes: true})).toBe(0);
    const document = acting.document();
    expect(document.steps).toMatchObject([
      {outcome: 'verified', sql: 'ALTER SEQUENCE "public"."orders_id_seq" AS bigint'},
    ]);
    expect(document.skipped).toMatchObject([
      {
        subject: 'sequence:public.narrow_id_seq',
        reason: expect.stringContaining('narrow.id is integer: widen'),
      },
    ]);
    expect(await typeOf('orders_id_seq')).toBe('bigint');
    expect(await typeOf('narrow_id_seq')).toBe('integer');

    expect(await acting.undo('r1')).toBe(0);
    expect(await typeOf('orders_id_seq')).toBe('integer');
    const events = (await acting.journal.read()).map(({event}) => event);
    expect(events).toEqual(['run', 'intent', 'outcome', 'end', 'run', 'intent', 'outcome', 'end']);
    expect(await acting.journal.verify()).toMatchObject({ok: true, unfinished: []});
  });

  it('does nothing if the data changed between preview and run', async () => {
    const acting = await actingWith(await createActing(server), folder);
    const flags = {json: false, set: ['subject=sequence:public.orders_id_seq']};
    const code = await acting.runAsked('sequence-running-out', flags, async () => {
      await server.query('ALTER SEQUENCE orders_id_seq AS bigint');
    });
    expect(code).toBe(6);
    const entries = await acting.journal.read();
    expect(entries.some(({event}) => event === 'intent')).toBe(false);
  });
});

describeEachMajor('abandoned-replication-slot', major => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await server.query("SELECT pg_create_physical_replication_slot('old_standby', true)");
    await server.query("SELECT pg_create_physical_replication_slot('unused')");
    await server.query('CREATE TABLE wal AS SELECT n FROM generate_series(1, 20000) AS n');
  });
  afterAll(() => server?.stop());

  it('drops the slot, and the preview says that this cannot be undone', async () => {
    const acting = await actingWith(await createActing(server), folder);
    const flags = {set: ['retained=100kB']};
    expect(await acting.findings('abandoned-replication-slot')).toEqual([]);
    expect(await acting.run('abandoned-replication-slot', {...flags, yes: true})).toBe(0);
    expect(acting.document().steps).toMatchObject([
      {outcome: 'verified', subject: 'slot:old_standby', undo: 'irreversible', values: ['old_standby']},
    ]);
    expect(await server.query('SELECT slot_name FROM pg_replication_slots')).toEqual([{slot_name: 'unused'}]);

    expect(await acting.run('abandoned-replication-slot', {...flags, yes: true})).toBe(0);
    expect(acting.document()).toMatchObject({run: null, reason: 'nothing to do'});
    expect(await acting.undo('r1')).toBe(7);
    expect(acting.document().skipped).toMatchObject([{reason: 'cannot be undone'}]);
  });

  it('refuses an invalid and an unknown parameter', async () => {
    const acting = await actingWith(await createActing(server), folder);
    expect(await acting.run('abandoned-replication-slot', {set: ['retained=much'], yes: true})).toBe(2);
    expect(await acting.run('abandoned-replication-slot', {set: ['kept=1GB'], yes: true})).toBe(2);
    expect(await acting.journal.read()).toEqual([]);
  });
});
