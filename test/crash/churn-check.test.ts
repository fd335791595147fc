import {describe, expect, it} from 'vitest';
import {type Signal, signalSql} from '../../source/core/sessions/session-steps.ts';
import type {JournalEntry} from '../../source/model/journal-entry.ts';
import {createSnapshot} from '../helpers/snapshot.ts';
import {checkChurn} from './churn/check.ts';
import type {LogLine} from './churn/server-log.ts';

// Cases for the check of `npm run crash`, which compares the server's log with the journal.

const start = '2026-01-01T00:00:00.123456Z';
const changed = '2026-01-01T00:00:10.500700Z';
const at = (ms: number) => Date.parse('2026-01-01T00:00:10.000Z') + ms;
const [backend] = createSnapshot().backends;
if (backend === undefined) throw new Error('a snapshot has a session');

function applyOf(call: Signal['call'], {state = 'idle', backend_start = start} = {}) {
  const known = {...backend, pid: 7, backend_start, state, state_change: changed, datid: '5', usesysid: '10'};
  return signalSql(known as never, {call, same: 'unchanged'});
}

function line(ms: number, message: string, more: Partial<LogLine> = {}): LogLine {
  const session_id = `${(Date.parse('2026-01-01T00:00:00Z') / 1000).toString(16)}.7`;
  const base = {pid: 7, user: 'app', application_name: 'churn-1', state_code: null, detail: ''};
  return {at_ms: at(ms), message, session_id, ...base, ...more};
}

function actLine(ms: number, apply: ReturnType<typeof applyOf>): LogLine {
  const logged = (value: unknown) => String(value).replace('T', ' ').replace('Z', '+00');
  const detail = apply.values.map((value, index) => `$${index + 1} = '${logged(value)}'`).join(', ');
  return line(ms, `execute <unnamed>: ${apply.text}`, {
    ...{user: 'oncall', application_name: 'poolctl', pid: 99, session_id: 'ff.63'},
    detail: `Parameters: ${detail}`,
  });
}

function intent(ms: number, apply: ReturnType<typeof applyOf>, step = 0): JournalEntry {
  const content = {kind: 'sql', title: 'end', subject: 'backend:7', apply};
  return {event: 'intent', run: 'r', step, seq: 1, at: new Date(at(ms)).toISOString(), content} as never;
}

const outcome = (name: string) => ({event: 'outcome', run: 'r', step: 0, seq: 2, outcome: name}) as never;
const ended = (ms: number, more: Partial<LogLine> = {}) =>
  line(ms, 'terminating connection due to administrator command', {state_code: '57P01', ...more});
const session = {application_name: 'churn-1', pid: 7, backend_start: '2026-01-01 00:00:00.123456+00'};
const apply = applyOf('pg_terminate_backend');

describe('comparing the journal with the server log', () => {
  it('accepts a statement with an intent for its session', () => {
    const log = [line(500, 'statement: COMMIT'), actLine(600, apply), ended(601)];
    const entries = [intent(590, apply), outcome('verified')];
    expect(checkChurn(log, entries, [session])).toEqual({
      ...{acts: 1, ended: 1, cancelled: 0, moved: 0, unlogged: 0, outcomes: {verified: 1}, violations: []},
    });
  });

  it.each<[string, LogLine[], JournalEntry[], RegExp]>([
    ['an action without an intent', [actLine(600, apply)], [], /^an act without intent/],
    ['an intent after its action', [actLine(600, apply)], [intent(601, apply)], /^an act without intent/],
    [
      'an intent on another session of that pid',
      [actLine(600, apply)],
      [intent(590, applyOf('pg_terminate_backend', {backend_start: changed}))],
      /^an act without intent/,
    ],
    [
      'an ended session that no step terminated',
      [ended(601)],
      [],
      /^terminate of a session that no act was sent for/,
    ],
    [
      'the end of a later session with the same pid',
      [
        actLine(600, applyOf('pg_terminate_backend', {backend_start: '2025-12-31T23:59:59.000000Z'})),
        ended(601),
      ],
      [intent(590, applyOf('pg_terminate_backend', {backend_start: '2025-12-31T23:59:59.000000Z'}))],
      /^terminate of a session that no act was sent for/,
    ],
    [
      'an ended session whose statement was to be cancelled',
      [actLine(600, applyOf('pg_cancel_backend')), ended(601)],
      [intent(590, applyOf('pg_cancel_backend'))],
      /^terminate of a session that no act was sent for/,
    ],
    [
      'the end of a session that began a statement before the guard was checked',
      [line(550, 'statement: BEGIN'), actLine(600, apply), ended(601)],
      [intent(590, apply)],
      /^terminate of a session that had changed/,
    ],
    [
      'a second outcome',
      [],
      [intent(1, apply), outcome('failed'), outcome('verified')],
      /outcome of r 0 after outcome/,
    ],
    ['an outcome without intent', [], [outcome('verified')], /outcome of r 0 after nothing/],
  ])('finds %s', (_, log, entries, violation) => {
    const {violations} = checkChurn(log, entries, [session]);
    expect(violations).toEqual([expect.stringMatching(violation)]);
  });

  it('counts sessions that changed between guard and signal', () => {
    const log = [actLine(600, apply), line(600, 'statement: BEGIN'), ended(601)];
    expect(checkChurn(log, [intent(590, apply)], [session])).toMatchObject({moved: 1, violations: []});
  });

  it('does not count the statement that was active at the snapshot as a change', () => {
    const active = applyOf('pg_terminate_backend', {state: 'active'});
    const log = [
      line(500, 'duration: 0.1 ms'),
      line(502, 'statement: SELECT 1'),
      actLine(600, active),
      ended(601),
    ];
    expect(checkChurn(log, [intent(590, active)], [session])).toMatchObject({moved: 0, violations: []});
    const later = log.toSpliced(2, 0, line(550, 'duration: 48 ms'));
    expect(checkChurn(later, [intent(590, active)], [session]).violations).toHaveLength(1);
  });

  it('counts outcomes recorded as verified that the server did not log', () => {
    expect(
      checkChurn([actLine(600, apply)], [intent(590, apply), outcome('verified')], [session]),
    ).toMatchObject({
      unlogged: 1,
      violations: [],
    });
  });
});
