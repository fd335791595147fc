import {AbortError, exitCodes} from '../core/errors.ts';
import type {DataRequirements, RecipeData} from '../model/recipe-data.ts';
import type {Connection} from '../postgres/connect/connect.ts';
import {type FactReaders, serverFacts} from '../postgres/facts/readers.ts';
import {isAboutOneQuery} from '../postgres/sqlstate.ts';
import {explainServerErrors} from './connection.ts';

/** The reader of each fact. Modules are imported at their first use. */
const readers: FactReaders = {
  ...serverFacts,
  application: async (_, {folder, variable}) =>
    (await import('../scan/application.ts')).readApplication(folder, variable),
  env_file: async (_, need) => (await import('../scan/text-file.ts')).readEnvFileAt(need),
  pooler_file: async (_, need) => (await import('../scan/text-file.ts')).readPoolerFileAt(need),
  prisma_schema: async (_, need) => (await import('../scan/prisma-schema.ts')).readPrismaSchema(need),
};

/** Reads the required facts one after the other. Throws the errors of the readers. */
export async function readRecipeData(
  connection: Connection,
  required: DataRequirements,
): Promise<RecipeData> {
  const facts: Record<string, unknown> = {};
  for (const name of Object.keys(required) as (keyof DataRequirements)[]) {
    const need = required[name];
    if (need !== undefined) facts[name] = await (readers[name] as Reader)(connection, need);
  }
  return facts as RecipeData;
}

/**
 * The same, with the server's errors as AbortError: exit 5 if the role may not read the data, 7 if the server refuses
 * for another reason, 3 if the connection or the server failed.
 */
export function loadRecipeData(connection: Connection, required: DataRequirements): Promise<RecipeData> {
  return explainServerErrors(connection, readRecipeData(connection, required).catch(explainRefusal));
}

function explainRefusal(error: unknown): never {
  if (!(error instanceof Error) || !('code' in error) || !isAboutOneQuery(error.code)) throw error;
  throw new AbortError(error.message, {
    exitCode: error.code === '42501' ? exitCodes.privilege : exitCodes.actFailed,
    cause: error,
  });
}

type Reader = (connection: Connection, need: unknown) => Promise<unknown>;
