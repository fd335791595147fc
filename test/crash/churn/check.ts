import type {JournalEntry} from '../../../source/model/journal-entry.ts';
import {type LogLine, microsOf} from './server-log.ts';

/** A session as its client knew it; its `application_name` is unique. */
export type ChurnSession = {application_name: string; pid: number; backend_start: string | null};

export type ChurnCheck = {
  /** Statements of steps that the server received. */
  acts: number;
  ended: number;
  cancelled: number;
  /** Ended or cancelled although they began a statement after the guard was sent: the window that is inherent. */
  moved: number;
  /** Recorded as verified although the server logged no end: the session ended by itself at that moment. */
  unlogged: number;
  outcomes: Record<string, number>;
  violations: string[];
};

type Kind = 'terminate' | 'cancel';
type Act = {
  kind: Kind;
  at_ms: number;
  pid: number;
  start: number;
  state: string | null;
  changed: number | null;
};

/**
 * Compares the server's log with the journal: each action has an earlier intent, each ended or cancelled session is the
 * one of an action, and no session had changed when the guard was checked. The log's times are in milliseconds, so events
 * within one millisecond have no known order.
 */
export function checkChurn(
  log: readonly LogLine[],
  entries: readonly JournalEntry[],
  sessions: readonly ChurnSession[],
): ChurnCheck {
  const intents = intentTimes(entries);
  const acts = log.flatMap(line => actOf(line) ?? []);
  const known = new Map(sessions.map(session => [session.application_name, session]));
  const statements = groupBy(
    log.filter(
      ({message, state_code}) => state_code === null && /^(statement|execute|duration)/.test(message),
    ),
    ({session_id, application_name}) => `${session_id} ${application_name}`,
  );
  const actsByPid = groupBy(acts, ({pid}) => String(pid));
  const check: ChurnCheck = {
    ...{acts: acts.length, ended: 0, cancelled: 0, moved: 0, unlogged: 0, outcomes: {}},
    violations: [
      ...acts
        .filter(act => !hasIntent(act, intents))
        .map(act => `an act without intent: ${JSON.stringify(act)}`),
      ...outcomeProblems(entries),
    ],
  };
  const ended = new Set<string>();
  for (const line of log) {
    const kind = endOf(line);
    if (kind === null) continue;
    check[kind === 'terminate' ? 'ended' : 'cancelled']++;
    const session = known.get(line.application_name);
    const isSame = (act: Act) =>
      session?.backend_start
        ? act.start === microsOf(session.backend_start)
        : Math.floor(act.start / 1_000_000) === Number.parseInt(line.session_id, 16);
    const act = (actsByPid.get(String(line.pid)) ?? []).findLast(
      each => each.kind === kind && each.at_ms <= line.at_ms && isSame(each),
    );
    if (act === undefined) {
      check.violations.push(
        `${kind} of a session that no act was sent for: ${JSON.stringify({line, session})}`,
      );
      continue;
    }
    if (kind === 'terminate') ended.add(`${act.pid} ${act.start}`);
    const own = statements.get(`${line.session_id} ${line.application_name}`) ?? [];
    const begun = begunSince(act, own).filter(({at_ms}) => at_ms <= line.at_ms);
    if (begun.length > 0) check.moved++;
    const early = begun.find(({at_ms}) => at_ms < act.at_ms);
    if (early !== undefined)
      check.violations.push(`${kind} of a session that had changed: ${JSON.stringify({act, line, early})}`);
  }
  countOutcomes(entries, ended, check);
  return check;
}

function actOf({user, message, detail, at_ms}: LogLine): Act | null {
  const [, kind] = /^execute [\s\S]*pg_(terminate|cancel)_backend\(/.exec(message) ?? [];
  if (user !== 'oncall' || kind === undefined) return null;
  const values = new Map(
    [...detail.matchAll(/\$(\d+) = '([^']*)'/g)].map(([, at, value]) => [at, value ?? '']),
  );
  const given = (column: string) =>
    values.get(new RegExp(`a\\.${column} = \\$(\\d+)`).exec(message)?.[1] ?? '') ?? null;
  const changed = given('state_change');
  return {
    kind: kind as Kind,
    at_ms,
    pid: Number(values.get('1')),
    start: microsOf(given('backend_start') ?? ''),
    state: given('state'),
    changed: changed === null ? null : microsOf(changed),
  };
}

function endOf({state_code, message}: LogLine): Kind | null {
  if (state_code === '57P01' && message.startsWith('terminating connection')) return 'terminate';
  return state_code === '57014' && message.endsWith('due to user request') ? 'cancel' : null;
}

/**
 * What a session has done since the state that the action's guard requires: ended its statement or begun another one; []
 * for an action without a guard. A session logs the end of a statement before it begins the next.
 */
function begunSince({state, changed}: Act, own: readonly LogLine[]): readonly LogLine[] {
  if (changed === null) return [];
  const changed_ms = Math.floor(changed / 1000);
  const isEnd = ({message}: LogLine) => message.startsWith('duration');
  return own.filter(line => line.at_ms > changed_ms && isEnd(line) === (state === 'active'));
}

function intentTimes(entries: readonly JournalEntry[]): Map<string, number[]> {
  const times = new Map<string, number[]>();
  for (const entry of entries) {
    if (entry.event !== 'intent' || entry.content.kind !== 'sql') continue;
    const [pid, start] = entry.content.apply.values;
    const key = `${pid} ${microsOf(String(start))}`;
    times.set(key, [...(times.get(key) ?? []), Date.parse(entry.at)]);
  }
  return times;
}

function hasIntent({pid, start, at_ms}: Act, intents: ReadonlyMap<string, number[]>): boolean {
  return (intents.get(`${pid} ${start}`) ?? []).some(each => each <= at_ms);
}

/** A step has one intent at most before its outcome, and one outcome; only what was skipped has none before it. */
function outcomeProblems(entries: readonly JournalEntry[]): string[] {
  const state = new Map<string, 'intent' | 'outcome'>();
  return entries.flatMap(entry => {
    if (entry.event !== 'intent' && entry.event !== 'outcome') return [];
    const key = `${entry.run} ${entry.step}`;
    const before = state.get(key);
    state.set(key, entry.event);
    const isRight =
      entry.event === 'intent'
        ? before === undefined
        : before === 'intent' || (before === undefined && entry.outcome === 'skipped');
    return isRight ? [] : [`entry ${entry.seq}: ${entry.event} of ${key} after ${before ?? 'nothing'}`];
  });
}

function countOutcomes(
  entries: readonly JournalEntry[],
  ended: ReadonlySet<string>,
  check: ChurnCheck,
): void {
  const contents = new Map<string, string>();
  for (const entry of entries) {
    const key = `${entry.run} ${'step' in entry ? entry.step : ''}`;
    if (entry.event === 'intent' && entry.content.kind === 'sql') {
      const {text, values} = entry.content.apply;
      if (text.includes('pg_terminate_backend'))
        contents.set(key, `${values[0]} ${microsOf(String(values[1]))}`);
    }
    if (entry.event !== 'outcome') continue;
    check.outcomes[entry.outcome] = (check.outcomes[entry.outcome] ?? 0) + 1;
    const session = contents.get(key);
    if (entry.outcome === 'verified' && session !== undefined && !ended.has(session)) check.unlogged++;
  }
}

function groupBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}
