import {expect, it} from 'vitest';
import type {Message} from '../../source/console/store.ts';
import {noDiagnosisData} from '../../source/core/recipe/diagnose.ts';
import {createWriteState} from '../core/assessment/harms/readings.ts';
import {createSnapshot} from '../helpers/snapshot.ts';
import {open, play, read, rowsOf} from './played.ts';

const header = (source: string | null, address: string) => rowsOf(open(80, 24, {address, source}))[0];

it('shows where the address is from, unless the call names it', () => {
  expect(header('DATABASE_URL', 'ann@db:5432/shop')).toContain('ann@db:5432/shop (DATABASE_URL)');
  expect(header(null, 'ann@db:5432/shop')).not.toContain('(');
});

it("keeps the mark of a folder's .env where a long address is cut off", () => {
  const long = `ann@${'x'.repeat(90)}.rds.amazonaws.com:5432/shop`;
  expect(header('.env', long)).toMatch(/^poolctl \(\.env\) ann@x/);
});

it('never cuts the current tab', () => {
  expect(rowsOf(open(40, 10, {view: 'journal'}))[1]).toBe('1 2 3 4 5 6 Journal 7 8 9 0');
});

it('cuts the server with a sign, and never the state of the connection', () => {
  const lost: Message = {kind: 'lost', message: 'connection refused', hint: null, retry_in_ms: 4000};
  const {state} = play(open(80, 24), read(createSnapshot()), lost);
  expect(rowsOf(state)[0]).toMatch(
    /^poolctl oncall@db\.example:5432\/shop {2}PG 1… ◌ stale .* connection refused$/,
  );
});

it('has a whole frame on production', () => {
  const rows = rowsOf(open(80, 24, {isProduction: true}));
  expect(rows[0]).toMatch(/^╭─ PRODUCTION db\.example:5432\/shop ─+╮$/);
  expect(rows.at(-1)).toMatch(/^╰─+╯$/);
});

it('says that poolctl refuses every act', () => {
  const now = createSnapshot();
  const state = play(open(80, 24), read({...now, target: {...now.target, read_only: '--read-only'}})).state;
  expect(rowsOf(state)[0]).toMatch(/^poolctl --read-only oncall@db/);
});

it('says first that the server takes no writes', () => {
  const write_state = {...createWriteState(), default_read_only: true};
  const data: Message = {
    kind: 'diagnosis-data',
    at_ms: 0,
    diagnosisData: {...noDiagnosisData, ofAssessment: {write_state}},
  };
  const {state} = play(open(80, 24), read(createSnapshot()), data);
  expect(rowsOf(state)[0]).toMatch(/^poolctl read-only oncall@db/);
});

it('says that the server starts up or stops', () => {
  const message = 'db.example:5432 accepts no connections now: the database system is starting up';
  const lost: Message = {kind: 'lost', message, hint: null, retry_in_ms: 4000};
  const first = play(open(80, 24), lost).state;
  expect(rowsOf(first)[0]).toMatch(/◌ the server is starting up$/);
  const {state} = play(open(80, 24), read(createSnapshot()), lost);
  expect(rowsOf(state)[0]).toMatch(/◌ stale .* the server is starting up$/);
});

it('says that the server is newer than poolctl knows', () => {
  const now = createSnapshot();
  const of = (server_version_num: number) =>
    rowsOf(play(open(120, 24), read({...now, target: {...now.target, server_version_num}})).state)[0];
  expect(of(200_001)).toContain('PG 20.1 (newer than 19)');
  expect(of(190_002)).not.toContain('newer');
});
