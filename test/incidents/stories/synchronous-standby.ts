import type pg from 'pg';
import type {HealthyStory, Stage} from '../../../source/demo/stories/story.ts';

/** Commits wait for a standby that confirms at once; its slot is in use, and another receiver archives WAL. */
export const story: HealthyStory = {
  name: 'synchronous-standby',
  title: 'A synchronous standby that keeps up',
  settings: {wal_level: 'replica'},
  async prepare(stage) {
    await stage.role('shop');
    await stage.role('replicator', 'REPLICATION');
    await stage.admin.query(`
CREATE TABLE orders (id bigserial PRIMARY KEY, total integer NOT NULL);
GRANT ALL ON orders TO shop; GRANT ALL ON SEQUENCE orders_id_seq TO shop;`);
    await stage.admin.query(
      "SELECT pg_create_physical_replication_slot(name, true) FROM unnest('{standby1,archive}'::name[]) name",
    );
    await stage.analyze();
  },
  async start(stage) {
    await receiveWal(stage, 'standby1');
    await receiveWal(stage, 'archive');
    await stage.admin.query("ALTER SYSTEM SET synchronous_standby_names = 'standby1'");
    await stage.admin.query('ALTER SYSTEM SET synchronous_commit = on');
    await stage.admin.query('SELECT pg_reload_conf()');
    for (let index = 0; index < 5; index++) {
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: `127.0.0.${11 + (index % 2)}`},
        client => client.query('INSERT INTO "orders" ("total") VALUES ($1)', [index]),
        {pause_ms: 30},
      );
    }
    await stage.until('SELECT count(*) > 30 FROM orders');
    await stage.until("SELECT count(*) = 1 FROM pg_stat_replication WHERE sync_state = 'sync'");
  },
};

/** Streams WAL and confirms each message, as a standby does (protocol-replication.html). */
async function receiveWal(stage: Stage, slot: string): Promise<void> {
  const client = await stage.connect({
    role: 'replicator',
    application_name: slot,
    replication: true,
  });
  const {rows} = await client.query<{xlogpos: string}>('IDENTIFY_SYSTEM');
  const {connection} = client as pg.Client & {connection: WalConnection};
  connection.on('copyData', ({chunk}) => {
    const kind = String.fromCharCode(chunk[0] ?? 0);
    // w: WAL, from its first position on; k: keepalive with the server's end.
    const end = chunk.readBigUInt64BE(1) + (kind === 'w' ? BigInt(chunk.length - 25) : 0n);
    const status = Buffer.alloc(34);
    status.write('r');
    for (const at of [1, 9, 17]) status.writeBigUInt64BE(end, at);
    connection.sendCopyFromChunk(status);
  });
  connection.query(`START_REPLICATION SLOT ${slot} PHYSICAL ${rows[0]?.xlogpos}`);
}

type WalConnection = {
  on(event: 'copyData', listener: (message: {chunk: Buffer}) => void): void;
  sendCopyFromChunk(chunk: Buffer): void;
  query(text: string): void;
};
