import type {Finding} from '../../../model/recipe.ts';
import type {Backend, Snapshot} from '../../../model/snapshot.ts';
import {thresholds} from '../../health/thresholds.ts';
import {protectionOf} from '../../sessions/protection.ts';
import {isActive} from '../../sessions/session.ts';
import {groupByApplication} from '../../sessions/session-plan.ts';
import {statementName} from '../../sql/statement-name.ts';
import {counted, formatAge} from '../../text/format.ts';
import {type Context, type Examine, poolName, poolSubject} from '../context.ts';

const longAfterMs = thresholds.report_statement_ms.warning;

/** Statements that run for long and harm no session: said, so that they are not mistaken for the cause of something else. */
export const examineLongStatements: Examine = context => {
  const {snapshot} = context;
  const long = snapshot.backends.filter(backend => isLong(backend, snapshot));
  if (long.length === 0) return [];
  const blockers = new Set(snapshot.backends.flatMap(({blocked_by}) => blocked_by));
  const harmless = long.filter(({pid}) => !blockers.has(pid));
  return groupByApplication(harmless).map(group => describeGroup(group, context));
};

function isLong(backend: Backend, snapshot: Snapshot): boolean {
  const {wait_event_type, query_age_ms} = backend;
  if (!isActive(backend) || wait_event_type === 'Lock' || (query_age_ms ?? 0) <= longAfterMs) return false;
  return protectionOf(backend, snapshot, false) === null;
}

function describeGroup(group: Backend[], context: Context): Finding {
  const [longest] = group.toSorted((a, b) => (b.query_age_ms ?? 0) - (a.query_age_ms ?? 0));
  if (longest === undefined) throw new RangeError('an empty group');
  const {application_name, usename, query_age_ms} = longest;
  const name = statementName(longest.query) || 'a statement';
  const what =
    group.length === 1
      ? `has run ${name} for ${formatAge(query_age_ms)}`
      : `has run ${counted(group.length, 'statement')} for over ${formatAge(longAfterMs)}, the longest (${name}) for ${formatAge(query_age_ms)}`;
  return {
    recipe: 'cancel-runaway-statements',
    severity: 'warning',
    subject: `${poolSubject(longest)}/runaway`,
    summary: `${poolName(longest)} ${what}: blocks no session${holdsBackVacuum(context) === false ? ', holds back no vacuum' : ''}`,
    evidence: {application_name, usename, statements: group.length, longest_query_age_ms: query_age_ms},
    cause: 'long-statement',
  };
}

/** Null if it is not known. A snapshot that is old holds back nothing while no table has dead rows to remove. */
function holdsBackVacuum({facts: {maintenance}}: Context): boolean | null {
  if (maintenance === undefined) return null;
  return maintenance.tables.some(({dead_rows, vacuum_threshold}) => dead_rows > vacuum_threshold);
}
