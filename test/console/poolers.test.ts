import {expect, it} from 'vitest';
import {noDiagnosisData, withFacts} from '../../source/core/recipe/diagnose.ts';
import type {Pooler, PoolerReading} from '../../source/model/pooler.ts';
import {createBackend, createSnapshot} from '../helpers/snapshot.ts';
import {open, play, press, read, rowsOf, screenOf} from './played.ts';

const client = {database: 'shop', user: 'app', application_name: 'web', client_addr: '10.0.0.7'};
const none = {sv_active: 0, sv_idle: 0, sv_used: 0, sv_tested: 0, sv_login: 0, cl_waiting: 0, maxwait_ms: 0};
const pooler: Pooler = {
  address: '10.0.0.2:6432',
  version: '1.24.1',
  config_file: '/etc/pgbouncer/pgbouncer.ini',
  settings: {
    pool_mode: 'transaction',
    default_pool_size: 2,
    max_client_conn: 100,
    query_wait_timeout_ms: 120_000,
    max_prepared_statements: 200,
  },
  databases: [
    {
      ...{name: 'shop', host: '10.0.0.1', port: 5432, database: 'shop_app', pool_size: 2, max_connections: 0},
      ...{current_connections: 2, is_paused: false, is_disabled: false},
      ...{transactions_per_second: 120, average_transaction_ms: 4},
    },
  ],
  pools: [
    {
      ...{...none, database: 'shop', user: 'app', pool_mode: 'transaction'},
      ...{cl_active: 2, cl_waiting: 12, maxwait_ms: 4100, sv_active: 2},
    },
    {...none, database: 'shop', user: 'jobs', pool_mode: 'session', cl_active: 1},
  ],
  clients: [
    {...client, client_port: 4001, state: 'waiting', wait_ms: 4100, server_pid: null},
    {...client, client_port: 4002, state: 'active', wait_ms: null, server_pid: 11},
  ],
  servers: [11, 12].map(pid => ({
    ...{database: 'shop', user: 'app', state: 'active', server_addr: '10.0.0.1', server_port: 5432, pid},
  })),
};

/** The second reading knows what PgBouncer said after the first. */
function watching(columns: number, rows: number, reading: PoolerReading) {
  const backends = [11, 12, 13].map(pid =>
    createBackend({
      pid,
      application_name: 'web',
      usename: 'app',
      state: 'idle in transaction',
      client_addr: '10.0.0.2',
      datname: 'shop_app',
    }),
  );
  const at = (second: number) =>
    read({...createSnapshot({backends}), at: `2026-01-01T00:02:0${second}.000000Z`});
  const diagnosisData = withFacts(noDiagnosisData, {facts: {pooler: reading}, unread: []});
  return play(open(columns, rows), at(1), {kind: 'diagnosis-data', at_ms: 0, diagnosisData}, at(2)).state;
}
const known = {pooler, problem: null};

it.each([
  [80, 24],
  [160, 50],
])("Pools shows PgBouncer's pools below the applications', at %i by %i", (columns, height) => {
  const state = press(watching(columns, height, known), '8');
  const rows = rowsOf(state);
  const at = rows.findIndex(row => row.includes('PgBouncer 1.24.1 at 10.0.0.2:6432, transaction mode'));
  expect(rows[at + 1]).toMatch(/^ +PGBOUNCER POOL +VERDICT +WAIT MAXWAIT/);
  expect(rows[at + 2]).toMatch(/^ {2}shop\/app +full +12 +4s .* all 2 /);
  expect(rows[at + 3]).toMatch(/^ {2}shop\/jobs +fine +0 +-/);
  expect(rows.filter(row => row.startsWith('> '))).toHaveLength(1);
  expect(rowsOf(press(state, 'j'))[at + 2]).toMatch(/^> shop\/app/);
});

it("Enter on a pool says whose its server connections are, and a session's page and row name the client behind it", () => {
  const state = watching(160, 50, known);
  const page = screenOf(press(state, '8', 'j', 'enter'));
  expect(page).toMatch(/pool shop\/app of PgBouncer 1\.24\.1 at 10\.0\.0\.2:6432/);
  expect(page).toMatch(
    /full +12 clients wait, up to 4\.10s: all 2 server connections are busy, 2 idle in transaction/,
  );
  expect(page).toMatch(/leads to +shop_app at 10\.0\.0\.1:5432/);
  expect(page).toMatch(/prepared +max_prepared_statements is 200.*drop pgbouncer=true/);
  expect(page).toMatch(/11 +idle in transaction for .*; web, 10\.0\.0\.7:4002/);
  expect(page).toMatch(/12 +idle in transaction for .*; no client has it/);
  expect(page).toMatch(/10\.0\.0\.7:4001 +web, waiting for 4\.10s/);
  const sessions = rowsOf(press(state, '2'));
  const row = (pid: number) => sessions.find(each => new RegExp(`^>? +${pid} `).test(each));
  expect(row(11)).toContain('10.0.0.7');
  expect(row(12)).toContain('(pooler)');
  expect(row(13)).toContain('10.0.0.2');
});

it('says in one line why no PgBouncer is shown, and what to do', () => {
  const problem = {
    address: null,
    reason: 'no PgBouncer is known',
    remedy: 'name its admin console: --pooler URL',
  };
  const state = press(watching(100, 24, {pooler: null, problem}), '8');
  expect(screenOf(state)).toContain('no PgBouncer is known; name its admin console: --pooler URL');
});
