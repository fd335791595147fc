import type {Story} from '../../../source/demo/stories/story.ts';
import {openBystanders} from '../bystanders.ts';

/** A prepared transaction that its coordinator forgot holds no lock that is waited for, and all dead rows. */
export const story: Story = {
  name: 'prepared-horizon',
  title: 'A forgotten prepared transaction holds back autovacuum',
  page: 'carts: the poll of the carts becomes slower every hour. Autovacuum runs all the time.',
  settings: {max_prepared_transactions: 5, autovacuum_naptime: 1},
  async prepare(stage) {
    for (const role of ['carts_app', 'shop', 'ledger', 'analyst']) await stage.role(role);
    await stage.admin.query(`
CREATE TABLE carts (id integer PRIMARY KEY, state text NOT NULL, note text);
CREATE TABLE balances (id integer PRIMARY KEY, cents integer);
INSERT INTO balances SELECT n, 0 FROM generate_series(1, 100) n;
CREATE TABLE item (id integer PRIMARY KEY, name text NOT NULL);
INSERT INTO item SELECT n, 'item ' || n FROM generate_series(1, 500) n;
INSERT INTO carts SELECT n, 'open', repeat('x', 30) FROM generate_series(1, 1000) n;`);
    await stage.analyze();
    const coordinator = await stage.connect({role: 'ledger', application_name: 'ledger'});
    await coordinator.query('BEGIN');
    await coordinator.query('UPDATE balances SET cents = 1 WHERE id = 5');
    await coordinator.query("PREPARE TRANSACTION 'transfer-9'");
    await coordinator.end();
    for (let turn = 0; turn < 150; turn++)
      await stage.admin.query('UPDATE carts SET note = note || $1', ['.']);
  },
  async start(stage) {
    await openBystanders(stage);
    for (let index = 0; index < 5; index++) {
      await stage.loop(
        {role: 'carts_app', application_name: 'carts', address: `127.0.0.${11 + (index % 2)}`},
        client => client.query('SELECT id FROM carts WHERE state = $1 LIMIT 2000', ['done']),
        {pause_ms: 10},
      );
      await stage.loop(
        {role: 'shop', application_name: 'shop', address: '127.0.0.21'},
        client => client.query('SELECT name FROM item WHERE id = $1', [1 + index]),
        {pause_ms: 60},
      );
    }
    await stage.until("SELECT n_dead_tup > 100000 FROM pg_stat_user_tables WHERE relname = 'carts'");
  },
  first: {
    cause: 'horizon',
    recipe: null,
    summary: /^prepared transaction transfer-9.* holds back vacuum: \S+ dead rows of carts stay/,
    within_seconds: 60,
  },
  innocents: ['shop', 'psql', 'idle-pool', 'carts'],
  async cure({admin}) {
    await admin.query('SET pg_stat_statements.track = none');
    await admin.query("ROLLBACK PREPARED 'transfer-9'");
    await admin.query('VACUUM carts');
  },
  solution: ['The coordinator had lost the transaction; the other database had rolled it back.'],
};
