import {hostOf, type JournalEntry} from '../chain/journal.ts';
import type {UnfinishedIntent} from '../chain/journal-chain.ts';
import type {Clock, Executor, Files, Journal, StepResult} from '../ports.ts';
import type {SqlStep, Step, Verification} from '../step.ts';
import {isWithheld} from '../step-secrets.ts';
import type {RunIdentity} from './engine.ts';
import {applyChange, invertChange} from './file-change.ts';

export type SettlePorts = {
  journal: Journal;
  executor: Pick<Executor, 'verify'>;
  clock: Pick<Clock, 'now'>;
  files?: Files;
};

/** Beyond an act's own time limit: whoever began it may still be about to write its outcome. */
const graceMs = 60_000;

/**
 * Looks at an act that never told its outcome and records what is seen; says so in a few words. One that may still
 * be going on, by its age or because the server is at it, stays open.
 */
export async function settleIntent(
  {run, step, at}: Pick<UnfinishedIntent, 'run' | 'step' | 'at'>,
  {actor, target}: Omit<RunIdentity, 'run'>,
  ports: SettlePorts,
): Promise<string> {
  const intent = intentOf(await ports.journal.read(), run, step);
  if (intent === null) return 'unknown, verify';
  const {content, host} = intent;
  if (content.kind === 'file' && ports.files !== undefined && host !== ports.files.host) {
    return `unknown, verify on ${host}`;
  }
  const seen = await lookAt(content, ageMs(at, ports.clock), ports);
  if (seen === null) return 'unknown, it may still be going on';
  const message = `found ${wording[seen]} when looked at later`;
  const result: StepResult = {
    outcome: seen === 'verified' ? 'verified' : 'failed',
    ...{row_count: 0, sqlstate: null, message, duration_ms: 0},
    ...(seen === 'left behind' && {has_leftover: true}),
  };
  await ports.journal.append({actor, target, run, event: 'outcome', step, ...result});
  return message;
}

/** `left behind`: not done, and what there is of it has to be swept away. */
type Seen = 'verified' | 'failed' | 'left behind';

const wording: Record<Seen, string> = {
  verified: 'done',
  failed: 'not done',
  'left behind': 'not done, with something left behind,',
};

function intentOf(
  entries: readonly JournalEntry[],
  run: string,
  step: number,
): {content: Step; host: string} | null {
  let host: string | null = null;
  for (const entry of entries) {
    if (entry.run !== run) continue;
    if (entry.event === 'run') host = hostOf(entry);
    if (entry.event === 'intent' && entry.step === step) {
      return {content: entry.content, host: host ?? hostOf(entry)};
    }
  }
  return null;
}

async function lookAt(step: Step, age_ms: number, {executor, files}: SettlePorts): Promise<Seen | null> {
  if (step.kind === 'advice') return null;
  if (step.kind === 'file') {
    const text = (await files?.read(step.path)) ?? null;
    return applyChange(text, invertChange(step.change)) === undefined ? 'failed' : 'verified';
  }
  if (isWithheld(step.verify)) return null;
  if (await executor.verify(step.verify, 0)) return 'verified';
  if (step.cleanup && (await executor.verify(step.cleanup.guard, 0))) return 'left behind';
  if (age_ms <= step.timeout_ms + graceMs) return null;
  // Without a time limit only the server knows whether it goes on.
  const mayGoOn =
    step.timeout_ms === 0 && (isWithheld(step.apply) || !(await executor.verify(isOver(step), 0)));
  return mayGoOn ? null : 'failed';
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

function ageMs(at: string, clock: Pick<Clock, 'now'>): number {
  return clock.now().getTime() - Date.parse(at);
}
