import type {Finding} from '../../../model/recipe.ts';
import {thresholds} from '../../health/thresholds.ts';
import {subjectOf} from '../../sessions/protection.ts';
import {statementName} from '../../sql/statement-name.ts';
import {counted, formatAge} from '../../text/format.ts';
import {type Context, heldSince, type PoolHistory, poolName, poolSubjectIn} from '../context.ts';
import {poolIn, poolKey} from '../sample.ts';
import {isBusy} from './pools-readings.ts';
import {advice} from './slots-acts.ts';

/**
 * All sessions of an application are busy because their client does not read: the server has the rows, and the connection takes no
 * more (wait event ClientWrite). Neither an index nor a larger pool helps. A COPY is a dump or a load, which takes as long as it takes.
 */
export function slowReaders(context: Context, history: PoolHistory): Finding | null {
  const {key, last, samples, sessions} = history;
  const {slow_reader_ratio} = thresholds;
  let [active, unread] = [0, 0];
  for (const {activity} of context.samples)
    for (const each of activity) {
      if (poolKey(each) !== key) continue;
      active += each.sessions;
      if (each.event === 'Client:ClientWrite') unread += each.sessions;
    }
  const waiting = sessions.filter(({wait_event}) => wait_event === 'ClientWrite');
  const [longest] = waiting.toSorted((a, b) => (b.query_age_ms ?? 0) - (a.query_age_ms ?? 0));
  if (longest === undefined || unread < active * slow_reader_ratio.warning) return null;
  const name = statementName(longest.query) || 'a statement';
  if (/^COPY\b/.test(name)) return null;
  return {
    recipe: 'slow-reader',
    severity: 'warning',
    subject: poolSubjectIn(context, last),
    summary: `${poolName(last)} does not read its results: ${waiting.length} of ${counted(last.sessions, 'session')} ${waiting.length === 1 ? 'waits' : 'wait'} for the client to take rows (ClientWrite), the longest in ${name} for ${formatAge(longest.query_age_ms)}`,
    evidence: {
      application_name: last.application_name,
      usename: last.usename,
      sessions: last.sessions,
      waiting_for_client: waiting.length,
      longest_query_age_ms: longest.query_age_ms,
      unread_ratio: Math.round((unread / active) * 100) / 100,
      readings: samples.length,
    },
    cause: 'slow-reader',
    harm: {
      kind: 'pool',
      sessions: last.sessions,
      share: samples.filter(({pool}) => isBusy(pool)).length / samples.length,
      since: heldSince(context.samples, sample => isBusy(poolIn(sample, key))) ?? null,
    },
    explains: [poolSubjectIn(context, last), ...sessions.map(({pid}) => subjectOf(pid))],
    confidence: 'likely',
    reasons: [
      'The server has the rows and waits for the connection to take them: the statement is not slow, the application (or its network) is.',
      'Until a result has been read to its end its session serves no other request (P2024), and its snapshot holds back vacuum.',
    ],
    acts: [
      advice(
        'read the result in pages or through a cursor (LIMIT, keyset; a cursor in Prisma), and do what is slow after the connection has been released',
        'an application change',
      ),
      advice(
        'give exports a pool of their own',
        'they still read slowly; other requests no longer wait for them',
      ),
    ],
  };
}
