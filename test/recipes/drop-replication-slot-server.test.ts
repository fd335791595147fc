import {afterAll, beforeAll, expect, it} from 'vitest';
import dropReplicationSlot from '../../recipes/drop-replication-slot.ts';
import type {SqlStep} from '../../source/model/step.ts';
import {connect} from '../../source/postgres/connect/connect.ts';
import {readReplication} from '../../source/postgres/facts/replication.ts';
import {describeEachMajor, type OwnServer, startTestServer} from '../helpers/server.ts';
import {createSnapshot} from '../helpers/snapshot.ts';
import {requestTo} from '../postgres/requests.ts';

describeEachMajor('drop-replication-slot', major => {
  let server: OwnServer;
  beforeAll(async () => {
    server = await startTestServer({major, settings: {wal_level: 'logical', max_replication_slots: 4}});
  });
  afterAll(() => server?.stop());

  const create = () => server.query("SELECT pg_create_logical_replication_slot('cdc', 'test_decoding')");
  const names = async () =>
    (await server.query<{slot_name: string}>('SELECT slot_name FROM pg_replication_slots')).map(
      ({slot_name}) => slot_name,
    );

  /** The step of a plan made now. */
  async function planned(): Promise<SqlStep> {
    const connection = await connect(requestTo(server.superuserUrl), {purpose: 'watch'});
    try {
      const replication = await readReplication(connection);
      const [step] = dropReplicationSlot.plan?.(createSnapshot(), {slot: 'cdc'}, {replication}).steps ?? [];
      return step as SqlStep;
    } finally {
      await connection.close();
    }
  }

  const guarded = async ({guard}: SqlStep) => {
    const [row] = await server.query<{guard: string}>(guard?.query.text ?? '', guard?.query.values);
    return row?.guard;
  };

  it('drops the slot of the preview, and no other one of that name', async () => {
    await create();
    const step = await planned();
    // Another one of the same name begins elsewhere in the WAL.
    await server.query("SELECT pg_drop_replication_slot('cdc')");
    expect(await guarded(step)).toBe('there is no such slot any more');
    await server.query('CREATE TABLE t AS SELECT n FROM generate_series(1, 100) n');
    await create();
    expect(await guarded(step)).toBe('it was used, or created again, since the preview');
    await server.query(step.apply.text, step.apply.values);
    expect(await names()).toEqual(['cdc']);

    const again = await planned();
    expect(await guarded(again)).toBe('unused');
    await server.query(again.apply.text, again.apply.values);
    expect(await names()).toEqual([]);
    if (major >= 17) {
      // A physical one begins at the last checkpoint, where its predecessor began.
      const createPhysical = () => server.query("SELECT pg_create_physical_replication_slot('cdc', true)");
      await createPhysical();
      const physical = await planned();
      await server.query("SELECT pg_drop_replication_slot('cdc')");
      await createPhysical();
      expect((await planned()).apply.values.slice(0, 4)).toEqual(physical.apply.values.slice(0, 4));
      expect(await guarded(physical)).toBe('it was used, or created again, since the preview');
      await server.query(physical.apply.text, physical.apply.values);
      expect(await names()).toEqual(['cdc']);
      const replanned = await planned();
      await server.query(replanned.apply.text, replanned.apply.values);
      expect(await names()).toEqual([]);
    }
    const [row] = await server.query<{remaining: number}>(again.verify.query.text, again.verify.query.values);
    expect(row?.remaining).toBe(0);
  });
});
