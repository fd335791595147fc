import {timeoutLines} from '../../core/roles/effective-timeouts.ts';
import {messageOf} from '../../core/text/redact.ts';
import type {Backend} from '../../model/snapshot.ts';
import type {Connection} from '../../postgres/connect/connect.ts';
import {readTimeouts} from '../../postgres/facts/timeouts.ts';
import {lockLines, readSessionDetail} from '../../postgres/sampler/session-detail.ts';

/** The whole statement of a session, its locks and its timeouts. Throws the server's errors. */
export async function describeSession(
  connection: Connection,
  session: Backend,
): Promise<{query: string | null; locks: string[]; timeouts: string[]}> {
  const [detail, timeouts] = await Promise.all([
    readSessionDetail(connection, session),
    readTimeouts(connection)
      .then(configured => timeoutLines(session, configured))
      .catch((error: unknown) => [`its timeouts cannot be read: ${messageOf(error)}`]),
  ]);
  return {query: detail.query, locks: lockLines(detail), timeouts: detail.is_gone ? [] : timeouts};
}
