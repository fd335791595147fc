import type {Sample} from '../../model/assessment.ts';
import type {AssessmentFacts} from '../../model/assessment-facts.ts';
import type {RecordedSnapshot} from '../../model/ports.ts';
import {poolerWaits} from '../pool/pooler.ts';
import {emptyLog, nextLog} from './change-log.ts';
import {sessionsByPool} from './context.ts';
import {countedMs, nextCounts} from './pool-counts.ts';
import {isOtherServer, toSample, windowMs} from './sample.ts';

/**
 * Appends a snapshot's sample and drops those older than a minute; of pools it has the counts of the last five. With `keep_ms` both
 * are kept for that long. A snapshot of the same time (its statements came
 * later) replaces the last one; a clock that was set back, or another server's, starts over, but for the log of changes.
 */
export function addSample(
  samples: readonly Sample[],
  snapshot: RecordedSnapshot,
  facts: AssessmentFacts = snapshot.facts ?? {},
  keep_ms?: number,
): Sample[] {
  const at_ms = Date.parse(snapshot.at);
  const latest = samples.at(-1);
  const isNew = latest !== undefined && (at_ms < latest.at_ms || isOtherServer(latest, snapshot));
  const earlier = isNew ? [] : latest?.at_ms === at_ms ? samples.slice(0, -1) : samples;
  const kept = earlier.filter(sample => at_ms - sample.at_ms <= (keep_ms ?? windowMs));
  const sample = toSample(snapshot, at_ms, kept);
  const before = isNew ? latest : earlier.at(-1);
  const log = nextLog(before?.log ?? emptyLog, {before: before ?? null, after: sample, snapshot, facts});
  const counted = earlier.at(-1)?.pool_counts ?? new Map();
  const pooler_waits = facts.pooler && poolerWaits(facts.pooler);
  return [
    ...kept,
    {
      ...sample,
      ...(pooler_waits && {pooler_waits}),
      log,
      pool_counts: nextCounts(counted, sample, sessionsByPool(snapshot), keep_ms ?? countedMs),
    },
  ];
}

/** The samples of recorded snapshots, the oldest first. */
export function samplesOf(snapshots: readonly RecordedSnapshot[]): Sample[] {
  return snapshots.reduce<Sample[]>((samples, snapshot) => addSample(samples, snapshot), []);
}
