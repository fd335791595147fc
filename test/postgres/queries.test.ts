import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {Connection} from '../../source/postgres/connect/connect.ts';
import {
  autovacuumQuery,
  databaseAgesQuery,
  dueTablesQuery,
  oldestTablesQuery,
} from '../../source/postgres/facts/autovacuum.ts';
import {
  catalogAgeQuery,
  catalogBuildsQuery,
  catalogForeignKeysQuery,
  catalogTablesQuery,
  hiddenBuildsQuery,
} from '../../source/postgres/facts/catalog.ts';
import {catalogIndexesQuery} from '../../source/postgres/facts/catalog-indexes.ts';
import {columnValuesQuery} from '../../source/postgres/facts/column-values.ts';
import {hostQuery} from '../../source/postgres/facts/host.ts';
import {
  columnStatisticsQuery,
  costlyStatementsQuery,
  hypopgQuery,
} from '../../source/postgres/facts/index-advice.ts';
import {lockTableQuery} from '../../source/postgres/facts/lock-table.ts';
import {
  advisoryLocksQuery,
  preparedTransactionsQuery,
  sessionFactsQuery,
  tableHoldersQuery,
} from '../../source/postgres/facts/locks.ts';
import {
  tableFactsQuery,
  tableUpkeepQuery,
  xminHoldersQuery,
} from '../../source/postgres/facts/maintenance.ts';
import {
  migrationHoldersQuery,
  migrationUseQuery,
  statementCallsQuery,
  statementQueriesQuery,
} from '../../source/postgres/facts/migration-reading.ts';
import {migrationTargetQuery} from '../../source/postgres/facts/migration-target.ts';
import {obstaclesQuery} from '../../source/postgres/facts/obstacles.ts';
import {missingPartitionsQuery} from '../../source/postgres/facts/partitions.ts';
import {slotsQuery, standbysQuery} from '../../source/postgres/facts/replication.ts';
import {databaseNamesQuery, roleSettingsQuery, rolesQuery} from '../../source/postgres/facts/roles.ts';
import {sequenceOidsQuery, sequencesQuery} from '../../source/postgres/facts/sequences.ts';
import {ioCountersQuery, ioTotalsQuery, relationIoQuery} from '../../source/postgres/facts/server-io.ts';
import {logSettingsQuery} from '../../source/postgres/facts/server-log.ts';
import {serverSettingsQuery} from '../../source/postgres/facts/server-settings.ts';
import {statementStatisticsQuery} from '../../source/postgres/facts/statement-statistics.ts';
import {fileTimeoutsQuery, serverTimeoutsQuery} from '../../source/postgres/facts/timeouts.ts';
import {walFilesQuery, walQuery} from '../../source/postgres/facts/wal.ts';
import {wideningColumnsQuery, wideningSequenceQuery} from '../../source/postgres/facts/widening.ts';
import {readOnlyDefaultQuery, writeStateQuery} from '../../source/postgres/facts/write-state.ts';
import {activityQuery} from '../../source/postgres/queries/activity.ts';
import {lockWaitsQuery} from '../../source/postgres/queries/lock-waits.ts';
import {extensionVersionNum, features, pickVariant, type Query} from '../../source/postgres/queries/query.ts';
import {
  databasesQuery,
  indexBuildsQuery,
  indexHitsQuery,
  namesQuery,
  slotSettingsQuery,
} from '../../source/postgres/queries/server.ts';
import {
  statementsInfoQuery,
  statementsQuery,
  statementsScanQuery,
  statementTextsQuery,
  wantedStatementsQuery,
} from '../../source/postgres/queries/statements.ts';
import {readOnce} from '../../source/postgres/sampler/sampler.ts';
import {sessionLocksQuery, sessionQueryQuery} from '../../source/postgres/sampler/session-detail.ts';
import {planCallsQuery, readStatementNow} from '../../source/postgres/sampler/statement-text.ts';
import {identityQuery} from '../../source/postgres/server/capabilities.ts';
import {examine} from '../../source/postgres/server/doctor.ts';
import {serverProofQuery, systemIdentifierQuery} from '../../source/postgres/server/server-proof.ts';
import {startProxy} from '../helpers/proxy.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../helpers/server.ts';
import {everything, openReader, watch} from './watching.ts';

