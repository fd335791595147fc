import type pg from 'pg';
import type {Verdict} from '../../source/core/server/topics/topic.ts';
import type {OwnServer} from '../helpers/server.ts';
import {until} from './watching.ts';

export type Servers = {primary: OwnServer; standby: OwnServer};

/** A state that a real server is brought into, and the line of the Server view that says so. */
export type State = {
  state: string;
  at?: 'standby';
  bring(): Promise<unknown>;
  line: [topic: string, verdict: Verdict, text: RegExp];
  /** Afterwards there is no such line; without it, the state stays for those that follow. */
  end?(): Promise<unknown>;
};

/** What the servers need for these states. */
export const serverSettings = {
  wal_level: 'logical',
  max_wal_senders: 4,
  max_replication_slots: 4,
  archive_mode: 'on',
  archive_command: '/bin/true',
  max_wal_size: '64MB',
  min_wal_size: '32MB',
  wal_keep_size: '48MB',
  autovacuum_naptime: '1s',
};

/** In this order: some states are made from those before. The table orders has 40,000 rows. */
export function statesOf(servers: Servers, {showsHost}: {showsHost: boolean}): State[] {
  /** `ALTER SYSTEM`, without a restart. */
  async function set(name: string, value: string, at: keyof Servers = 'primary'): Promise<void> {
    await servers[at].query(`ALTER SYSTEM SET ${name} = '${value}'`);
    await servers[at].query('SELECT pg_reload_conf()');
  }

  /** Each segment has 16 MB. */
  async function writeSegments(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      await servers.primary.query("SELECT pg_logical_emit_message(false, 'test', 'x')");
      await servers.primary.query('SELECT pg_switch_wal()');
    }
  }

  /** Writes a segment; returns the archiver's counts when it has archived it or failed to. */
  async function archiveOne(): Promise<{archived: number; failed: number}> {
    const text = 'SELECT archived_count::int AS archived, failed_count::int AS failed FROM pg_stat_archiver';
    const read = async () => (await servers.primary.query<{archived: number; failed: number}>(text))[0];
    const before = await read();
    await writeSegments(1);
    return until(async () => {
      const now = await read();
      return now && (now.archived !== before?.archived || now.failed !== before?.failed) && now;
    });
  }

  /** Else its slot is lost with the one that is meant. */
  async function caughtUp(): Promise<void> {
    const behind = 'pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)';
    const text = `SELECT FROM pg_replication_slots WHERE slot_name = 'standby' AND ${behind} < 16777216`;
    await until(async () => (await servers.primary.query(text)).length === 1);
  }

  /** In a session of its own: its statistics are there when it has ended. */
  async function change(statement: string): Promise<void> {
    const client = await servers.primary.connect({application_name: 'change'});
    await client.query(statement);
    await client.end();
  }

  async function inTransaction(server: OwnServer, ...statements: string[]): Promise<pg.Client> {
    const client = await server.connect({application_name: 'holder'});
    for (const statement of ['BEGIN ISOLATION LEVEL REPEATABLE READ', ...statements])
      await client.query(statement);
    return client;
  }

  const lostSlot = "SELECT FROM pg_replication_slots WHERE slot_name = 'cdc' AND wal_status = 'lost'";

  let holder: pg.Client;
  const ending = async () => holder.query('ROLLBACK');
  const nothing = async () => {};

  return [
    {
      state: 'one reading',
      bring: nothing,
      line: [
        'wraparound',
        'ok',
        /^2\.\dG transaction ids left: [\d.]+[kMG]? days at [\d.<]+\/s \(over \w+, since the last checkpoint\)$/,
      ],
    },
    {
      state: 'two readings',
      bring: () => servers.primary.query('SELECT count(pg_current_xact_id()) FROM generate_series(1, 3)'),
      line: ['wraparound', 'ok', /^2\.\dG transaction ids left: [\d.]+[kMG]? days at [\d.<]+\/s \(over /],
    },
    {state: 'no multixact', bring: nothing, line: ['wraparound', 'ok', /multixacts left: none used in/]},
    {state: 'nothing open', bring: nothing, line: ['horizon', 'ok', /^nothing holds back vacuum/]},
    {
      state: 'a query on the standby, with hot_standby_feedback',
      async bring() {
        await set('hot_standby_feedback', 'on', 'standby');
        holder = await inTransaction(servers.standby, 'SELECT count(*) FROM orders');
        await until(
          async () =>
            (await servers.primary.query('SELECT FROM pg_replication_slots WHERE xmin IS NOT NULL'))
              .length === 1,
        );
        await servers.primary.query('UPDATE orders SET state = 1');
        await servers.primary.query('VACUUM orders');
      },
      line: [
        'horizon',
        'warning',
        /^replication slot standby holds back vacuum by \d+ transactions?: 40k dead rows of orders stay$/,
      ],
      async end() {
        await ending();
        await set('hot_standby_feedback', 'off', 'standby');
        await until(async () => {
          await servers.primary.query('VACUUM orders');
          return (
            (
              await servers.primary.query(
                "SELECT FROM pg_stat_user_tables WHERE relname = 'orders' AND n_dead_tup = 0",
              )
            ).length === 1
          );
        });
      },
    },
    {state: 'autovacuum at rest', bring: nothing, line: ['autovacuum', 'ok', /^[01] of 3 workers busy/]},
    {
      state: 'autovacuum off',
      bring: () => set('autovacuum', 'off'),
      line: ['autovacuum', 'warning', /^autovacuum is off: /],
      end: () => set('autovacuum', 'on'),
    },
    {
      state: 'a lock that autovacuum passes over',
      async bring() {
        holder = await inTransaction(servers.primary, 'LOCK TABLE orders IN SHARE UPDATE EXCLUSIVE MODE');
        await change('UPDATE orders SET state = 2');
      },
      line: [
        'autovacuum',
        'warning',
        /^public\.orders is due \(\d+k dead rows, threshold 8\.\dk(?:, score [\d.]+)?\), not vacuumed in \w+: (?:no worker was seen vacuuming it|\d+ workers? left it unfinished)/,
      ],
      end: ending,
    },
    {
      state: 'a table without autovacuum',
      async bring() {
        await servers.primary.query('ALTER TABLE orders SET (autovacuum_enabled = off)');
        await change('UPDATE orders SET state = 3');
      },
      line: ['autovacuum', 'warning', /^autovacuum is off for public\.orders: \d+k dead rows/],
      end: () => servers.primary.query('ALTER TABLE orders RESET (autovacuum_enabled)'),
    },
    {
      state: 'a standby that keeps up',
      bring: nothing,
      line: [
        'replication',
        'ok',
        /^standby standby \(streaming, async\) (?:has replayed everything|is .* behind)/,
      ],
    },
    {state: 'its slot', bring: nothing, line: ['replication', 'ok', /^physical slot standby retains/]},
    {
      state: 'the horizon of a standby',
      at: 'standby',
      bring: nothing,
      line: ['horizon', 'ok', /^a standby: /],
    },
    {
      state: 'autovacuum of a standby',
      at: 'standby',
      bring: nothing,
      line: ['autovacuum', 'ok', /^a standby runs no autovacuum$/],
    },
    {
      state: 'a standby that receives',
      at: 'standby',
      bring: nothing,
      line: ['replication', 'ok', /^this standby receives from 127\.0\.0\.1: /],
    },
    {
      state: 'no conflict',
      at: 'standby',
      bring: nothing,
      line: ['replication', 'ok', /^no query was cancelled by replay$/],
    },
    {
      state: 'a query that replay cancels',
      at: 'standby',
      async bring() {
        holder = await inTransaction(servers.standby, 'SELECT count(*) FROM orders');
        await servers.primary.query('UPDATE orders SET state = 4');
        await servers.primary.query('VACUUM orders');
        await until(async () => {
          const ended = await holder.query('SELECT 1').catch(() => null);
          return ended === null;
        });
      },
      line: [
        'replication',
        'warning',
        /^1 query cancelled by replay since the statistics began, 1 in the last/,
      ],
    },
    {
      state: 'a paused replay',
      at: 'standby',
      bring: () => servers.standby.query('SELECT pg_wal_replay_pause()'),
      line: ['replication', 'warning', /^replay is paused(?: at the transaction of \S+ \S+Z)?: /],
      end: () => servers.standby.query('SELECT pg_wal_replay_resume()'),
    },
    {
      state: 'no synchronous standby',
      bring: () => set('synchronous_standby_names', 'missing'),
      line: [
        'replication',
        'critical',
        /^no standby of synchronous_standby_names = 'missing' is connected: the next commit waits$/,
      ],
      end: () => set('synchronous_standby_names', ''),
    },
    {
      state: 'a slot without a consumer',
      bring: () => servers.primary.query("SELECT pg_create_logical_replication_slot('cdc', 'pgoutput')"),
      line: [
        'replication',
        'ok',
        /^logical slot cdc, without a consumer, retains .*, and all that is written from now on$/,
      ],
    },
    {
      state: 'that retains more than checkpoints do',
      bring: () => writeSegments(5),
      line: [
        'replication',
        'warning',
        showsHost
          ? /^logical slot cdc, without a consumer, retains \d+M of WAL, .*\/s more, until the disk is full in \w+ \(\S+ free\): no max_slot_wal_keep_size$/
          : /^logical slot cdc, without a consumer, retains \d+M of WAL, .*\/s more, until the disk is full: no max_slot_wal_keep_size$/,
      ],
    },
    {
      state: 'a pg_wal that grows',
      bring: () => writeSegments(12),
      line: [
        'WAL',
        'warning',
        /^pg_wal is \d+M, above max_wal_size = 64M, kept for slot cdc; .*\/s written$/,
      ],
    },
    {
      state: 'a slot near its limit',
      bring: () => set('max_slot_wal_keep_size', '640MB'),
      line: [
        'replication',
        'warning',
        /^logical slot cdc, without a consumer, retains \d+M of WAL and is invalidated after \d+M more WAL: in \w+ at \S+\/s$/,
      ],
    },
    {
      state: 'a lost slot',
      async bring() {
        await caughtUp();
        await set('max_slot_wal_keep_size', '32MB');
        // The checkpointer removes by the setting that it has: it may read the new one after a checkpoint has begun.
        await until(async () => {
          await servers.primary.query('CHECKPOINT');
          return (await servers.primary.query(lostSlot)).length === 1;
        });
      },
      line: [
        'replication',
        'critical',
        /^logical slot cdc, without a consumer, is lost: its consumer needs a new full copy$/,
      ],
      async end() {
        await set('max_slot_wal_keep_size', '-1');
        await servers.primary.query("SELECT pg_drop_replication_slot('cdc')");
        await servers.primary.query('CHECKPOINT');
      },
    },
    {
      state: 'checkpoints that are requested',
      bring: async () => {
        for (let index = 0; index < 3; index++) await servers.primary.query('CHECKPOINT');
      },
      line: [
        'checkpoints',
        'warning',
        /^\d+ checkpoints requested in .*: (?:not by WAL, but by CHECKPOINT or a backup|WAL reaches max_wal_size)/,
      ],
    },
    {
      state: 'an archive that works',
      bring: () => writeSegments(1),
      line: ['WAL', 'ok', /^archived \S+ ago, \d+ segments? waiting$/],
    },
    {
      state: 'an archive that fails',
      async bring() {
        await set('archive_command', '/bin/false');
        // The archiver may still take a segment with the command that it had.
        await until(async () => (await archiveOne()).failed > 0);
      },
      line: [
        'WAL',
        'warning',
        /^archiving fails \(0000.*, last at .*; last success .*\), \d+ segments? waiting: WAL stays until the disk is full$/,
      ],
      async end() {
        await set('archive_command', '/bin/true');
        await writeSegments(1);
      },
    },
    {
      state: 'a standby without its primary',
      at: 'standby',
      bring: () => set('primary_conninfo', '', 'standby'),
      line: ['replication', 'warning', /^this standby receives nothing: no WAL receiver/],
      async end() {
        await servers.standby.query('ALTER SYSTEM RESET primary_conninfo');
        await servers.standby.query('SELECT pg_reload_conf()');
      },
    },
  ];
}
