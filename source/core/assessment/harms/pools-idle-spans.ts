import type {Sample} from '../../../model/assessment.ts';
import {groupBy} from '../../group-by.ts';
import {windowMs} from '../context.ts';

/** One time that a session was idle in a transaction after one statement, as far as the readings show it. */
export type IdleSpan = {
  pid: number;
  xact_start: string | null;
  query_id: string | null;
  /** How long it had been idle when it was last seen. */
  seen_ms: number;
  /** The session went on, or ended. */
  has_ended: boolean;
};

type Application = {application_name: string; usename: string | null};

/** Of an application's sessions, in the order in which they were first seen. */
export function idleSpans(samples: readonly Sample[], application: Application): readonly IdleSpan[] {
  let spans = known.get(samples);
  if (spans === undefined) {
    spans = spansByApplication(samples);
    known.set(samples, spans);
  }
  return spans.get(keyOf(application)) ?? [];
}

/** Memoised: several checks need the spans of every application, which would otherwise dominate the cost (60 samples of 100 transactions). */
const known = new WeakMap<readonly Sample[], Map<string, IdleSpan[]>>();

/**
 * Looked up by pid, because text keys for thousands of transactions cost more. Only a session's last span can continue.
 */
function spansByApplication(samples: readonly Sample[]): Map<string, IdleSpan[]> {
  const spans: (IdleSpan & Application)[] = [];
  const byPid = new Map<number, IdleSpan & Application>();
  const last = samples.at(-1);
  for (const sample of samples) {
    const has_ended = sample !== last;
    for (const open of sample.transactions) {
      const span = byPid.get(open.pid);
      if (span === undefined || !isSameSpan(span, open)) {
        const {pid, xact_start, query_id, application_name, usename, idle_ms: seen_ms} = open;
        const fresh = {pid, xact_start, query_id, application_name, usename, seen_ms, has_ended};
        spans.push(fresh);
        byPid.set(pid, fresh);
      } else {
        span.seen_ms = open.idle_ms;
        span.has_ended = has_ended;
      }
    }
  }
  return groupBy(spans, keyOf);
}

function isSameSpan(
  some: Pick<IdleSpan, 'xact_start' | 'query_id'> & Application,
  other: Pick<IdleSpan, 'xact_start' | 'query_id'> & Application,
): boolean {
  return (
    some.xact_start === other.xact_start &&
    some.query_id === other.query_id &&
    some.application_name === other.application_name &&
    some.usename === other.usename
  );
}

function keyOf({application_name, usename}: Application): string {
  return `${application_name}\0${usename ?? ''}`;
}

/**
 * Average length of those that ended: what was seen last, and on average half of the time between two readings. null if
 * none ended: how long they take is not known then.
 */
export function averageIdleMs(spans: readonly IdleSpan[], samples: readonly Sample[]): number | null {
  const ended = spans.filter(({has_ended}) => has_ended);
  if (ended.length === 0 || samples.length < 2) return null;
  const interval_ms = windowMs({samples}) / (samples.length - 1);
  return ended.reduce((sum, {seen_ms}) => sum + seen_ms, 0) / ended.length + interval_ms / 2;
}

/** The longest that a session was idle in a transaction and then went on. */
export function longestEndedMs(spans: readonly IdleSpan[]): number {
  return Math.max(0, ...spans.filter(({has_ended}) => has_ended).map(({seen_ms}) => seen_ms));
}
