import type {JournalDraft, JournalEntry, UnfinishedIntent} from '../../model/journal-entry.ts';
import type {Clock, Executor, Files} from '../../model/ports.ts';
import type {StepResult} from '../../model/run.ts';
import type {Pins, SqlStep, Step, Verification} from '../../model/step.ts';
import {serverDoubt} from '../server/server-identity.ts';
import {applyChange, invertChange} from './file-change.ts';
import type {RunIdentity} from './ports.ts';
import {endsByItself} from './step.ts';
import {isWithheld} from './step-secrets.ts';
import {hostOf} from './undo.ts';

export type ReconcilePorts = {
  journal: {
    /** null where another process has recorded the step's outcome. */
    reconcile(draft: JournalDraft & {event: 'outcome'}): Promise<JournalEntry | null>;
  };
  executor: Pick<Executor, 'bind' | 'verify' | 'read'>;
  clock: Pick<Clock, 'now'>;
  files?: Files;
};

/** Beyond an act's own time limit: whoever began it may still be about to write its outcome. */
const graceMs = 60_000;

/**
 * Looks at an act that never told its outcome and records what is seen; says so in a few words. One that may still
 * be going on, by its age or because the server is at it, stays open. `entries` are the whole journal's.
 */
export async function reconcileIntent(
  {run, step, seq}: Pick<UnfinishedIntent, 'run' | 'step' | 'seq'>,
  {actor, target, server, entries}: Omit<RunIdentity, 'run'> & {entries: readonly JournalEntry[]},
  ports: ReconcilePorts,
): Promise<string> {
  const intent = entries.find(entry => entry.seq === seq);
  if (intent?.event !== 'intent') return 'unknown, verify';
  const opening = entries.find(
    (entry): entry is JournalEntry & {event: 'run'} => entry.event === 'run' && entry.run === run,
  );
  const host = hostOf(opening ?? intent);
  if (intent.content.kind === 'file' && ports.files !== undefined && host !== ports.files.host) {
    return `unknown, verify on ${host}`;
  }
  const doubt = serverDoubt(opening?.server ?? null, server);
  if (doubt !== null) return `unknown, ${doubt}`;
  ports.executor.bind(server);
  const now_ms = ports.clock.now().getTime();
  const seen = await observe(intent.content, now_ms - begunAtMs(intent, entries, now_ms), ports);
  if (seen === null) return 'unknown, it may still be going on';
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

/** What was made is known from now on: its undo takes back this one, and none that comes in its place. */
async function pinsOf(step: Step, executor: ReconcilePorts['executor']): Promise<Pick<StepResult, 'pins'>> {
  if (step.kind !== 'sql' || step.pins === undefined) return {};
  const [row] = await executor.read(step.pins, 0).catch(() => []);
  return row === undefined ? {} : {pins: row as Pins};
}

/** `ended`: so it is, by whatever. `left behind`: not done, and what there is of it has to be swept away. */
type Observation = 'done' | 'ended' | 'not done' | 'left behind';

const results: Record<Observation, Pick<StepResult, 'outcome' | 'has_leftover'> & {message: string}> = {
  done: {outcome: 'verified', message: 'found done when looked at later'},
  ended: {
    outcome: 'unknown',
    message: 'found ended when looked at later: whether poolctl ended it is unknown',
  },
  'not done': {outcome: 'failed', message: 'found not done when looked at later'},
  'left behind': {
    outcome: 'failed',
    message: 'found not done when looked at later, with something left behind',
    has_leftover: true,
  },
};

/** An intent dated in the future, by a clock that was wrong, is at least as old as any entry after it. */
function begunAtMs({seq, at}: JournalEntry, entries: readonly JournalEntry[], now_ms: number): number {
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
  // Without a time limit only the server knows whether it goes on.
  const mayGoOn =
    step.timeout_ms === 0 && (isWithheld(step.apply) || !(await executor.verify(isOver(step), 0)));
  return mayGoOn ? null : 'not done';
}

/** No session is at this very statement; track_activity_query_size may have cut off what it shows of it. */
function isOver({apply: {text}}: SqlStep): Verification {
  return {
    query: {
      text: "SELECT count(*)::int4 AS acting FROM pg_catalog.pg_stat_activity WHERE state = 'active' AND pid <> pg_catalog.pg_backend_pid() AND query <> '' AND pg_catalog.starts_with($1, query)",
      values: [text],
    },
    expect: {column: 'acting', op: '=', value: 0},
  };
}

/** Which steps have an outcome that their latest intent has led to. */
export function createOutcomeTracker(): {
  add(entry: JournalEntry): void;
  has(step: {run: string; step: number}): boolean;
} {
  const settled = new Set<string>();
  return {
    add(entry) {
      if (entry.event === 'intent') settled.delete(`${entry.run} ${entry.step}`);
      else if (entry.event === 'outcome') settled.add(`${entry.run} ${entry.step}`);
    },
    has: ({run, step}) => settled.has(`${run} ${step}`),
  };
}
