import type {PoolSample, Sample} from '../../model/assessment.ts';
import type {Change, Finding} from '../../model/recipe.ts';
import {statementKey} from '../activity/rates.ts';
import {statementName} from '../sql/statement-name.ts';
import {counted} from '../text/format.ts';
import {type Context, poolName, poolSubject, timeOf} from './context.ts';
import {poolKey} from './sample.ts';

/** A change, and what it is about, as findings name their subjects; null for the whole server. */
export type SubjectChange = Change & {subject: string | null};

/** What changed between the readings of the assessed time, oldest first. */
export function changesOf(context: Context): SubjectChange[] {
  const {samples} = context;
  return samples.flatMap((sample, index) => {
    const before = samples[index - 1];
    if (before === undefined) return [];
    return [...changesSince(before, sample), ...newStatements(before, sample, context)];
  });
}

/** By the later sample: a sample follows the same one in every assessment that has both. */
const known = new WeakMap<Sample, SubjectChange[]>();

function changesSince(before: Sample, after: Sample): SubjectChange[] {
  const made = known.get(after) ?? [
    ...serverChanges(before, after),
    ...poolChanges(before, after),
    ...schemaChanges(after),
  ];
  known.set(after, made);
  return made;
}

function serverChanges(before: Sample, after: Sample): SubjectChange[] {
  const whole = (what: string): SubjectChange => ({at: timeOf(after), what, subject: null});
  const {server: was} = before;
  const {server: is} = after;
  return [
    ...(differ(was.started_at, is.started_at) ? [whole('the server was started again')] : []),
    ...(was.is_in_recovery && !is.is_in_recovery ? [whole('the standby became the primary')] : []),
    ...(!was.is_in_recovery && is.is_in_recovery ? [whole('the server is in recovery now')] : []),
    ...(differ(was.stats_reset, is.stats_reset) ? [whole('the statistics of statements were reset')] : []),
  ];
}

/** null is not read yet. */
function differ(before: string | null, after: string | null): boolean {
  return before !== null && after !== null && before !== after;
}

/** Fewer sessions come and go all the time. */
const leastSessions = 3;

/** Applications that connected or disconnected, and pools that grew by half or more at once. */
function poolChanges(before: Sample, after: Sample): SubjectChange[] {
  const earlier = new Map(before.pools.map(pool => [poolKey(pool), pool]));
  const later = new Set(after.pools.map(poolKey));
  const about = (pool: PoolSample, what: string): SubjectChange => ({
    at: timeOf(after),
    what: `${poolName(pool)} ${what}`,
    subject: poolSubject(pool),
  });
  const connected = after.pools.flatMap(pool => {
    const known = earlier.get(poolKey(pool));
    const {sessions, begun, clients} = pool;
    if (known === undefined)
      return sessions < leastSessions
        ? []
        : [about(pool, `connected: ${counted(sessions, 'session')} from ${counted(clients, 'client')}`)];
    const isWave = begun >= leastSessions && begun * 2 >= known.sessions;
    return isWave ? [about(pool, `opened ${counted(begun, 'session')}, it had ${known.sessions}`)] : [];
  });
  const gone = before.pools
    .filter(pool => pool.sessions >= leastSessions && !later.has(poolKey(pool)))
    .map(pool => about(pool, `disconnected: ${counted(pool.sessions, 'session')}`));
  return [...connected, ...gone];
}

function schemaChanges(sample: Sample): SubjectChange[] {
  return sample.schema_changes.map(({pid, what}) => ({at: timeOf(sample), what, subject: `backend:${pid}`}));
}

/** More at once are a deploy, and are counted. */
const mostNamed = 3;

/** Entries that were made between two readings of the counters (extension 1.11). */
function newStatements(before: Sample, {statements, ...after}: Sample, {snapshot}: Context): SubjectChange[] {
  const begun = (statements ?? []).filter(({since_ms}) => since_ms !== undefined && since_ms > before.at_ms);
  const named = begun.slice(0, mostNamed).map(({id, queryid}) => {
    const statement = snapshot.statements.find(each => statementKey(each) === id);
    const name = statementName(statement?.query ?? null) || `statement ${queryid}`;
    const by = statement?.usename ? ` by ${statement.usename}` : '';
    return {at: timeOf(after), what: `${name}${by} is new`, subject: `statement:${queryid}`};
  });
  const rest = begun.length - named.length;
  return rest === 0
    ? named
    : [
        ...named,
        {
          at: timeOf(after),
          what: `${counted(rest, 'more statement is', 'more statements are')} new`,
          subject: null,
        },
      ];
}

/** The finding with the changes that are about it, or about the whole server. */
export function withChanges(finding: Finding, changes: readonly SubjectChange[]): Finding {
  if (finding.harm === undefined || changes.length === 0) return finding;
  const subjects = new Set([finding.subject, ...(finding.explains ?? [])]);
  const own = changes.filter(({subject}) => subject === null || subjects.has(subject)).map(withoutSubject);
  return own.length === 0
    ? finding
    : {...finding, changes: [...(finding.changes ?? []), ...own].slice(-mostChanges)};
}

const mostChanges = 8;

export function withoutSubject({at, what}: SubjectChange): Change {
  return {at, what};
}
