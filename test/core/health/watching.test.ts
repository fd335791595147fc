import {describe, expect, it} from 'vitest';
import {limitsFor} from '../../../source/core/health/health.ts';
import {measure} from '../../../source/core/health/measure.ts';
import type {Metrics} from '../../../source/core/health/metrics.ts';
import {createWatch} from '../../../source/core/health/watching.ts';
import {createFound} from '../../helpers/found.ts';
import {createSnapshot} from '../../helpers/snapshot.ts';

const snapshot = createSnapshot();
const limits = limitsFor({});
const healthy = measure({snapshot, facts: {}, findings: [], pooler_waiting_clients: null});
const slots = (used_ratio: number): Metrics => ({...healthy, used_ratio});

/** A minute, read every 10 s. */
function watchOf(used: readonly (number | null)[]) {
  const watch = createWatch({for_ms: 60_000, every_ms: 10_000, sustain_ms: 20_000}, 1000);
  for (const [index, value] of used.entries()) {
    const at_ms = 1000 + index * 10_000;
    if (value === null) watch.addLoss(at_ms, {reason: 'gone', is_refused: true});
    else watch.addSample(at_ms, {metrics: slots(value), limits, found: createFound()});
  }
  return watch;
}

describe('a watch', () => {
  it('is ok if every snapshot was ok', () => {
    const result = watchOf([0.1, 0.2, 0.3, 0.4]).result(31_000);
    expect(result).toMatchObject({
      status: 'ok',
      metrics: {used_ratio: 0.4, average_used_ratio: 0.25, availability_ratio: 1},
      watch: {readings: 4, failed_early: null, available_ms: 30_000, losses: []},
    });
  });

  it('fails as soon as a limit has been critical for sustain_ms', () => {
    expect(watchOf([0.95, 0.95]).failure()).toBeNull();
    expect(watchOf([0.95, 0.95, 0.95]).failure()).toBe('used_ratio');
    expect(watchOf([0.95, 0.95, 0.1, 0.95, 0.95]).failure()).toBeNull();
    // The values during the loss are unknown.
    expect(watchOf([0.95, 0.95, null, 0.95, 0.95]).failure()).toBeNull();
    expect(watchOf([0.95, 0.95, 0.95]).result(21_000)).toMatchObject({
      status: 'critical',
      watch: {failed_early: 'used_ratio'},
    });
  });

  it.each<[string, number[], string]>([
    ['an average over its limit', [0.75, 0.75, 0.75], 'warning'],
    ['a short critical peak', [...Array.from({length: 40}, () => 0.1), 0.95], 'warning'],
    ['many snapshots over a warning limit', [0.1, 0.1, 0.85, 0.85, 0.1, 0.1], 'warning'],
    ['one of many over a warning limit', [...Array.from({length: 40}, () => 0.1), 0.85], 'ok'],
    ['a tenth over a critical limit', [0.95, ...Array.from({length: 9}, () => 0.1)], 'critical'],
  ])('judges %s', (_, used, status) => {
    expect(watchOf(used).result(1000 + used.length * 10_000)?.status).toBe(status);
  });

  it('reports when the server could be read', () => {
    const watch = watchOf([0.1, 0.1, null, null, 0.1]);
    expect(watch.result(41_000)).toMatchObject({
      status: 'critical',
      metrics: {availability_ratio: 0.25, refused_connections_per_minute: 2},
      watch: {losses: [{at_ms: 20_000, lasted_ms: 20_000, reason: 'gone'}]},
      thresholds: {availability_ratio: {level: 'critical'}},
    });
  });

  it('has no result without a snapshot', () => {
    expect(watchOf([null, null]).result(60_000)).toBeNull();
  });

  it('reports only findings that lasted for sustain_ms', () => {
    const finding = {recipe: 'a', severity: 'critical', subject: 'x', summary: '', evidence: {}} as const;
    const found = (...present: boolean[]) => {
      const watch = watchOf([]);
      for (const [index, isPresent] of present.entries()) {
        const findings = isPresent ? [finding] : [];
        watch.addSample(1000 + index * 10_000, {metrics: slots(0.1), limits, found: createFound(findings)});
      }
      return watch.result(1000 + present.length * 10_000)?.findings.length;
    };
    expect(found(true, true, false, true, true, false)).toBe(0);
    expect(found(false, true, true, true, false, false)).toBe(1);
    // Half of a watch that is shorter, but for its first two readings.
    expect(found(true, true)).toBe(1);
    expect(found(false, false, true, true)).toBe(1);
    expect(found(false, true)).toBe(0);
  });

  it('counts two immediately consecutive snapshots as one', () => {
    const watch = createWatch({for_ms: 60_000, every_ms: 10_000, sustain_ms: 20_000}, 0);
    watch.addSample(0, {metrics: slots(0.9), limits, found: createFound()});
    watch.addSample(5, {metrics: slots(0.1), limits, found: createFound()});
    expect(watch.result(10_000)).toMatchObject({watch: {readings: 1, series: {used_ratio: {average: 0.1}}}});
  });
});
