import {diagnoseRecorded} from '../../core/recipe/fact-findings.ts';
import type {Severity} from '../../model/finding.ts';
import type {Recipe} from '../../model/recipe.ts';
import type {RecordedSnapshot} from '../../model/recording.ts';
import type {Snapshot} from '../../model/snapshot.ts';

/** One figure over time. `most` is a line it should stay below. */
export type Series = {title: string; points: {at_ms: number; value: number}[]; most: number | null};

/** A finding from when it was first seen to when it was last. */
export type FindingSpan = {
  recipe: string;
  subject: string;
  severity: Severity;
  /** As it was when it was last seen. */
  summary: string;
  first_ms: number;
  last_ms: number;
  readings: number;
  /** It was there in the last reading. */
  isOpen: boolean;
};

/** The figures of readings, one after the other. */
export function seriesOf(): {add(snapshot: Snapshot): void; all(): Series[]} {
  const all = figures.map(({title}): Series => ({title, points: [], most: null}));
  return {
    add(snapshot) {
      for (const [index, {read, mostOf}] of figures.entries()) {
        const series = all[index];
        const value = read(snapshot);
        if (series === undefined || value === null) continue;
        series.points.push({at_ms: Date.parse(snapshot.at), value});
        series.most = mostOf?.(snapshot) ?? null;
      }
    },
    all: () => all.filter(({points}) => points.length > 1),
  };
}

type Figure = {
  title: string;
  read(snapshot: Snapshot): number | null;
  mostOf?(snapshot: Snapshot): number;
};

const figures: Figure[] = [
  {title: 'slots used', read: ({budget}) => budget.used, mostOf: ({budget}) => budget.usable},
  {title: 'active', read: ({budget}) => budget.by_state.active ?? 0},
  {
    title: 'idle in transaction',
    read: ({budget: {by_state}}) =>
      (by_state['idle in transaction'] ?? 0) + (by_state['idle in transaction (aborted)'] ?? 0),
  },
  {
    title: 'waiting for a lock',
    read: ({backends}) => backends.filter(({blocked_by}) => blocked_by.length > 0).length,
  },
  {
    title: 'commits a second',
    read: ({databases}) => {
      const known = databases.flatMap(({rates}) => (rates ? [rates.commits_per_second] : []));
      return known.length === 0 ? null : known.reduce((sum, rate) => sum + rate, 0);
    },
  },
];

/** What the recipes find in readings, one after the other. */
export function findingSpans(recipes: readonly Recipe[]): {
  add(snapshot: RecordedSnapshot): void;
  spans(): FindingSpan[];
} {
  const spans = new Map<string, FindingSpan>();
  let last_ms = 0;
  return {
    add(snapshot) {
      last_ms = Date.parse(snapshot.at);
      for (const {recipe, subject, severity, summary} of diagnoseRecorded(recipes, snapshot).findings) {
        const id = `${recipe}/${subject}`;
        const known = spans.get(id);
        spans.set(id, {
          recipe,
          subject,
          severity: known?.severity === 'critical' ? 'critical' : severity,
          summary,
          first_ms: known?.first_ms ?? last_ms,
          last_ms,
          readings: (known?.readings ?? 0) + 1,
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
