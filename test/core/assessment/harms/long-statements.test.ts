import {expect, it} from 'vitest';
import {examineLongStatements} from '../../../../source/core/assessment/harms/long-statements.ts';
import type {AssessmentFacts} from '../../../../source/model/assessment-facts.ts';
import type {Backend} from '../../../../source/model/snapshot.ts';
import {contextOf, reading} from './jams.ts';

const running = (seconds: number, of: Partial<Backend> = {}): Partial<Backend> => ({
  state: 'active',
  wait_event_type: null,
  application_name: 'report',
  usename: 'analyst',
  query_age_ms: seconds * 1000,
  query: 'SELECT sum(total) FROM orders',
  ...of,
});

const examine = (
  sessions: Record<number, Partial<Backend>>,
  facts: AssessmentFacts = {},
  waits = [] as Parameters<typeof reading>[1],
) => examineLongStatements(contextOf(reading(sessions, waits), facts));

it('names a statement that runs for long and harms no session, without harm and without an act', () => {
  const [finding, ...others] = examine({1: running(720), 2: running(10, {application_name: 'web'})});
  expect(others).toEqual([]);
  expect(finding).toMatchObject({
    cause: 'long-statement',
    subject: 'application:report/role:analyst/runaway',
    summary: 'report/analyst has run a SELECT for 12m00s: blocks no session',
  });
  expect(finding?.harm).toBeUndefined();
  expect(finding?.acts).toBeUndefined();
});

it('counts those of one application', () => {
  expect(examine({1: running(90), 2: running(45)})[0]?.summary).toBe(
    'report/analyst has run 2 statements for over 30s, the longest (a SELECT) for 1m30s: blocks no session',
  );
});

it.each([
  [false, 'blocks no session, holds back no vacuum'],
  [true, 'blocks no session'],
])('says of vacuum what is known: dead rows to remove %s', (hasDeadRows, expected) => {
  const table = {dead_rows: hasDeadRows ? 90_000 : 10, vacuum_threshold: 50_000} as never;
  const facts = {maintenance: {tables: [table], xmin_holders: []}};
  expect(examine({1: running(60)}, facts)[0]?.summary.replace(/.*: /, '')).toBe(expected);
});

it.each<[string, Partial<Backend>]>([
  ['waits for a lock', {wait_event_type: 'Lock', blocked_by: [9]}],
  ['is a dump', {application_name: 'pg_dump'}],
  ['is idle', {state: 'idle'}],
])('leaves out one that %s', (_, of) => {
  expect(examine({1: running(600, of)})).toEqual([]);
});

it('leaves one that blocks others to the examination of waits', () => {
  expect(examine({1: running(600), 2: {}}, {}, [{pid: 2, blocked_by: [1]}])).toEqual([]);
});
