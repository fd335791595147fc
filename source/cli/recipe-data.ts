import {AbortError, exitCodes} from '../core/errors.ts';
import {
  type DataTimes,
  type DiagnosisData,
  dueData,
  loadDiagnosisData,
  loadFacts,
  noDiagnosisData,
  timesAfter,
  withFacts,
} from '../core/recipe/diagnose.ts';
import type {Finding, Recipe} from '../model/recipe.ts';
import type {DataRequirements, RecipeData} from '../model/recipe-data.ts';
import type {Connection} from '../postgres/connect/connect.ts';
import {isAboutOneQuery} from '../postgres/sqlstate.ts';
import {explainServerErrors} from './connection.ts';

/** One reader for each kind of data. Its module is imported at the first use; it throws the server's errors. */
const readers: Readers = {
  advisory_locks: async (connection, need) =>
    (await import('../postgres/facts/locks.ts')).readAdvisoryLocks(connection, need),
  answers: async (connection, queries) =>
    (await import('../postgres/reach/behind-gate.ts')).readAnswers(connection, queries),
  application: async (_, {folder, variable}) =>
    (await import('../scan/application.ts')).readApplication(folder, variable),
  catalog: async connection => (await import('../postgres/facts/catalog.ts')).readCatalog(connection),
  env_file: async (_, need) => (await import('../scan/application-files.ts')).readEnvFileAt(need),
  index_advice: async (connection, need) =>
    (await import('../postgres/facts/index-advice.ts')).readIndexAdvice(connection, need),
  lock_table: async connection => (await import('../postgres/facts/lock-table.ts')).readLockTable(connection),
  maintenance: async connection =>
    (await import('../postgres/facts/maintenance.ts')).readMaintenanceFacts(connection),
  missing_partitions: async connection =>
    (await import('../postgres/facts/partitions.ts')).readMissingPartitions(connection),
  obstacles: async connection => (await import('../postgres/facts/obstacles.ts')).readObstacles(connection),
  pooler: async connection => (await import('../postgres/facts/pooler.ts')).readPooler(connection),
  pooler_file: async (_, need) => (await import('../scan/application-files.ts')).readPoolerFileAt(need),
  prepared_transactions: async connection =>
    (await import('../postgres/facts/locks.ts')).readPreparedTransactions(connection),
  prisma_schema: async (_, need) => (await import('../scan/application-files.ts')).readPrismaSchema(need),
  replication: async connection =>
    (await import('../postgres/facts/replication.ts')).readReplication(connection),
  role_limits: async connection => (await import('../postgres/facts/roles.ts')).readRoleLimits(connection),
  role_settings: async connection =>
    (await import('../postgres/facts/roles.ts')).readRoleSettings(connection),
  server_log: async connection => (await import('../postgres/facts/server-log.ts')).readServerLog(connection),
  server_settings: async connection =>
    (await import('../postgres/facts/server-settings.ts')).readServerSettings(connection),
  sequences: async connection => (await import('../postgres/facts/sequences.ts')).readSequences(connection),
  sessions: async connection => (await import('../postgres/facts/locks.ts')).readSessionFacts(connection),
  statement_statistics: async connection =>
    (await import('../postgres/facts/statement-statistics.ts')).readStatementStatistics(connection),
  table_holders: async connection =>
    (await import('../postgres/facts/locks.ts')).readTableHolders(connection),
  widening: async (connection, need) =>
    (await import('../postgres/facts/widening.ts')).readWidening(connection, need),
  write_state: async connection =>
    (await import('../postgres/facts/write-state.ts')).readWriteState(connection),
};

type Readers = {
  [Name in keyof DataRequirements]-?: (
    connection: Connection,
    need: NonNullable<DataRequirements[Name]>,
  ) => Promise<NonNullable<RecipeData[Name]>>;
};

/** Reads the required data, one kind after the other. Throws the errors of the readers. */
export async function readRecipeData(
  connection: Connection,
  required: DataRequirements,
): Promise<RecipeData> {
  const data: Record<string, unknown> = {};
  for (const name of Object.keys(required) as (keyof DataRequirements)[]) {
    const need = required[name];
    if (need !== undefined) data[name] = await (readers[name] as Reader)(connection, need);
  }
  return data as RecipeData;
}

type Reader = (connection: Connection, need: unknown) => Promise<unknown>;

/**
 * The same, with the server's errors as AbortError: exit 5 if the role may not read the data, 7 if the server refuses
 * for another reason, 3 if the connection or the server failed.
 */
export function loadRecipeData(connection: Connection, required: DataRequirements): Promise<RecipeData> {
  return explainServerErrors(connection, readRecipeData(connection, required).catch(explainRefusal));
}

/** A server that does not answer is reported by the next reading, which must not wait for this data either. */
const longestWait_ms = 1000;

/**
 * Returns a function that loads the data of diagnoses when it is due, given the findings of the reading before. While newer data
 * is being loaded, or cannot be, it returns the earlier data; only the first load is awaited.
 */
export function cacheDiagnosisData(
  recipes: readonly Recipe[],
  load: (required: DataRequirements) => Promise<RecipeData>,
  now: () => number,
): (findings?: readonly Finding[]) => Promise<DiagnosisData> {
  let data: DiagnosisData = noDiagnosisData;
  let times: DataTimes = {all_ms: null, facts_ms: null, pooler_ms: null};
  let isLoading = false;
  return async (findings = []) => {
    const due = isLoading ? null : dueData(now(), times, {findings, data});
    if (due === null) return data;
    times = timesAfter(due, now(), times);
    isLoading = true;
    const loaded = (
      due === 'all'
        ? loadDiagnosisData(recipes, load)
        : loadFacts(load, due).then(facts => withFacts(data, facts))
    ).then(
      newer => {
        data = newer;
        isLoading = false;
      },
      () => {
        isLoading = false;
      },
    );
    await (data === noDiagnosisData ? loaded : Promise.race([loaded, delay(longestWait_ms)]));
    return data;
  };
}

function delay(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms).unref());
}

function explainRefusal(error: unknown): never {
  if (!(error instanceof Error) || !('code' in error) || !isAboutOneQuery(error.code)) throw error;
  throw new AbortError(error.message, {
    exitCode: error.code === '42501' ? exitCodes.privilege : exitCodes.actFailed,
    cause: error,
  });
}
