import type {Sql} from '../core/step.ts';
import type {PgClient} from './pg-client.ts';
import {beginWatching} from './session-options.ts';

/**
 * The rows of one query, in a read-only transaction of its own with the settings of watching. It is rolled back, which
 * takes back what the query set for the session (`set_config(..., false)`). Written at once, so that no other reading
 * of a shared, pipelined connection gets into it. `client` is the bare one.
 */
export async function readAlone<Row>(client: PgClient, {text, values}: Sql): Promise<Row[]> {
  const [begun, answered, ended] = await Promise.allSettled([
    client.query(beginWatching()),
    client.query<Row>({text, values, queryMode: 'extended'}),
    client.query('ROLLBACK'),
  ]);
  for (const part of [begun, answered, ended]) if (part.status === 'rejected') throw part.reason;
  return (answered as PromiseFulfilledResult<{rows: Row[]}>).value.rows;
}
