import {expect, it} from 'vitest';
import {samplesOf} from '../../../source/core/assessment/samples.ts';
import {
  describeWork,
  workOfApplications,
  workOfStatement,
} from '../../../source/core/assessment/work-and-waits.ts';
import type {Backend} from '../../../source/model/snapshot.ts';
import {createBackend, createSnapshot} from '../../helpers/snapshot.ts';

/** Readings a second apart, each with these sessions. */
const samplesWith = (readings: Partial<Backend>[][]) =>
  samplesOf(
    readings.map((sessions, second) =>
      createSnapshot({
        at: new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString(),
        backends: sessions.map((session, index) =>
          createBackend({
            pid: index + 1,
            usename: 'app',
            datname: 'shop',
            application_name: 'web',
            ...session,
          }),
        ),
      }),
    ),
  );

const running = (query_id: string, wait: string | null = null): Partial<Backend> => {
  const [type = null, event = null] = wait?.split(':') ?? [];
  return {state: 'active', query_id, wait_event_type: type, wait_event: event};
};
const hot = running('7', 'Lock:tuple');

const samples = samplesWith([
  [hot, hot, hot, running('7'), {state: 'idle'}],
  [hot, hot, running('7', 'IO:DataFileRead'), running('8'), {state: 'idle in transaction'}],
]);

it('says of a statement how much of its time is work, and what it waits for', () => {
  const work = workOfStatement(samples, {queryid: '7', usename: 'app', datname: 'shop'});
  expect(work && describeWork(work)).toBe(
    'waiting 86% (Lock:tuple 71%, IO:DataFileRead 14%), working 14%; 3.5 busy sessions on average of 2 snapshots',
  );
  expect(workOfStatement(samples, {queryid: '9', usename: 'app', datname: 'shop'})).toBeNull();
  expect(workOfStatement(samples, {queryid: '7', usename: 'app', datname: 'other'})).toBeNull();
});

it('says the same of an application, with the time in which it runs nothing', () => {
  expect(
    workOfApplications(samples).map(({pool, work}) => [pool.application_name, describeWork(work)]),
  ).toEqual([
    [
      'web',
      'waiting 60% (Lock:tuple 50%, IO:DataFileRead 10%), working 20%, idle in transaction 10%, idle 10%; 4.0 busy sessions on average of 2 snapshots',
    ],
  ]);
  expect(workOfApplications(samplesWith([[{state: 'idle'}]]))).toEqual([]);
});
