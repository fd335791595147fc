import {AbortError, exitCodes} from '../../core/errors.ts';
import {redactSecrets} from '../../core/text/redact.ts';
import type {Row} from '../../model/recipe-data.ts';
import type {Sql} from '../../model/step.ts';
import type {Connection} from '../connect/connect.ts';
import {readBehindGate} from '../reach/behind-gate.ts';
import {RefusedStatement} from '../reach/gate.ts';
import {isAboutOneQuery} from '../sqlstate.ts';

/**
 * The rows of queries that a team wrote, each in a read-only transaction that is rolled back. Throws AbortError for a
 * query that fails: exit 5 if a privilege is missing, else 2.
 */
export async function readAnswers(
  {rawClient}: Connection,
  queries: Record<string, Sql>,
): Promise<Record<string, Row[]>> {
  const answers: Record<string, Row[]> = {};
  for (const [name, query] of Object.entries(queries)) {
    try {
      answers[name] = await readBehindGate<Row>(rawClient, query);
    } catch (error) {
      throw refused(name, error);
    }
  }
  return answers;
}

function refused(name: string, error: unknown): unknown {
  if (error instanceof RefusedStatement) {
    const {message, exitCode, hint} = error;
    const options = {exitCode, cause: error, ...(hint !== undefined && {hint})};
    return new AbortError(`the diagnosis of ${name} was ${message}`, options);
  }
  const code = (error as {code?: unknown}).code;
  if (!(error instanceof Error) || !isAboutOneQuery(code)) return error;
  return new AbortError(`the diagnosis of ${name} failed: ${redactSecrets(error.message)}`, {
    hint: 'Qualify names in its SQL (public.orders): the search path is pg_catalog only.',
    exitCode: code === '42501' ? exitCodes.privilege : exitCodes.usage,
    cause: error,
  });
}
