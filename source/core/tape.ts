import type {Severity} from '../model/finding.ts';
import type {Moment} from '../model/recording.ts';

/** The last moment at or before a time; the first where there is none; -1 on an empty tape. */
export function indexAt(moments: readonly Moment[], at_ms: number): number {
  let [from, to] = [0, moments.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((moments[middle]?.at_ms ?? 0) <= at_ms) from = middle + 1;
    else to = middle;
  }
  return moments.length === 0 ? -1 : Math.max(0, from - 1);
}

/** The worst of findings. */
export function worstOf(findings: readonly {severity: Severity}[]): Severity | null {
  if (findings.some(({severity}) => severity === 'critical')) return 'critical';
  return findings.length > 0 ? 'warning' : null;
}
