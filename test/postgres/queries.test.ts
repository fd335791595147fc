import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import type {Connection} from '../../source/postgres/connect/connect.ts';
import {progressQueries} from '../../source/postgres/executor/progress.ts';
import {
  catalogAgeQuery,
  catalogBuildsQuery,
  catalogForeignKeysQuery,
  catalogTablesQuery,
} from '../../source/postgres/facts/catalog.ts';
import {catalogIndexesQuery} from '../../source/postgres/facts/catalog-indexes.ts';
import {columnValuesQuery} from '../../source/postgres/facts/column-values.ts';
import {
  columnStatisticsQuery,
  costlyStatementsQuery,
  hypopgQuery,
} from '../../source/postgres/facts/index-advice.ts';
import {
  advisoryLocksQuery,
  preparedTransactionsQuery,
  sessionFactsQuery,
  tableHoldersQuery,
} from '../../source/postgres/facts/locks.ts';
import {tableUpkeepQuery, xminHoldersQuery} from '../../source/postgres/facts/maintenance.ts';
import {
  migrationHoldersQuery,
  migrationUseQuery,
  statementCallsQuery,
  statementQueriesQuery,
} from '../../source/postgres/facts/migration-reading.ts';
import {migrationTargetQuery} from '../../source/postgres/facts/migration-target.ts';
import {slotsQuery, standbysQuery} from '../../source/postgres/facts/replication.ts';
import {databaseNamesQuery, roleSettingsQuery, rolesQuery} from '../../source/postgres/facts/roles.ts';
import {sequenceOidsQuery, sequencesQuery} from '../../source/postgres/facts/sequences.ts';
import {serverSettingsQuery} from '../../source/postgres/facts/server-settings.ts';
import {statementStatisticsQuery} from '../../source/postgres/facts/statement-statistics.ts';
import {wideningColumnsQuery, wideningSequenceQuery} from '../../source/postgres/facts/widening.ts';
import {readOnlyDefaultQuery, writeStateQuery} from '../../source/postgres/facts/write-state.ts';
import {activityQuery} from '../../source/postgres/queries/activity.ts';
import {lockWaitsQuery} from '../../source/postgres/queries/lock-waits.ts';
import {extensionVersionNum, pickVariant, type Query} from '../../source/postgres/queries/query.ts';
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
import {sessionLocksQuery, sessionQueryQuery} from '../../source/postgres/sampler/session-detail.ts';
import {identityQuery} from '../../source/postgres/server/capabilities.ts';
import {serverProofQuery, systemIdentifierQuery} from '../../source/postgres/server/server-proof.ts';
import {describeEachMajor, shareTestServer, type TestServer} from '../helpers/server.ts';
import {watch} from './watching.ts';

const serverQueries: [Query, unknown[]][] = [
  ...Object.values(progressQueries).map((query): [Query, unknown[]] => [query, [1]]),
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
  [catalogAgeQuery, []],
  [columnStatisticsQuery, [['1259']]],
  [columnValuesQuery, [['1259'], ['relname']]],
  [hypopgQuery, []],
  [databasesQuery, []],
  [identityQuery, []],
  [indexBuildsQuery, []],
  [indexHitsQuery, []],
  [lockWaitsQuery, []],
  [preparedTransactionsQuery, []],
  [sessionFactsQuery, []],
  [tableHoldersQuery, []],
  [roleSettingsQuery, []],
  [serverSettingsQuery, []],
  [rolesQuery, []],
  [serverProofQuery, []],
  [sessionLocksQuery, [1]],
  [sessionQueryQuery, [1]],
  [readOnlyDefaultQuery, []],
  [sequenceOidsQuery, []],
  [sequencesQuery, [[1]]],
  [slotSettingsQuery, []],
  [slotsQuery, []],
  [standbysQuery, []],
  [writeStateQuery, []],
  [systemIdentifierQuery, []],
  [statementStatisticsQuery, []],
  [tableUpkeepQuery, []],
  [xminHoldersQuery, []],
];
const statementQueries: [Query, unknown[]][] = [
  [statementsQuery, [10]],
  [wantedStatementsQuery, [['1'], ['1'], ['1']]],
  [statementsInfoQuery, []],
  [statementCallsQuery, []],
  [statementQueriesQuery, [['1']]],
  [statementsScanQuery, [['1'], ['1'], ['1']]],
  [statementTextsQuery, [[]]],
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
