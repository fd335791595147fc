import type {Sample} from '../../../model/assessment.ts';
import type {Finding} from '../../../model/recipe.ts';
import {thresholds} from '../../health/thresholds.ts';
import {type Context, type Examine, shareOf} from '../context.ts';
import {withoutSchema} from '../locked-object.ts';
import {poolIn, poolKey} from '../sample.ts';
import {explainDdlQueue} from './waiting-ddl.ts';
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
import {explainHot, holderChanges} from './waiting-hot.ts';
import {explainIdle} from './waiting-idle.ts';
import {findJams, type Jam} from './waiting-jams.ts';

const {lock_wait_ms, blocked_sessions} = thresholds;

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
  const findings = findJams(context)
    .filter(jam => hurts(jam, context))
    .map(jam => toFinding(jam, context, explain(jam, context)));
  return joinAlike(findings);
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
  const {samples} = context;
  if (longest_ms >= lock_wait_ms.warning || roots.some(({backend}) => isLeak(backend))) return true;
  const objects = new Set(waits.map(({object}) => withoutSchema(object)));
  const waitingIn = (sample: Sample) =>
    sample.waits.reduce(
      (sum, {object, waiting}) => sum + (objects.has(withoutSchema(object)) ? waiting : 0),
      0,
    );
  if (isBrief(jam, samples, waitingIn) && !holderChanges(jam, context)) return false;
  const recent = samples.slice(-recentReadings);
  // A crowd shows in one reading; that few sessions of a small pool wait must show again and again.
  return (
    shareOf(recent, sample => waitingIn(sample) >= blocked_sessions.warning) >= 0.5 ||
    (recent.length === recentReadings &&
      waits.some(({backend}) => shareOf(recent, sample => waitsInHalfOf(poolKey(backend), sample)) > 0.5))
  );
}

/** What holds it has only begun, and may end by itself; but not if a crowd waited for most of the last seconds, behind others like it. */
function isBrief({roots}: Jam, samples: readonly Sample[], waitingIn: (sample: Sample) => number): boolean {
  const isYoung = roots.every(
    ({backend}) => (backend?.xact_age_ms ?? Number.POSITIVE_INFINITY) < lock_wait_ms.warning,
  );
  if (roots.length === 0 || !isYoung) return false;
  const from_ms = (samples.at(-1)?.at_ms ?? 0) - lately_ms;
  const lately = samples.filter(({at_ms}) => at_ms >= from_ms);
  return (
    lately.length < recentReadings ||
    shareOf(lately, sample => waitingIn(sample) >= blocked_sessions.warning) < 0.5
  );
}

const lately_ms = 10_000;

/** Readings before what is seen in most of them is more than chance. */
const recentReadings = 5;
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
            harm: {...first.harm, sessions: first.harm.sessions + finding.harm.sessions},
          }),
      });
  }
  return [...joined.values()];
}
