import {usageError} from '../../core/errors.ts';
import type {Statement} from '../../model/snapshot.ts';
import type {Connection} from '../connect/connect.ts';
import {extensionQuery, extensionVersionNum, pickVariant} from '../queries/query.ts';
import {type StatementTextRow, statementTextsQuery} from '../queries/statements.ts';
import {readCapabilities} from '../server/capabilities.ts';

/** A statement's text, and how often it was executed with which kind of plan; null before pg_stat_statements 1.13 (PostgreSQL 19). */
type StatementNow = {query: string; plan_calls: {generic: number; custom: number} | null};

/**
 * A statement as pg_stat_statements has it now; the snapshot's text is for reading, without literals and comments.
 * Throws AbortError (exit 2) if the server no longer has it.
 */
export async function readStatementNow(
  connection: Connection,
  {queryid, dbid, userid}: Pick<Statement, 'queryid' | 'dbid' | 'userid'>,
): Promise<StatementNow> {
  const {target, statements_schema} = await readCapabilities(connection);
  if (statements_schema !== null && target.statements_version !== null) {
    const version = extensionVersionNum(target.statements_version);
    const pick = (query: typeof statementTextsQuery) => pickVariant(query, version, statements_schema).text;
    const [texts, plans] = await Promise.all([
      connection.client.query<StatementTextRow>({
        text: pick(statementTextsQuery),
        values: [[queryid]],
        rowMode: 'array',
      }),
      connection.client.query<{generic: number | null; custom: number | null}>({
        text: pick(planCallsQuery),
        values: [queryid, dbid, userid],
      }),
    ]);
    const row = texts.rows.find(
      each => each[0] === queryid && String(each[1]) === dbid && String(each[2]) === userid,
    );
    const {generic = null, custom = null} = plans.rows[0] ?? {};
    const plan_calls = generic === null || custom === null ? null : {generic, custom};
    if (typeof row?.[3] === 'string') return {query: row[3], plan_calls};
  }
  throw usageError(
    'pg_stat_statements no longer has this statement',
    'Try again after the statement has run once more.',
  );
}

/** As JSON, so that whether the columns are there decides, not the extension's version. */
export const planCallsQuery = extensionQuery('poolctl_plan_calls', {
  '1.8': `
SELECT /* poolctl */ sum((j.row->>'generic_plan_calls')::int8)::int8 AS generic, sum((j.row->>'custom_plan_calls')::int8)::int8 AS custom
FROM {schema}.pg_stat_statements(false) p CROSS JOIN LATERAL (SELECT to_jsonb(p) AS row) j
WHERE p.queryid = $1::int8 AND p.dbid = $2::oid AND p.userid = $3::oid`,
});
