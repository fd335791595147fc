import type {DataRequirements, RecipeData} from '../../model/recipe-data.ts';
import type {Connection} from '../connect/connect.ts';

/** A reader for each fact. Readers of a server throw its errors. */
export type FactReaders = {
  [Name in keyof DataRequirements]-?: (
    connection: Connection,
    need: NonNullable<DataRequirements[Name]>,
  ) => Promise<NonNullable<RecipeData[Name]>>;
};

/** Readers of the facts that come from the server, each in a file of its name, loaded when first used. */
export const serverFacts = {
  advisory_locks: async (connection, need) =>
    (await import('./advisory-locks.ts')).readAdvisoryLocks(connection, need),
  answers: async (connection, queries) => (await import('./answers.ts')).readAnswers(connection, queries),
  catalog: async connection => (await import('./catalog/catalog.ts')).readCatalog(connection),
  index_advice: async (connection, need) =>
    (await import('./index-advice.ts')).readIndexAdvice(connection, need),
  maintenance: async connection => (await import('./maintenance.ts')).readMaintenance(connection),
  prepared_transactions: async connection =>
    (await import('./prepared-transactions.ts')).readPreparedTransactions(connection),
  role_limits: async connection => (await import('./role-limits.ts')).readRoleLimits(connection),
  role_settings: async connection => (await import('./role-settings.ts')).readRoleSettings(connection),
  statement_statistics: async connection =>
    (await import('./statement-statistics.ts')).readStatementStatistics(connection),
} satisfies Partial<FactReaders>;
