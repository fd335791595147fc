import {usageError} from '../../core/errors.ts';
import type {Statement} from '../../model/snapshot.ts';
import type {Connection} from '../connect/connect.ts';
import {extensionVersionNum, pickVariant} from '../queries/query.ts';
import {type StatementTextRow, statementTextsQuery} from '../queries/statements.ts';
import {readCapabilities} from '../server/capabilities.ts';

/**
 * A statement's text as pg_stat_statements has it now; the snapshot's is for reading, without literals and comments.
 * Throws AbortError (exit 2) if the server no longer has it.
 */
export async function readStatementText(
  connection: Connection,
  {queryid, dbid, userid}: Pick<Statement, 'queryid' | 'dbid' | 'userid'>,
): Promise<string> {
  const {target, statements_schema} = await readCapabilities(connection);
  if (statements_schema !== null && target.statements_version !== null) {
    const version = extensionVersionNum(target.statements_version);
    const {text} = pickVariant(statementTextsQuery, version, statements_schema);
    const {rows} = await connection.client.query<StatementTextRow>({
      text,
      values: [[queryid]],
      rowMode: 'array',
    });
    const row = rows.find(
      each => each[0] === queryid && String(each[1]) === dbid && String(each[2]) === userid,
    );
    if (typeof row?.[3] === 'string') return row[3];
  }
  throw usageError(
    'pg_stat_statements no longer has this statement',
    'Try again after the statement has run once more.',
  );
}
