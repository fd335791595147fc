import {expect, it} from 'vitest';
import {protectionOf} from '../../../source/core/sessions/protection.ts';
import {createBackend, createSnapshot} from '../../helpers/snapshot.ts';

const protected_sessions = {roles: ['billing'], applications: ['nightly import']};

it.each([
  ['its role', {usename: 'billing'}, 'role billing is protected by the configuration'],
  [
    'its application',
    {application_name: 'nightly import'},
    'application nightly import is protected by the configuration',
  ],
  ['neither', {usename: 'web', application_name: 'web'}, undefined],
])('a session protected in the configuration by %s is skipped unless named by pid', (_, who, reason) => {
  const snapshot = createSnapshot({});
  const configured = {...snapshot, target: {...snapshot.target, protected_sessions}};
  const backend = createBackend(who);
  expect(protectionOf(backend, configured, false)?.reason).toBe(reason);
  expect(protectionOf(backend, configured, true)).toBeNull();
  expect(protectionOf(backend, snapshot, false)).toBeNull();
});

it.each([
  [false, true, 'hidden from this role, so it cannot be identified: GRANT pg_read_all_stats TO "oncall"'],
  [true, false, 'still connecting: it has no state to compare yet'],
])('a session without a state, read with pg_read_all_stats: %s', (read_all_stats, is_forbidden, reason) => {
  const snapshot = createSnapshot({});
  const {target} = snapshot;
  const privileges = {...target.privileges, is_superuser: false, read_all_stats};
  const seen = {...snapshot, target: {...target, user: 'oncall', privileges}};
  const backend = createBackend({state: null, state_change: null});
  expect(protectionOf(backend, seen, true)).toEqual({reason, is_forbidden, is_final: true});
});

const programs = [
  ...['pg_dump', 'pg_dumpall', 'pg_basebackup', 'pg_restore', 'pg_receivewal', 'pg_recvlogical', 'pg_rewind'],
  ...['pgbackrest', 'barman', 'wal-g', 'walg'],
].map(application_name => ({application_name}));
const migrations = [
  ...[
    'prisma migrate',
    'prisma-migrate',
    'prisma_migrate',
    'schema-engine',
    'migration-engine',
    'Flyway by Redgate',
  ],
  ...['liquibase', 'alembic', 'dbmate', 'sqitch', 'knex-migrate', 'pgroll'],
].map(application_name => ({application_name}));
const roles = [
  ...['rdsadmin', 'rdsrepladmin', 'rdsproxyadmin', 'rds_superuser'],
  ...['cloudsqladmin', 'cloudsqlagent', 'cloudsqlreplica', 'cloudsqlimportexport'],
  ...['azuresu', 'azure_superuser', 'azure_pg_admin'],
  ...['supabase_admin', 'supabase_auth_admin', 'supabase_storage_admin', 'supabase_replication_admin'],
  ...['supabase_realtime_admin', 'supabase_read_only_user', 'supabase_etl_admin'],
  ...['cloud_admin', 'zenith_admin', 'neon_superuser'],
].map(usename => ({usename}));
const statements = [
  ...['COPY public.orders (id) TO stdout;', 'FETCH FORWARD 100 FROM _pg_dump_cursor'],
  ...['SELECT pg_advisory_lock(72707369)', 'SELECT * FROM "_prisma_migrations"'],
  ...['CREATE UNIQUE INDEX CONCURRENTLY a ON b (c)', 'reindex table a', '/* x */ ALTER TABLE a ADD b int'],
  ...['DROP TABLE a', 'CREATE TABLE a (id int)', 'CREATE EXTENSION hstore', 'VACUUM a', 'CLUSTER a'],
  'REPACK (CONCURRENTLY) a',
  'REFRESH MATERIALIZED VIEW a',
].map(query => ({query}));

it.each([...programs, ...migrations, ...roles, ...statements])(
  'a session is not selected by criteria, but can be named by pid: %j',
  overrides => {
    const backend = createBackend({application_name: 'web', usename: 'app', ...overrides});
    expect(protectionOf(backend, createSnapshot({}), false)).toMatchObject({is_forbidden: false});
    expect(protectionOf(backend, createSnapshot({}), true)).toBeNull();
  },
);

it.each(['SELECT 1', "SELECT 'VACUUM'", 'INSERT INTO vacuum_log VALUES (1)', 'SELECT pg_advisory_lock(7)'])(
  'a session is selected by criteria whatever its statement mentions: %s',
  query => {
    const backend = createBackend({application_name: 'web', usename: 'app', query});
    expect(protectionOf(backend, createSnapshot({}), false)).toBeNull();
  },
);

it("a superuser does not select a superuser's session by criteria, but can name it by pid", () => {
  const {target, ...snapshot} = createSnapshot({});
  const seen = {...snapshot, target: {...target, privileges: {...target.privileges, is_superuser: true}}};
  const backend = createBackend({is_superuser: true});
  expect(protectionOf(backend, seen, false)?.reason).toBe('superuser session');
  expect(protectionOf(backend, seen, true)).toBeNull();
});
