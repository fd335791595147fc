import type {JournalDraft, JournalEntry, UnfinishedIntent} from '../../model/journal-entry.ts';
import type {Clock, Executor, Files, RunIdentity} from '../../model/ports.ts';
import type {StepResult} from '../../model/run.ts';
import type {Pins, SqlStep, Step, Verification} from '../../model/step.ts';
import {serverDoubt} from '../server/server-identity.ts';
import {applyChange, endsByItself, invertChange, isWithheld} from './step.ts';
import {hostOf} from './undo.ts';

export type ReconcilePorts = {
  journal: {
    /** Null if another process has recorded the step's outcome. */
    reconcile(draft: JournalDraft & {event: 'outcome'}): Promise<JournalEntry | null>;
  };
  executor: Pick<Executor, 'bind' | 'verify' | 'read'>;
  clock: Pick<Clock, 'now'>;
  files?: Files;
};

/** Added to a step's time limit: its process may be about to write the outcome. */
const graceMs = 60_000;

/**
 * Checks the effect of a step whose intent has no outcome, records the outcome and returns it in a few words. Leaves the
 * intent open if the step may still be executing, judged by its age or by the server. `entries` is the whole journal.
 */
export async function reconcileIntent(
  {run, step, seq}: Pick<UnfinishedIntent, 'run' | 'step' | 'seq'>,
  {actor, target, server, entries}: Omit<RunIdentity, 'run'> & {entries: readonly JournalEntry[]},
  ports: ReconcilePorts,
): Promise<string> {
  const intent = entries.find(entry => entry.seq === seq);
  if (intent?.event !== 'intent') return 'outcome unknown, check the server';
  const opening = entries.find(
    (entry): entry is JournalEntry & {event: 'run'} => entry.event === 'run' && entry.run === run,
  );
  const host = hostOf(opening ?? intent);
  if (intent.content.kind === 'file' && ports.files !== undefined && host !== ports.files.host) {
    return `outcome unknown, check the server on ${host}`;
  }
  const doubt = serverDoubt(opening?.server ?? null, server);
  if (doubt !== null) return `unknown, ${doubt}`;
  ports.executor.bind(server);
  const now_ms = ports.clock.now().getTime();
  const seen = await observe(intent.content, now_ms - startedAtMs(intent, entries, now_ms), ports);
  if (seen === null) return 'unknown, may still be executing';
  const {outcome, message, ...leftover} = results[seen];
  const pins = seen === 'done' ? await pinsOf(intent.content, ports.executor) : {};
  const result: StepResult = {
    outcome,
    row_count: 0,
    sqlstate: null,
    message,
    duration_ms: 0,
    ...leftover,
    ...pins,
  };
  const entry = await ports.journal.reconcile({actor, target, run, event: 'outcome', step, ...result});
  return entry === null ? 'another poolctl has recorded its outcome' : message;
}

/** Reads the pins of a finished step, so that its undo targets exactly what it created. */
async function pinsOf(step: Step, executor: ReconcilePorts['executor']): Promise<Pick<StepResult, 'pins'>> {
  if (step.kind !== 'sql' || step.pins === undefined) return {};
  const [row] = await executor.read(step.pins, 0).catch(() => []);
  return row === undefined ? {} : {pins: row as Pins};
}

/** `ended`: ended, not necessarily by poolctl. `left behind`: not done, but with remains to clean up. */
type Observation = 'done' | 'ended' | 'not done' | 'left behind';

const results: Record<Observation, Pick<StepResult, 'outcome' | 'has_leftover'> & {message: string}> = {
  done: {outcome: 'verified', message: 'done, as a later check found'},
  ended: {
    outcome: 'unknown',
    message: 'the session has ended, as a later check found; poolctl may not have ended it',
  },
  'not done': {outcome: 'failed', message: 'not done, as a later check found'},
  'left behind': {
    outcome: 'failed',
    message: 'not done, as a later check found, but something is left behind',
    has_leftover: true,
  },
};

/** When the step started. An intent dated in the future (wrong clock) is as old as the oldest entry after it. */
function startedAtMs({seq, at}: JournalEntry, entries: readonly JournalEntry[], now_ms: number): number {
  const at_ms = Date.parse(at);
  if (at_ms <= now_ms) return at_ms;
  return entries
    .filter(entry => entry.seq >= seq)
    .reduce((least_ms, entry) => Math.min(least_ms, Date.parse(entry.at)), now_ms);
}

async function observe(
  step: Step,
  age_ms: number,
  {executor, files}: ReconcilePorts,
): Promise<Observation | null> {
  if (step.kind === 'advice') return null;
  if (step.kind === 'file') {
    const text = (await files?.read(step.path)) ?? null;
    return applyChange(text, invertChange(step.change)) === undefined ? 'not done' : 'done';
  }
  if (isWithheld(step.verify)) return null;
  if (await executor.verify(step.verify, 0)) return endsByItself(step) ? 'ended' : 'done';
  if (step.cleanup && (await executor.verify(step.cleanup.guard, 0))) return 'left behind';
  if (age_ms <= step.timeout_ms + graceMs) return null;
  // Without a time limit only the server knows whether it is still executing.
  const mayStillRun =
    step.timeout_ms === 0 && (isWithheld(step.apply) || !(await executor.verify(hasEnded(step), 0)));
  return mayStillRun ? null : 'not done';
}

/** Holds if no session executes this statement; pg_stat_activity.query may be truncated (track_activity_query_size). */
function hasEnded({apply: {text}}: SqlStep): Verification {
  return {
    query: {
      text: "SELECT count(*)::int4 AS acting FROM pg_catalog.pg_stat_activity WHERE state = 'active' AND pid <> pg_catalog.pg_backend_pid() AND query <> '' AND pg_catalog.starts_with($1, query)",
      values: [text],
    },
    expect: {column: 'acting', op: '=', value: 0},
  };
}

/** Tracks which steps have an outcome after their latest intent. */
export function createOutcomeTracker(): {
  add(entry: JournalEntry): void;
  has(step: {run: string; step: number}): boolean;
} {
  const done = new Set<string>();
  return {
    add(entry) {
      if (entry.event === 'intent') done.delete(`${entry.run} ${entry.step}`);
      else if (entry.event === 'outcome') done.add(`${entry.run} ${entry.step}`);
    },
    has: ({run, step}) => done.has(`${run} ${step}`),
  };
}
