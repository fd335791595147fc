import type {Sample, WaitSample} from '../../../model/assessment.ts';
import type {Act} from '../../../model/recipe.ts';
import {thresholds} from '../../health/thresholds.ts';
import {subjectOf} from '../../sessions/protection.ts';
import {counted, formatAge} from '../../text/format.ts';
import {type Context, poolName, poolSubject} from '../context.ts';
import {withoutSchema} from '../locked-object.ts';
import {advice, describeRoot, type Explanation, releaseAct} from './waiting-finding.ts';
import {emptyJam, type Jam, type Root} from './waiting-jams.ts';

type SchemaChange = Sample['schema_changes'][number];

/** A schema change that waits, gives up after its lock_timeout and is tried again. */
export type Retries = {
  last: SchemaChange;
  attempts: number;
  span_ms: number;
  /** Sessions that queued behind an attempt, at most. */
  queued: number;
};

/**
 * The attempts on a table, named with what it is or a statement on it, in the assessed time, at least two of which made a crowd wait; null if there are none, or the last one is
 * longer ago than from one to the next. One that holds the lock itself runs, and does not wait.
 */
export function retriesOn(named: string, samples: readonly Sample[]): Retries | null {
  const table = lastName(named);
  const changes = samples
    .flatMap(({schema_changes}) => schema_changes)
    .filter(({statement}) => lastName(statement) === table);
  const last = changes.at(-1);
  if (last === undefined) return null;
  const own = changes.filter(
    ({statement, application_name, usename}) =>
      statement === last.statement && application_name === last.application_name && usename === last.usename,
  );
  const first_ms = own[0]?.at_ms ?? last.at_ms;
  const span_ms = last.at_ms - first_ms;
  const period_ms = span_ms / Math.max(1, own.length - 1);
  const isOver = (samples.at(-1)?.at_ms ?? 0) - last.at_ms > 2 * period_ms;
  const pids = new Set(own.map(({pid}) => pid));
  const crowds = samples.map(({waits}) => crowdIn(waits, table, pids));
  const spells = crowds.filter((queued, index) => queued > 0 && !((crowds[index - 1] ?? 0) > 0)).length;
  if (own.length < 2 || isOver || spells < 2) return null;
  return {last, attempts: own.length, span_ms, queued: Math.max(...crowds)};
}

/** Sessions that wait for it behind others than the schema change itself, beside that; 0 if they are few. */
function crowdIn(waits: readonly WaitSample[], table: string, pids: ReadonlySet<number>): number {
  const own = waits.filter(
    each =>
      each.locktype === 'relation' &&
      lastName(each.object) === table &&
      !each.roots.some(pid => pids.has(pid)),
  );
  const waiting = own.reduce((sum, each) => sum + each.waiting, 0);
  return waiting > thresholds.blocked_sessions.warning ? waiting - 1 : 0;
}

/** `orders` of `ALTER TABLE public.orders` and of `relation orders`. */
function lastName(text: string): string {
  return text.replaceAll('"', '').slice(1 + Math.max(text.lastIndexOf(' '), text.lastIndexOf('.')));
}

/** Of a jam at its attempt, or between two of them. */
export function explainRetries(
  {last, attempts, span_ms, queued}: Retries,
  root: Root,
  jam: Jam,
  context: Context,
): Explanation {
  const {statement, pid} = last;
  const holder = describeRoot(root);
  const stop: Act = {
    ...advice(
      `stop what tries ${statement} again (${poolName(last)}), until ${holder} has ended`,
      'The migration fails; what it did in its transaction has been rolled back each time.',
    ),
    frees: 'its queue, for good',
  };
  const release = root.backend === null ? [] : [releaseAct(root.backend, jam, context)];
  return {
    cause: 'lock-queue',
    subject: subjectOf(pid),
    summary: `${statement} (${poolName(last)}) is tried again and again, ${attempts} times in ${formatAge(span_ms)}: each attempt waits behind ${holder}, and ${counted(queued, 'session')} queue behind it`,
    acts: [stop, ...release.map(act => ({...act, frees: `${statement}, at its next attempt`}))],
    confidence: 'certain',
    reasons: [
      `Each attempt queues for the table, and every later request for the table behind it, until the attempt gives up (lock_timeout, 55P03). Between two attempts nothing waits.`,
    ],
    explains: [
      subjectOf(pid),
      subjectOf(root.pid),
      ...(root.backend === null ? [] : [`${poolSubject(root.backend)}/runaway`]),
    ],
    evidence: {head_pid: pid, attempts, queued},
    waiting: queued,
  };
}

/** Between two attempts: the tables for which a crowd waited before, and whose holder is still there. */
export function betweenAttempts(context: Context, jams: readonly Jam[]): [Jam, Explanation][] {
  const {samples, snapshot} = context;
  const now = new Set(jams.flatMap(({waits}) => waits.map(({object}) => withoutSchema(object))));
  const found = new Map<string, WaitSample>();
  if (!samples.some(({schema_changes}) => schema_changes.length > 0)) return [];
  for (const {waits} of samples)
    for (const wait of waits)
      if (wait.locktype === 'relation' && !now.has(withoutSchema(wait.object)))
        found.set(withoutSchema(wait.object), wait);
  return [...found.values()].flatMap(wait => {
    const retries = retriesOn(wait.object, samples);
    const backend = snapshot.backends.find(({pid}) => wait.roots.includes(pid) && pid !== retries?.last.pid);
    if (retries === null || backend === undefined || backend.xact_age_ms === null) return [];
    const jam = emptyJam(wait, context);
    const root = {pid: backend.pid, waiting: 0, backend, worker: null};
    return [[jam, explainRetries(retries, root, jam, context)]];
  });
}