const serverQueries: [Query, unknown[]][] = [
  [activityQuery, [null]],
  [advisoryLocksQuery, ['1', true]],
  [namesQuery, []],
  [databaseNamesQuery, []],
  [migrationTargetQuery, [['orders'], [], null, true]],
  [migrationHoldersQuery, [['1']]],
  [migrationUseQuery, [['1']]],
  [wideningColumnsQuery, ['public.orders', 'id']],
  [wideningSequenceQuery, ['1', 1]],
  [catalogTablesQuery, []],
  [catalogIndexesQuery, []],
  [catalogForeignKeysQuery, []],
  [catalogBuildsQuery, []],
  [hiddenBuildsQuery, []],
  [catalogAgeQuery, []],
  [columnStatisticsQuery, [['1259']]],
  [columnValuesQuery, [['1259'], ['relname']]],
  [hypopgQuery, []],
  [databasesQuery, []],
  [identityQuery, [Object.keys(features)]],
  [indexBuildsQuery, []],
  [indexHitsQuery, []],
  [lockWaitsQuery, []],
  [preparedTransactionsQuery, []],
  [sessionFactsQuery, []],
  [tableHoldersQuery, []],
  [roleSettingsQuery, []],
  [serverSettingsQuery, []],
  [hostQuery, []],
  [ioCountersQuery, []],
  [ioTotalsQuery, []],
  [relationIoQuery, []],
  [logSettingsQuery, []],
  [rolesQuery, []],
  [serverTimeoutsQuery, [['statement_timeout']]],
  [fileTimeoutsQuery, [['statement_timeout']]],
  [serverProofQuery, []],
  [sessionLocksQuery, [1]],
  [sessionQueryQuery, [1]],
  [readOnlyDefaultQuery, []],
  [sequenceOidsQuery, []],
  [sequencesQuery, [[1]]],
  [missingPartitionsQuery, []],
  [obstaclesQuery, []],
  [slotSettingsQuery, []],
  [slotsQuery, []],
  [standbysQuery, []],
  [writeStateQuery, []],
  [systemIdentifierQuery, []],
  [statementStatisticsQuery, []],
  [tableUpkeepQuery, []],
  [tableFactsQuery, []],
  [lockTableQuery, []],
  [xminHoldersQuery, []],
  [walQuery, []],
  [walFilesQuery, []],
  [autovacuumQuery, []],
  [databaseAgesQuery, []],
  [oldestTablesQuery, []],
  [dueTablesQuery, []],
];
const statementQueries: [Query, unknown[]][] = [
  [statementsQuery, [10]],
  [wantedStatementsQuery, [['1'], ['1'], ['1']]],
  [statementsInfoQuery, []],
  [statementCallsQuery, []],
  [statementQueriesQuery, [['1']]],
  [statementsScanQuery, [['1'], ['1'], ['1']]],
  [statementTextsQuery, [[]]],
  [planCallsQuery, ['1', '1', '1']],
  [costlyStatementsQuery, [10]],
];

describe('pickVariant', () => {
  const query: Query = {
    name: 'q',
    versioned_by: 'pg_stat_statements',
    variants: [
      {floor: 111, text: 'new'},
      {floor: 108, text: 'old {schema}'},
    ],
  };

  it.each([
    ['1.8', 'old "s""x"'],
    ['1.9', 'old "s""x"'],
    ['1.10', 'old "s""x"'],
    ['1.11', 'new'],
    ['1.12', 'new'],
  ])('picks the variant with the highest minimum version at or below %s', (version, text) => {
    expect(pickVariant(query, extensionVersionNum(version), 's"x').text).toBe(text);
  });

  it('throws for a version below every minimum', () => {
    expect(() => pickVariant(query, extensionVersionNum('1.7'))).toThrow('q has no variant');
  });
});

/** If the columns of variants differed, rows would be misread on some servers. */
const expectedColumns = new Map<string, string[]>();

async function columnsOf(connection: Connection, text: string, values: unknown[]): Promise<string[]> {
  const {fields} = await connection.client.query({text, values, rowMode: 'array'});
  return fields.map(({name}) => name);
}

function expectSameColumns(query: Query, columns: string[]): void {
  const expected = expectedColumns.get(query.name) ?? columns;
  expectedColumns.set(query.name, expected);
  expect(columns).toEqual(expected);
}

describeEachMajor('queries', major => {
  let server: TestServer;
  let connection: Connection;
  beforeAll(async () => {
    server = await shareTestServer({major});
    connection = await watch(server.url());
  });
  afterAll(async () => {
    await connection?.close();
    await server?.stop();
  });

  for (const [query, values] of serverQueries) {
    const fitting = query.variants.filter(({floor}) => floor <= major * 10_000);
    it.each(fitting)(
      `${query.name}, variant for version $floor and later, runs with the same columns`,
      async ({text}) => {
        expectSameColumns(query, await columnsOf(connection, text, values));
      },
    );
  }

  // The library serves older versions of its extension, so that each variant can be run for real.
  describe.each(['1.8', '1.9', '1.10', '1.11', '1.12'])('pg_stat_statements %s', version => {
    it('is read by the variant for it, in a schema of any name', async context => {
      const available = await server.query(
        `SELECT FROM pg_available_extension_versions WHERE name = 'pg_stat_statements' AND version = '${version}'`,
      );
      if (available.length === 0) context.skip(`PostgreSQL ${major} has no pg_stat_statements ${version}`);
      await server.query('DROP EXTENSION IF EXISTS pg_stat_statements');
      await server.query('CREATE SCHEMA IF NOT EXISTS "odd ""schema"');
      await server.query(`CREATE EXTENSION pg_stat_statements SCHEMA "odd ""schema" VERSION '${version}'`);
      for (const [query, values] of statementQueries) {
        const {text} = pickVariant(query, extensionVersionNum(version), 'odd "schema');
        expectSameColumns(query, await columnsOf(connection, text, values));
      }
    });
  });
});

