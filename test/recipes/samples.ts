import type {ParameterValues} from '../../source/model/recipe.ts';
import type {RecipeData} from '../../source/model/recipe-data.ts';
import type {ReplicationSlot} from '../../source/model/server-facts.ts';
import type {Snapshot} from '../../source/model/snapshot.ts';
import {createCatalog, createIndex, createProposal} from '../helpers/catalog.ts';
import {createPooler} from '../helpers/pooler.ts';
import {createBackend, createSnapshot} from '../helpers/snapshot.ts';

/** Data for which a recipe has something to do. The contract tests use it. */
export type Sample = {snapshot: Snapshot; facts: RecipeData; params: ParameterValues};

const leaking = createSnapshot({
  backends: [createBackend({state: 'idle in transaction', state_age_ms: 900_000})],
});
const working = createSnapshot({backends: [createBackend({state: 'active', state_age_ms: 900_000})]});

const blocked = createSnapshot({
  backends: [
    createBackend({pid: 1, state: 'active', xact_age_ms: 90_000}),
    createBackend({pid: 2, state: 'active', blocked_by: [1], wait_event_type: 'Lock'}),
  ],
  lock_waits: [
    {
      pid: 2,
      blocked_by: [1],
      locktype: 'transactionid',
      mode: 'ShareLock',
      relation: 'orders',
      wait_age_ms: 80_000,
    },
  ],
});

/** A slot that a standby has left. */
export function createSlot(overrides: Partial<ReplicationSlot> = {}): ReplicationSlot {
  return {
    name: 'standby_berlin',
    kind: 'physical',
    database: null,
    plugin: null,
    is_active: false,
    active_pid: null,
    xmin_age: 12_000,
    catalog_xmin_age: null,
    retained_bytes: 3_000_000_000,
    wal_status: 'extended',
    safe_wal_bytes: null,
    is_temporary: false,
    restart_lsn: '0/16B3748',
    xmin: '760',
    catalog_xmin: null,
    ...overrides,
  };
}

