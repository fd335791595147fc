import {serverRows} from '../../core/server/topics/index.ts';
import type {RecordedSnapshot} from '../../model/ports.ts';

/** A line of the Server view that was not ok, from the first reading in which it was not to the last. */
export type VerdictSpan = {
  topic: string;
  /** The worst. */
  verdict: 'critical' | 'warning';
  /** From the last reading in which it was that bad. */
  text: string;
  first_ms: number;
  last_ms: number;
  /** Of the time between, how long it was not ok. */
  lasted_ms: number;
  isOpen: boolean;
};

/** Collects the lines of the Server view that were not ok; by their first reading. */
export function verdictSpans(): {add(snapshot: RecordedSnapshot): void; spans(): VerdictSpan[]} {
  const spans = new Map<string, VerdictSpan>();
  let last_ms = 0;
  return {
    add(snapshot) {
      const before_ms = last_ms;
      last_ms = Date.parse(snapshot.at);
      const state = {...snapshot.facts, ...snapshot.server};
      for (const {id, topic, verdict, text} of serverRows({snapshot, state}, '')) {
        if (verdict !== 'critical' && verdict !== 'warning') continue;
        const known = spans.get(id);
        const isWorst = known === undefined || verdict === 'critical' || known.verdict === 'warning';
        spans.set(id, {
          topic,
          verdict: isWorst ? verdict : known.verdict,
          text: isWorst ? text : known.text,
          first_ms: known?.first_ms ?? last_ms,
          last_ms,
          lasted_ms: (known?.lasted_ms ?? 0) + (known?.last_ms === before_ms ? last_ms - before_ms : 0),
          isOpen: false,
        });
      }
    },
    spans: () =>
      [...spans.values()]
        .map(span => ({...span, isOpen: span.last_ms === last_ms}))
        .sort((a, b) => a.first_ms - b.first_ms),
  };
}
