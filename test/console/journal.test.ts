import {describe, expect, it, onTestFinished, vi} from 'vitest';
import type {ConsoleState} from '../../source/console/state/state.ts';
import type {Message} from '../../source/console/store.ts';
import type {JournalEntry, JournalEvent} from '../../source/model/journal-entry.ts';
import type {StepResult} from '../../source/model/run.ts';
import {createStep, key, mount, open, play, press, rowsOf, screenOf} from './played.ts';

const verified: StepResult = {
  outcome: 'verified',
  row_count: 1,
  sqlstate: null,
  message: null,
  duration_ms: 12,
};
const refused: StepResult = {
  outcome: 'failed',
  row_count: 0,
  sqlstate: '42501',
  message: 'permission denied',
  duration_ms: 3,
};
const opening: JournalEvent = {
  event: 'run',
  recipe: 'kill-idle-sessions',
  plan: 'abc',
  params: {older_than: '30s', role: ''},
  step_count: 3,
  before: {used: 54, headroom: 3},
};
const verify = createStep(1).verify;
const reversible = createStep(4713, {
  title: 'create an index',
  undo: {apply: {text: 'DROP INDEX CONCURRENTLY orders_idx', values: []}, verify},
});

function entries(run: string, events: JournalEvent[], from = 1): JournalEntry[] {
  return events.map((event, index) => ({
    schema_version: 1,
    seq: from + index,
    at: `2026-01-01T00:00:0${index}.000Z`,
    hash: '',
    previous: '',
    actor: 'ann@bastion',
    target: 'db:5432/shop',
    run,
    ...event,
  }));
}

const first = entries('run-one', [
  opening,
  {event: 'intent', step: 0, content: createStep(4711)},
  {event: 'outcome', step: 0, ...verified},
  {event: 'intent', step: 1, content: createStep(4712)},
  {event: 'outcome', step: 1, ...refused},
  {event: 'end', status: 'failed', reason: 'one was refused', after: {used: 53, headroom: 4}},
]);
const second = entries('run-two', [opening, {event: 'intent', step: 0, content: reversible}], 7);

function journal(columns: number, rows: number): ConsoleState {
  const entries = [...first, ...second];
  const read: Message = {kind: 'journal-read', entries, problem: null, unfinished: 1};
  return press(play(open(columns, rows), read).state, '6');
}

/** The detail of the run of entry `seq`. */
function detail(seq: number, columns = 120, rows = 60): ConsoleState {
  return press(journal(columns, rows), ...(seq > 6 ? ['g'] : ['g', 'j']), 'enter');
}