/** By recipe id; every recipe that acts has one. */
export const samples: Record<string, Sample> = {
  'tune-connection-limit': {
    snapshot: leaking,
    facts: {role_limits: [{oid: '16385', name: 'shop_app', is_superuser: false, connection_limit: -1}]},
    params: {instances: '10', role: 'shop_app', apply: 'role'},
  },
  'apply-indexes': {
    snapshot: createSnapshot(),
    facts: {
      catalog: createCatalog(),
      index_advice: {proposals: [createProposal()], skipped: [], planner: 'none'},
      prisma_schema: {
        files: [
          {path: '/app/prisma/schema.prisma', text: 'model orders {\n  id Int @id\n  user_id Int\n}\n'},
        ],
        migrations: {folder: '/app/prisma/migrations', names: ['20250102030405_init']},
      },
    },
    params: {app: '/app'},
  },
  'control-pgbouncer': {
    // The pooler's server connections.
    snapshot: createSnapshot({backends: [11, 12].map(pid => createBackend({pid, datname: 'shop_app'}))}),
    facts: {pooler: {pooler: createPooler(), problem: null}},
    params: {action: 'pause', database: 'shop'},
  },
  'drop-replication-slot': {
    snapshot: createSnapshot(),
    facts: {replication: {slots: [createSlot()], standbys: []}},
    params: {slot: 'standby_berlin'},
  },
  'drop-unused-indexes': {
    snapshot: createSnapshot(),
    facts: {catalog: createCatalog({indexes: [createIndex({scans: 0})]})},
    params: {},
  },
  'repair-invalid-indexes': {
    snapshot: createSnapshot(),
    facts: {catalog: createCatalog({indexes: [createIndex({is_valid: false})]})},
    params: {},
  },
  'replay-endpoint': {snapshot: createSnapshot(), facts: {}, params: {endpoint: 'students.sql'}},
  'kill-idle-sessions': {snapshot: leaking, facts: {}, params: {}},
  'release-blockers': {snapshot: blocked, facts: {prepared_transactions: []}, params: {}},
  'cancel-runaway-statements': {
    snapshot: createSnapshot({backends: [createBackend({state: 'active', query_age_ms: 900_000})]}),
    facts: {},
    params: {},
  },
  'set-timeouts': {
    snapshot: leaking,
    facts: {
      role_settings: {
        roles: [
          {
            oid: '16385',
            name: 'shop_app',
            is_superuser: false,
            can_login: true,
            connection_limit: -1,
            valid_until: null,
          },
        ],
        databases: [{oid: '16384', name: 'shop'}],
        overrides: [{role: 'shop_app', database: null, name: 'statement_timeout', value: '60000'}],
      },
    },
    params: {role: 'shop_app', statement_timeout: '30s', lock_timeout: '2s'},
  },
  'reset-role-setting': {
    snapshot: createSnapshot({backends: [createBackend({datname: 'shop'})]}),
    facts: {
      role_settings: {
        roles: [
          {
            oid: '16385',
            name: 'shop_app',
            is_superuser: false,
            can_login: true,
            connection_limit: -1,
            valid_until: null,
          },
        ],
        databases: [{oid: '16384', name: 'shop'}],
        overrides: [{role: 'shop_app', database: 'shop', name: 'default_transaction_read_only', value: 'on'}],
      },
    },
    params: {
      setting: 'default_transaction_read_only',
      role: 'shop_app',
      database: 'shop',
      recycle: 'yes',
    },
  },
  'widen-column': {
    snapshot: createSnapshot(),
    facts: {
      widening: {
        columns: [
          {
            table_oid: '16400',
            schema: 'public',
            table: 'readings',
            column: 'id',
            attnum: 1,
            type: 'integer',
            rows: 400_000,
            size_bytes: 40_000_000,
            is_partitioned: false,
            is_partition_key: false,
            used_by: [],
            is_identity: false,
          },
        ],
        sequence: {
          oid: '16401',
          schema: 'public',
          name: 'readings_id_seq',
          type: 'integer',
          last_value: '2147483647',
          min_value: '1',
          max_value: '2147483647',
          increment: '1',
        },
      },
    },
    params: {table: 'public.readings', column: 'id'},
  },
  'analyze-stale-tables': {
    snapshot: createSnapshot(),
    facts: {
      maintenance: {
        tables: [
          {
            oid: '16400',
            schema: 'public',
            name: 'orders',
            live_rows: 100_000,
            dead_rows: 90_000,
            rows_changed_since_analyze: 80_000,
            analyze_threshold: 10_050,
            vacuum_threshold: 20_050,
            is_autovacuum_enabled: true,
            analyze_age_ms: null,
            vacuum_age_ms: null,
            analyze_count: 3,
            may_analyze: true,
          },
        ],
        xmin_holders: [
          {kind: 'replication slot', name: 'gone', description: 'logical', xmin_age: 9_000_000, age_ms: null},
        ],
      },
    },
    params: {},
  },
  'prisma-migrate-lock': {
    snapshot: leaking,
    facts: {
      advisory_locks: [
        {pid: 4711, database: 'shop', mode: 'ExclusiveLock', is_granted: true, wait_age_ms: null},
      ],
    },
    params: {},
  },
  'enable-statement-statistics': {
    snapshot: createSnapshot(),
    facts: {
      statement_statistics: {
        is_loaded: true,
        is_restart_pending: false,
        preload_remedy: "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements';",
        service_note: null,
        uncounted: [],
        available_version: '1.10',
        installed: null,
        schemas: ['public'],
      },
    },
    params: {},
  },
  'terminate-sessions': {snapshot: leaking, facts: {}, params: {pid: '4711'}},
  'cancel-statements': {snapshot: working, facts: {}, params: {pid: '4711'}},
};
