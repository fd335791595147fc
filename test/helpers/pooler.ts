import type {Pooler} from '../../source/model/pooler.ts';

const client = {database: 'shop', user: 'app', application_name: 'web', client_addr: '10.0.0.7'};
const none = {sv_active: 0, sv_idle: 0, sv_used: 0, sv_tested: 0, sv_login: 0, cl_waiting: 0, maxwait_ms: 0};
/** A PgBouncer in transaction mode whose pool shop/app is full; its server connections are the pids 11 and 12. */
const example: Pooler = {
  address: '10.0.0.2:6432',
  version: '1.24.1',
  config_file: '/etc/pgbouncer/pgbouncer.ini',
  settings: {
    pool_mode: 'transaction',
    default_pool_size: 2,
    max_client_conn: 100,
    query_wait_timeout_ms: 120_000,
    max_prepared_statements: 200,
    so_reuseport: false,
    peer_id: 0,
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

export function createPooler(overrides: Partial<Pooler> = {}): Pooler {
  return {...structuredClone(example), ...overrides};
}