describe('the list', () => {
  it('has one line per run with its target and what came of it, the last first, at 80 columns', () => {
    const rows = rowsOf(journal(80, 24)).filter(row => /^[ >]+\d+ 2026/.test(row));
    expect(rows).toEqual([
      expect.stringMatching(/^[ >]+7 2026.* db:5432\/shop .*no end: 1 unknown/),
      expect.stringMatching(/^ +1 2026.* db:5432\/shop .*failed: 1 verified, 1 /),
    ]);
  });

  it('says what came of each run where there is room', () => {
    const rows = rowsOf(journal(160, 24));
    expect(rows.find(row => row.includes('run-two'))).toMatch(/4713 +no end: 1 unknown/);
    expect(rows.find(row => row.includes('run-one'))).toMatch(/4711 \+1 +failed: 1 verified, 1 failed/);
  });

  it('of a damaged journal with the same numbers twice shows each run, and none remains afterwards', () => {
    const warned = vi.spyOn(console, 'error').mockImplementation(() => {});
    onTestFinished(() => warned.mockRestore());
    const entries = [...first, ...second.map(entry => ({...entry, seq: entry.seq - 6}))];
    const read: Message = {kind: 'journal-read', entries, problem: 'entry 1 is there twice', unfinished: 0};
    const app = mount(press(play(open(80, 24), read).state, '6'));
    const seqs = () =>
      app
        .rows()
        .filter(row => /^[ >]*\d+ 2026/.test(row))
        .map(row => Number.parseInt(row.replace(/^\D+/, ''), 10));
    expect(seqs()).toEqual([1, 1]);
    app.play('g', 'escape', {...read, entries: entries.slice(0, 5)});
    expect(seqs()).toEqual([1]);
    expect(warned).not.toHaveBeenCalled();
  });

  it.each([
    ['target:reports', [7]],
    ['recipe:kill', [1]],
    ['actor:bob', [7]],
    ['actor:ann outcome', []],
    ['subject:4712', [1]],
    ['permission', [1]],
  ])('is filtered by what was done where, and by whom: %s', (filter, seqs) => {
    const others = second.map(entry => ({
      ...entry,
      actor: 'bob@laptop',
      target: 'db:5432/reports',
      ...(entry.event === 'run' && {recipe: 'set-timeouts'}),
    }));
    const read: Message = {
      kind: 'journal-read',
      entries: [...first, ...others],
      problem: null,
      unfinished: 0,
    };
    const asked = press(play(open(160, 30), read).state, '6', '/');
    const typed = [...filter].map((text): Message => key(text));
    const rows = rowsOf(play(asked, ...typed).state).filter(row => /^[ >]+\d+ 2026/.test(row));
    expect(rows.map(row => Number.parseInt(row.replace(/^\D+/, ''), 10))).toEqual(seqs);
  });
});

describe("a run's detail", () => {
  it.each([1, 3, 6])('opens from entry %i and shows all of the run', seq => {
    const screen = screenOf(detail(seq));
    expect(screen).toMatch(/run run-one[\s\S]*who +ann@bastion/);
    expect(screen).toContain('2026-01-01 00:00:00 to 2026-01-01 00:00:05 UTC');
    expect(screen).toMatch(/parameters +older_than=30s\n/);
    expect(screen).toMatch(/steps +2 of 3 started/);
    expect(screen).toMatch(/before +used 54, headroom 3\n +after +used 53, headroom 4/);
    expect(screen).toMatch(/ended +failed: one was refused/);
    expect(screen).toMatch(/1 {2}terminate 4711 .*\n +✔ verified, 12\.0ms, 1 row, 00:00:01Z, backend:4711/);
    expect(screen).toContain('SELECT pg_catalog.pg_terminate_backend($1)\n      $1 = 4711');
    expect(screen).toMatch(/✖ failed 42501, 3\.00ms, 0 rows, .*\n +permission denied/);
    expect(screen).toContain('lock: none; cannot be undone');
    expect(screen).not.toContain('create an index');
  });

  it('marks unknown outcomes, and shows how a step is undone', () => {
    const screen = screenOf(detail(8));
    expect(screen).toContain('outcome unknown: check the server');
    expect(screen).toContain('(no end recorded)');
    expect(screen).toContain('lock: none; undo: DROP INDEX CONCURRENTLY orders_idx');
  });

  it('scrolls to its end and back, and closes', () => {
    const short = mount(detail(1, 80, 24));
    const screen = () => short.rows().join('\n');
    expect(screen()).toMatch(/\d+ more lines below: PgDn$/);
    short.play('G');
    expect(screen()).toContain('$1 = 4712');
    expect(screen()).not.toContain('run run-one');
    expect(screen()).not.toContain('below: PgDn');
    short.play('g');
    expect(screen()).toContain('run run-one');
    short.play('q');
    expect(short.state().overlay).toBeNull();
    expect(screen()).not.toContain('run run-one');
  });
});

it('says of a run that it undoes another', () => {
  const undo = entries('run-two', [
    {...opening, undoes: 'run-one'},
    {event: 'end', status: 'done', reason: null, after: {}},
  ]);
  const message: Message = {kind: 'journal-read', entries: undo, problem: null, unfinished: 0};
  expect(screenOf(press(play(open(120, 24), message).state, '6'))).toMatch(/undo of run-one done/);
});