/** Nothing that the proxy changes is longer or shorter than before, so messages keep their lengths. */
function sayVersion20(bytes: Buffer): Buffer {
  const text = bytes.toString('latin1');
  const said = text
    .replace(
      /(server_version\0)18\.\d+(?=\0)/,
      (whole, name: string) => `${name}20.${'0'.repeat(whole.length - name.length - 3)}`,
    )
    .replace(/1800\d\d/g, '200000');
  return Buffer.from(said, 'latin1');
}

describe('a major version that poolctl does not know', () => {
  const major = 18;
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major});
    await server.query('CREATE EXTENSION pg_stat_statements');
  });
  afterAll(() => server?.stop());

  const watchAs20 = async () => watch((await startProxy(server, sayVersion20)).addressOf(server).url());

  it('is read by what it has, and named', async () => {
    const connection = await watchAs20();
    const snapshot = await readOnce(connection, {rates_over_ms: null});
    expect(snapshot.target.server_version_num).toBe(200_000);
    expect(snapshot.unavailable).toEqual([]);
    expect(snapshot.statements_info).not.toBeNull();
    const {checks} = await examine(connection);
    expect(checks[0]).toMatchObject({
      id: 'version',
      status: 'advice',
      detail: expect.stringMatching(/^PostgreSQL 20 is newer than poolctl knows: it is read as 19/),
    });
    await connection.close();
  });

  it('shows how often a statement had which kind of plan, as PostgreSQL 19 counts', async () => {
    const connection = await watch(server.url());
    await server.query('SELECT 41 + 1 AS planned');
    const [statement] = await server.query<{queryid: string; dbid: string; userid: string}>(
      "SELECT queryid::text, dbid::text, userid::text FROM pg_stat_statements WHERE query LIKE '%AS planned'",
    );
    if (statement === undefined) throw new Error('not counted');
    expect(await readStatementNow(connection, statement)).toMatchObject({plan_calls: null});
    await server.query('ALTER FUNCTION pg_stat_statements(boolean) RENAME TO statements_of_18');
    await server.query(
      'CREATE VIEW statements_of_19 AS SELECT s.*, 7::int8 AS generic_plan_calls, 5::int8 AS custom_plan_calls FROM statements_of_18(true) s',
    );
    await server.query(
      "CREATE FUNCTION pg_stat_statements(boolean) RETURNS SETOF statements_of_19 LANGUAGE sql AS 'SELECT * FROM public.statements_of_19'",
    );
    expect(await readStatementNow(connection, statement)).toMatchObject({
      plan_calls: {generic: 7, custom: 5},
    });
    await connection.close();
  });

  it('goes without what it has dropped', async () => {
    const admin = await server.connect();
    await admin.query('SET allow_system_table_mods = on');
    await admin.query('ALTER FUNCTION pg_stat_force_next_flush() RENAME TO pg_stat_flush');
    await admin.query('ALTER VIEW pg_catalog.pg_locks RENAME COLUMN waitstart TO wait_began');
    await admin.query('ALTER VIEW pg_catalog.pg_stat_database RENAME COLUMN sessions_fatal TO fatal');
    await admin.query('ALTER VIEW pg_catalog.pg_stat_progress_create_index RENAME COLUMN phase TO stage');
    const connection = await watchAs20();
    const reader = await openReader(connection);
    const {databases, unavailable} = await reader.read(everything);
    expect(databases.length).toBeGreaterThan(0);
    expect(databases[0]).not.toHaveProperty('sessions_fatal');
    // What no variant can do without is said, and the rest is read.
    expect(unavailable).toEqual([
      {
        section: 'index_builds',
        sqlstate: '42703',
        reason: 'column p.phase does not exist',
        remedy: 'PostgreSQL is newer than poolctl knows: see whether a newer poolctl reads it',
      },
    ]);
    const {checks} = await examine(connection);
    expect(checks[0]?.detail).toContain(
      'this server lacks pg_locks.waitstart, pg_stat_database.sessions_fatal, pg_stat_force_next_flush()',
    );
    await connection.close();
  });
});
