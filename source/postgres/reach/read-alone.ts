import type {Sql} from '../../model/step.ts';
import type {PgClient} from '../connect/client.ts';
import {beginWatching} from '../connect/session-options.ts';
import {gateQuery, toRefusal} from './gate.ts';
import {loadSqlParser} from './parse-sql.ts';

/**
 * The rows of one query that a team wrote, in a read-only transaction of its own with the settings of watching. It is rolled back, which
 * takes back what the query set for the session (`set_config(..., false)`). Written at once, so that no other reading
 * of a shared, pipelined connection gets into it. `client` is the bare one.
 * Throws RefusedStatement for what is no query, or reaches functions that may act or are not named in `functions`.
 */
export async function readAlone<Row>(client: PgClient, {text, values, functions = []}: Sql): Promise<Row[]> {
  const request = {statements: [text], search_path: [], purpose: 'run', functions} as const;
  const gate = gateQuery(await loadSqlParser(), request);
  const [begun, passed, answered, ended] = await Promise.allSettled([
    client.query(beginWatching()),
    client.query(gate),
    client.query<Row>({text, values, queryMode: 'extended'}),
    client.query('ROLLBACK'),
  ]);
  for (const part of [begun, passed, answered, ended])
    if (part.status === 'rejected') throw toRefusal(part.reason, 'run');
  return (answered as PromiseFulfilledResult<{rows: Row[]}>).value.rows;
}
