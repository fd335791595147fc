import type pg from 'pg';
import type {Stage, Story} from './story.ts';

export const story: Story = {
  name: 'horizon',
  title: 'A forgotten replication slot keeps vacuum from a busy queue',
  page: 'mailer: sending falls behind since this morning, the poll of the queue takes 100 times as long. CPU is at its limit.',
  settings: {
    wal_level: 'replica',
    max_wal_senders: 4,
    max_replication_slots: 4,
    autovacuum_naptime: '1s',
    autovacuum_vacuum_cost_delay: 0,
  },
  async prepare(stage) {
    for (const role of ['mailer', 'shop_app', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE outbox (id bigserial PRIMARY KEY, recipient text NOT NULL, sent boolean NOT NULL DEFAULT false);
CREATE INDEX outbox_sent_idx ON outbox (sent, id);
CREATE TABLE orders (id integer PRIMARY KEY, total integer);
INSERT INTO orders SELECT n, n FROM generate_series(1, 10000) n;
GRANT ALL ON ALL TABLES IN SCHEMA public TO mailer, shop_app, analyst;
GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO mailer, shop_app;`);
    await stage.admin.query("SELECT pg_create_physical_replication_slot('standby_berlin', true)");
    await sendFeedback(stage, 'standby_berlin');
    await stage.admin.query('INSERT INTO outbox (recipient) SELECT $1 FROM generate_series(1, 300000)', [
      'a@example.org',
    ]);
    await stage.admin.query('UPDATE outbox SET sent = true');
    await stage.admin.query('DELETE FROM outbox');
  },
  async start(stage) {
    const psql = await stage.connect({role: 'analyst', application_name: 'psql', address: '127.0.0.22'});
    await psql.query('BEGIN; SELECT count(*) FROM orders');
    for (let index = 0; index < 3; index++)
      await stage.loop(
        {role: 'mailer', application_name: 'mailer', address: `127.0.0.${11 + index}`},
        async client => {
          await client.query('INSERT INTO "outbox" ("recipient") VALUES ($1)', ['b@example.org']);
          await client.query(
            'DELETE FROM "outbox" WHERE "id" = (SELECT "id" FROM "outbox" WHERE "sent" = false ORDER BY "id" LIMIT 1 FOR UPDATE SKIP LOCKED)',
          );
        },
        {pause_ms: 20},
      );
    await stage.loop(
      {role: 'shop_app', application_name: 'shop', address: '127.0.0.31'},
      client => client.query('SELECT "total" FROM "orders" WHERE "id" = $1', [7]),
      {pause_ms: 50},
    );
    await stage.until(
      "SELECT n_dead_tup > 200000 AND autovacuum_count > 0 FROM pg_stat_user_tables WHERE relname = 'outbox'",
    );
  },
  first: {
    cause: 'horizon',
    recipe: 'drop-replication-slot',
    summary:
      /^replication slot standby_berlin \(physical, not in use\) holds back vacuum: [\d.]+k dead rows of outbox stay; DELETE FROM outbox, which reads them, (is \d+% of the load|runs in \d sessions)$/,
    within_seconds: 60,
  },
  innocents: ['psql', 'shop', 'mailer'],
  async cure({admin}) {
    await admin.query("SELECT pg_drop_replication_slot('standby_berlin')");
  },
  solution: [
    'Slot standby_berlin belonged to a standby that was taken down this morning. While it ran, it reported to the server which rows its queries still need (hot_standby_feedback), and the slot keeps that for its return.',
    'So vacuum removed nothing since: each poll of the queue passed over hundreds of thousands of deleted rows.',
    'Dropping the slot let autovacuum remove them within seconds. A standby that returns after that has to be set up again.',
    'The analyst in psql, idle in transaction, needs newer rows than the slot: ending that session would have freed nothing.',
  ],
};

/**
 * What a standby with hot_standby_feedback does: it connects to its slot and sends the oldest transaction that its queries need.
 * Then it is gone; the slot keeps the xmin.
 */
async function sendFeedback({admin, connect}: Stage, slot: string): Promise<void> {
  const {rows} = await admin.query<{xmin: string; lsn: string}>(
    'SELECT (pg_current_xact_id()::text::bigint % 4294967296)::text AS xmin, pg_current_wal_flush_lsn()::text AS lsn',
  );
  const {xmin = '0', lsn = '0/0'} = rows[0] ?? {};
  const standby = await connect({application_name: 'standby_berlin', replication: true});
  const {connection} = standby as pg.Client & {connection: {stream: NodeJS.WritableStream}};
  standby.query(`START_REPLICATION SLOT ${slot} PHYSICAL ${lsn}`).catch(() => {});
  const isFed = `SELECT xmin IS NOT NULL FROM pg_replication_slots WHERE slot_name = '${slot}'`;
  for (;;) {
    connection.stream.write(feedback(Number(xmin)));
    const {rows: fed} = await admin.query({text: isFed, rowMode: 'array'});
    if (fed[0]?.[0] === true) break;
  }
  connection.stream.end();
}

/** CopyData with a hot standby feedback message (protocol-replication.sgml): time, xmin and epoch, catalog xmin and epoch. */
function feedback(xmin: number): Buffer {
  const message = Buffer.alloc(5 + 1 + 8 + 16);
  message.write('d', 0);
  message.writeInt32BE(message.length - 1, 1);
  message.write('h', 5);
  message.writeUInt32BE(xmin, 14);
  return message;
}
