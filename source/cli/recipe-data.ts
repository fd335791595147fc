import {AbortError, exitCodes} from '../core/errors.ts';
import type {FactNeeds, Facts} from '../core/facts/facts.ts';
import type {Connection} from '../postgres/connect/connect.ts';
import {isAboutOneQuery} from '../postgres/sampler/sections.ts';
import {explained} from './connection.ts';

type Readers = {
  [Name in keyof FactNeeds]-?: (
    connection: Connection,
    need: NonNullable<FactNeeds[Name]>,
  ) => Promise<NonNullable<Facts[Name]>>;
};

/** Who reads which fact; each is loaded when it is asked for. */
const readers: Readers = {
  catalog: async connection => (await import('../postgres/facts/catalog.ts')).readCatalog(connection),
  index_advice: async (connection, need) =>
    (await import('../postgres/facts/index-advice.ts')).readIndexAdvice(connection, need),
  prepared_transactions: async connection =>
    (await import('../postgres/facts/prepared-transactions.ts')).readPreparedTransactions(connection),
  advisory_locks: async (connection, need) =>
    (await import('../postgres/facts/advisory-locks.ts')).readAdvisoryLocks(connection, need),
  role_settings: async connection =>
    (await import('../postgres/facts/role-settings.ts')).readRoleSettings(connection),
  maintenance: async connection =>
    (await import('../postgres/facts/maintenance.ts')).readMaintenance(connection),
  statement_statistics: async connection =>
    (await import('../postgres/facts/statement-statistics.ts')).readStatementStatistics(connection),
  role_limits: async connection =>
    (await import('../postgres/facts/role-limits.ts')).readRoleLimits(connection),
  application: async (_, {folder, variable}) =>
    (await import('../scan/application.ts')).readApplication(folder, variable),
  env_file: async (_, need) => (await import('../scan/text-facts.ts')).readEnvFact(need),
  pooler_file: async (_, need) => (await import('../scan/text-facts.ts')).readPoolerFact(need),
  prisma_schema: async (_, need) => (await import('../scan/prisma-schema.ts')).readPrismaSchema(need),
  answers: async (connection, queries) =>
    (await import('../postgres/facts/answers.ts')).readAnswers(connection, queries),
};

/** The facts asked for, one after the other on one connection. Throws what a reader throws. */
export async function gatherFacts(connection: Connection, needs: FactNeeds): Promise<Facts> {
  const facts: Record<string, unknown> = {};
  for (const name of Object.keys(needs) as (keyof FactNeeds)[]) {
    const need = needs[name];
    if (need !== undefined) facts[name] = await (readers[name] as Reader)(connection, need);
  }
  return facts as Facts;
}

/**
 * The same, with what the server answers explained. Throws AbortError: exit 5 for facts that this role may not read,
 * 7 for others that the server refuses, 3 where the connection or the server gave way.
 */
export function gatherExplained(connection: Connection, needs: FactNeeds): Promise<Facts> {
  return explained(connection, gatherFacts(connection, needs).catch(explainRefusal));
}

function explainRefusal(error: unknown): never {
  if (!(error instanceof Error) || !('code' in error) || !isAboutOneQuery(error.code)) throw error;
  throw new AbortError(error.message, {
    exitCode: error.code === '42501' ? exitCodes.privilege : exitCodes.actFailed,
    cause: error,
  });
}

type Reader = (connection: Connection, need: unknown) => Promise<unknown>;
