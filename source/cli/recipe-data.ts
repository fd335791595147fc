import {AbortError, exitCodes} from '../core/errors.ts';
import type {DataRequirements, RecipeData} from '../model/recipe-data.ts';
import type {Connection} from '../postgres/connect/connect.ts';
import {type FactReaders, serverFacts} from '../postgres/facts/readers.ts';
import {isAboutOneQuery} from '../postgres/sqlstate.ts';
import {explainServerErrors} from './connection.ts';

/** What reads each fact; each is loaded when it is asked for. */
const readers: FactReaders = {
  ...serverFacts,
  application: async (_, {folder, variable}) =>
    (await import('../scan/application.ts')).readApplication(folder, variable),
  env_file: async (_, need) => (await import('../scan/text-file.ts')).readEnvFileAt(need),
  pooler_file: async (_, need) => (await import('../scan/text-file.ts')).readPoolerFileAt(need),
  prisma_schema: async (_, need) => (await import('../scan/prisma-schema.ts')).readPrismaSchema(need),
};

/** The facts asked for, one after the other on one connection. Throws what a reader throws. */
export async function readRecipeData(connection: Connection, needs: DataRequirements): Promise<RecipeData> {
  const facts: Record<string, unknown> = {};
  for (const name of Object.keys(needs) as (keyof DataRequirements)[]) {
    const need = needs[name];
    if (need !== undefined) facts[name] = await (readers[name] as Reader)(connection, need);
  }
  return facts as RecipeData;
}

/**
 * The same, with what the server answers explained. Throws AbortError: exit 5 for facts that this role may not read,
 * 7 for others that the server refuses, 3 where the connection or the server gave way.
 */
export function loadRecipeData(connection: Connection, needs: DataRequirements): Promise<RecipeData> {
  return explainServerErrors(connection, readRecipeData(connection, needs).catch(explainRefusal));
}

function explainRefusal(error: unknown): never {
  if (!(error instanceof Error) || !('code' in error) || !isAboutOneQuery(error.code)) throw error;
  throw new AbortError(error.message, {
    exitCode: error.code === '42501' ? exitCodes.privilege : exitCodes.actFailed,
    cause: error,
  });
}

type Reader = (connection: Connection, need: unknown) => Promise<unknown>;
