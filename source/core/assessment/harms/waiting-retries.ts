import type {Sample, WaitSample} from '../../../model/assessment.ts';
import type {Act} from '../../../model/recipe.ts';
import type {Backend} from '../../../model/snapshot.ts';
import {thresholds} from '../../health/thresholds.ts';
import {subjectOf} from '../../sessions/protection.ts';
import {maxWords} from '../../sql/statement-name.ts';
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
 * The attempts of one schema change on a table, named with what it is or a statement on it, since the transaction of the holder
 * began: those before the last one cannot have got the lock. At least two of them made a crowd wait. Null if there are none, or
 * the last one is longer ago than twice the time from one to the next. One that holds the lock itself runs, and does not wait.
 */
export function retriesOn(
  named: string,
  all: readonly Sample[],
  holder: Pick<Backend, 'xact_age_ms'> | null,
): Retries | null {
  const now_ms = all.at(-1)?.at_ms ?? 0;
  const since_ms = beganAt(holder, now_ms) ?? 0;
  const samples = all.filter(({at_ms}) => at_ms >= since_ms);
  const changes = samples
    .flatMap(({schema_changes}) => schema_changes)
    .filter(({statement, at_ms}) => at_ms >= since_ms && isOn(statement, named));
  const last = changes.at(-1);
  if (last === undefined) return null;
  const own = changes.filter(
    ({query, application_name, usename}) =>
      query === last.query && application_name === last.application_name && usename === last.usename,
  );
  const span_ms = last.at_ms - (own[0]?.at_ms ?? last.at_ms);
  const period_ms = span_ms / Math.max(1, own.length - 1);
  const pids = new Set(own.map(({pid}) => pid));
  const crowds = samples.map(({waits}) => crowdIn(waits, named, pids));
  const spells = crowds.filter((queued, index) => queued > 0 && !((crowds[index - 1] ?? 0) > 0)).length;
  if (own.length < 2 || now_ms - last.at_ms > 2 * period_ms || spells < 2) return null;
  return {last, attempts: own.length, span_ms, queued: Math.max(...crowds)};
}

/** When its transaction began, by the server's clock; null if that is not known. */
function beganAt(holder: Pick<Backend, 'xact_age_ms'> | null, now_ms: number): number | null {
  return holder === null || holder.xact_age_ms === null ? null : now_ms - holder.xact_age_ms;
}

/** Sessions that wait for it behind others than the schema change itself, beside that; 0 if they are few. */
function crowdIn(waits: readonly WaitSample[], named: string, pids: ReadonlySet<number>): number {
  const own = waits.filter(
    each =>
      each.locktype === 'relation' && isOn(each.object, named) && !each.roots.some(pid => pids.has(pid)),
  );
  const waiting = own.reduce((sum, each) => sum + each.waiting, 0);
  return waiting > thresholds.blocked_sessions.warning ? waiting - 1 : 0;
}

/** Whether `ALTER TABLE public.orders` is on `relation orders`: a schema that only one of them has is not compared. */
function isOn(statement: string, named: string): boolean {
  const [written, table] = [lastWord(statement), lastWord(named)];
  const [writtenName, name] = [withoutItsSchema(written), withoutItsSchema(table)];
  // Cut off by statementName.
  if (written.length === maxWords) return table.startsWith(written) || name.startsWith(written);
  return written !== writtenName && table !== name ? written === table : writtenName === name;
}

/** `public.orders` of `ALTER TABLE public."orders"`. */
function lastWord(text: string): string {
  const plain = text.replaceAll('"', '');
  return plain.slice(plain.lastIndexOf(' ') + 1);
}

function withoutItsSchema(table: string): string {
  return table.slice(table.lastIndexOf('.') + 1);
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
    frees: 'frees its queue for good',
  };
  const release = root.backend === null ? [] : [releaseAct(root.backend, jam, context)];
  return {
    cause: 'lock-queue',
    subject: subjectOf(pid),
    summary: `${statement} (${poolName(last)}) is tried again and again, ${attempts} times in ${formatAge(span_ms)}: each attempt waits behind ${holder}, and ${counted(queued, 'session')} queue behind it`,
    acts: [stop, ...release.map(act => ({...act, frees: `${statement} succeeds at its next attempt`}))],
    // Where it is not known since when the holder has been there, it may not have held up each attempt.
    confidence: beganAt(root.backend, 0) === null ? 'likely' : 'certain',
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
  const now_ms = samples.at(-1)?.at_ms ?? 0;
  const found = new Map<string, {wait: WaitSample; at_ms: number}>();
  if (!samples.some(({schema_changes}) => schema_changes.length > 0)) return [];
  for (const {waits, at_ms} of samples)
    for (const wait of waits)
      if (wait.locktype === 'relation' && !now.has(withoutSchema(wait.object)))
        found.set(withoutSchema(wait.object), {wait, at_ms});
  return [...found.values()].flatMap(({wait, at_ms}) => {
    // A pooled session may be in another transaction now, which holds nothing of it.
    const backend = snapshot.backends.find(
      each => wait.roots.includes(each.pid) && (beganAt(each, now_ms) ?? Infinity) <= at_ms,
    );
    const retries = backend === undefined ? null : retriesOn(wait.object, samples, backend);
    if (backend === undefined || retries === null || retries.last.pid === backend.pid) return [];
    const jam = emptyJam(wait, context);
    const root = {pid: backend.pid, waiting: 0, backend, worker: null};
    return [[jam, explainRetries(retries, root, jam, context)]];
  });
}
