import type {Sample} from '../../../model/assessment.ts';
import type {Finding} from '../../../model/recipe.ts';
import {thresholds} from '../../health/thresholds.ts';
import {type Context, type Examine, shareOf} from '../context.ts';
import {poolIn, poolKey} from '../sample.ts';
import {explainDdlQueue, headsOf} from './waiting-ddl.ts';
import {type Explain, isLeak, toFinding} from './waiting-finding.ts';
import {explainForeignKey} from './waiting-foreign-key.ts';
import {
  explainAdvisory,
  explainBuild,
  explainPrepared,
  explainRunning,
  explainWorker,
  unexplained,
} from './waiting-holder.ts';
import {explainHot, explainTurns, findTurns, holderChanges, type Queue, queuesFor} from './waiting-hot.ts';
import {explainIdle} from './waiting-idle.ts';
import {emptyJam, findJams, type Jam} from './waiting-jams.ts';
import {betweenAttempts} from './waiting-retries.ts';

const {lock_wait_ms, crowd_wait_ms, blocked_sessions} = thresholds;

/** The most specific first. */
const explanations: readonly Explain[] = [
  explainBuild,
  explainDdlQueue,
  explainForeignKey,
  explainHot,
  explainPrepared,
  explainAdvisory,
  explainWorker,
  explainIdle,
  explainRunning,
];

/** Sessions that wait for locks, and what holds them up. */
export const examineWaiting: Examine = context => {
  const jams = findJams(context);
  const findings = jams
    .filter(jam => hurts(jam, context))
    .map(jam => toFinding(jam, context, explain(jam, context)));
  const turns = findTurns(
    context,
    jams.flatMap(({waits}) => waits),
  ).flatMap(wait => {
    const explanation = isOften([wait], [wait.pool], context) ? explainTurns(wait.object, context) : null;
    return explanation === null ? [] : toFinding(emptyJam(wait, context), context, explanation);
  });
  const retries = betweenAttempts(context, jams).map(([jam, explanation]) =>
    toFinding(jam, context, explanation),
  );
  return joinAlike([...findings, ...turns, ...retries]);
};

function explain(jam: Jam, context: Context) {
  for (const attempt of explanations) {
    const explanation = attempt(jam, context);
    if (explanation !== null) return explanation;
  }
  return unexplained(jam);
}

/** One or two sessions wait for a moment on any busy server, and all of them for a schema change that takes seconds. */
function hurts(jam: Jam, context: Context): boolean {
  const {longest_ms, waits, roots} = jam;
  if (longest_ms >= patienceFor(jam) || roots.some(({backend}) => isLeak(backend))) return true;
  const queues = queuesFor(waits, context.samples);
  if (isBrief(jam, context.samples, queues) && !holderChanges(queues)) return false;
  return isOften(
    waits,
    waits.map(({backend}) => poolKey(backend)),
    context,
  );
}

/** A holder that has only begun may end by itself; not so if it is a schema change which waits itself, or the whole server waits. */
function patienceFor(jam: Jam): number {
  const {length} = jam.waits;
  const isUrgent =
    length >= blocked_sessions.critical || (length >= blocked_sessions.warning && headsOf(jam).length > 0);
  return isUrgent ? crowd_wait_ms.warning : lock_wait_ms.warning;
}

/** A crowd shows in one reading; that few sessions of a small pool wait must show again and again. */
function isOften(waits: readonly {object: string}[], pools: readonly string[], {samples}: Context): boolean {
  const recent = samples.slice(-recentReadings);
  const queues = queuesFor(waits, samples.slice(-moreReadings));
  return (
    [recentReadings, moreReadings].some(count => isCrowdedInHalf(queues.slice(-count))) ||
    (recent.length === recentReadings &&
      [...new Set(pools)].some(pool => shareOf(recent, sample => waitsInHalfOf(pool, sample)) > 0.5))
  );
}

function isCrowdedInHalf(queues: readonly Queue[]): boolean {
  return queues.filter(({waiting}) => waiting >= blocked_sessions.warning).length * 2 >= queues.length;
}

/** What holds it has only begun, and may end by itself; but not if a crowd waited for most of the last seconds, behind others like it. */
function isBrief({roots}: Jam, samples: readonly Sample[], queues: readonly Queue[]): boolean {
  const isYoung = roots.every(
    ({backend}) => (backend?.xact_age_ms ?? Number.POSITIVE_INFINITY) < lock_wait_ms.warning,
  );
  if (roots.length === 0 || !isYoung) return false;
  const from_ms = (samples.at(-1)?.at_ms ?? 0) - lately_ms;
  const lately = queues.slice(samples.findIndex(({at_ms}) => at_ms >= from_ms));
  return lately.length < recentReadings || !isCrowdedInHalf(lately);
}

const lately_ms = 10_000;

/** Readings before what is seen in most of them is more than chance. */
const recentReadings = 5;
/** Waits that are short are missed by some of them. */
const moreReadings = 10;
/** An application's sessions, of which half wait. */
const minSessions = 4;

function waitsInHalfOf(key: string, sample: Sample): boolean {
  const pool = poolIn(sample, key);
  return pool !== undefined && pool.sessions >= minSessions && pool.waiting_for_lock * 2 >= pool.sessions;
}

/** Several jams with one cause, as of three purges that scan the same table, are one finding. */
function joinAlike(findings: readonly Finding[]): Finding[] {
  const joined = new Map<string, Finding>();
  for (const finding of findings) {
    const first = joined.get(finding.subject);
    if (first === undefined) joined.set(finding.subject, finding);
    else
      joined.set(finding.subject, {
        ...first,
        explains: [...new Set([...(first.explains ?? []), ...(finding.explains ?? [])])],
        ...(first.harm &&
          finding.harm && {
            // Each counts all that wait for its objects, which may be the same.
            harm: {...first.harm, sessions: Math.max(first.harm.sessions, finding.harm.sessions)},
          }),
      });
  }
  return [...joined.values()];
}
