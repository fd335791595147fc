import {expect, it} from 'vitest';
import {healthFamilies} from '../../../source/commands/check/metric-families.ts';
import {watchApplicationsLately} from '../../../source/core/health/applications.ts';
import type {Health} from '../../../source/core/health/health.ts';
import {metricNames} from '../../../source/core/health/metrics.ts';
import type {Backend, Snapshot} from '../../../source/model/snapshot.ts';

const checks = [{name: 'canary', against: 'web', limits: {}}];

function reading(second: number, canary: string): Pick<Snapshot, 'at' | 'backends' | 'budget'> {
  const session = (pid: number, application_name: string, state: string) =>
    ({pid, backend_start: '', application_name, usename: 'app', state, blocked_by: []}) as unknown as Backend;
  const backends = [1, 2].flatMap(pid => [session(pid, 'canary', canary), session(pid + 9, 'web', 'active')]);
  const budget = {usable: 10} as Snapshot['budget'];
  return {at: new Date(second * 1000).toISOString(), backends, budget};
}

function series(watch: ReturnType<typeof watchApplicationsLately>): string[] {
  const thresholds = Object.fromEntries(metricNames.map(name => [name, {level: 'unknown'}]));
  const metrics = Object.fromEntries(metricNames.map(name => [name, null]));
  const health = {status: 'ok', findings: [], metrics, thresholds} as unknown as Health;
  const families = healthFamilies(health, [], {compared: watch.result(), window_ms: 60_000});
  return families
    .filter(({name}) => name.startsWith('application_worse') || name === 'status')
    .flatMap(({name, samples}) =>
      samples.map(({labels, value}) => `${name} ${labels.figure ?? ''} ${value}`),
    );
}

it('has no status before two applications can be compared', () => {
  expect(series(watchApplicationsLately(checks, 60_000))).toEqual([]);
});

it('a canary is worse over the last minute, no longer', () => {
  const watch = watchApplicationsLately(checks, 60_000);
  for (let second = 0; second < 4; second++) watch.add(reading(second, 'idle in transaction'));
  expect(series(watch)).toEqual([]);
  watch.add(reading(4, 'idle in transaction'));
  expect(series(watch)).toContain('application_worse idle_in_transaction_ratio 1');
  expect(series(watch)).toContain('status  1');
  for (let second = 65; second < 75; second++) watch.add(reading(second, 'active'));
  expect(series(watch)).toContain('application_worse idle_in_transaction_ratio 0');
  expect(series(watch)).toContain('status  0');
});
