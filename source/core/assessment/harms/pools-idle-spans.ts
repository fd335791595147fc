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

/** Several harms ask for them, each for every application: with 60 samples of 100 transactions, more work than all else. */
const known = new WeakMap<readonly Sample[], Map<string, IdleSpan[]>>();

function spansByApplication(samples: readonly Sample[]): Map<string, IdleSpan[]> {
  const spans = new Map<string, IdleSpan & {application: string}>();
  const last = samples.at(-1);
  for (const sample of samples) {
    const has_ended = sample !== last;
    for (const open of sample.transactions) {
      const {pid, xact_start, query_id, idle_ms} = open;
      const application = keyOf(open);
      const key = `${pid}\0${xact_start}\0${query_id}\0${application}`;
      const span = spans.get(key);
      if (span === undefined)
        spans.set(key, {pid, xact_start, query_id, seen_ms: idle_ms, has_ended, application});
      else Object.assign(span, {seen_ms: idle_ms, has_ended});
    }
  }
  return groupBy([...spans.values()], ({application}) => application);
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
