import {expect, it} from 'vitest';
import type {ConsoleState} from '../../source/console/state/state.ts';
import {createRunState} from '../../source/core/engine/run-state.ts';
import type {JournalEntry, JournalEvent} from '../../source/model/journal-entry.ts';
import {exampleServer} from '../helpers/identity.ts';
import {createSnapshot} from '../helpers/snapshot.ts';
import {createStep, key, open, play, press, read, rowsOf, screenOf} from './played.ts';

const done = {outcome: 'verified', row_count: 1, sqlstate: null, message: null, duration_ms: 1} as const;
const reversible = createStep(1, {
  title: 'limit role app',
  apply: {text: 'ALTER ROLE "app" CONNECTION LIMIT 5', values: []},
  undo: {apply: {text: 'ALTER ROLE "app" CONNECTION LIMIT -1', values: []}, verify: createStep(1).verify},
});
const opening: JournalEvent = {
  event: 'run',
  recipe: 'a-recipe-of-another-day',
  plan: 'abc',
  params: {},
  server: exampleServer,
  step_count: 2,
  before: {},
};
const events: JournalEvent[] = [
  opening,
  {event: 'intent', step: 0, content: reversible},
  {event: 'outcome', step: 0, ...done},
  {event: 'intent', step: 1, content: createStep(4711)},
  {event: 'outcome', step: 1, ...done},
  {event: 'end', status: 'done', reason: null, after: {}},
];

/** The Journal, with one run of those events, on the server of the snapshot; no row held. */
function journal(target = 'db.example:5432/shop', kept = events, isConnected = true): ConsoleState {
  const entries = kept.map(
    (event, index): JournalEntry => ({
      schema_version: 1,
      seq: index + 1,
      at: '2026-01-01T00:00:00.000Z',
      hash: '',
      previous: '',
      actor: 'ann@bastion',
      target,
      run: 'run-one',
      ...event,
    }),
  );
  const opened = isConnected ? play(open(100, 30), read(createSnapshot())).state : open(100, 30);
  return press(play(opened, {kind: 'journal-read', entries, problem: null, unfinished: 0}).state, '6');
}

it.each([
  ['g', 'u'],
  ['g', 'enter', 'u'],
])('opens the undo of the run held at its preview: %s %s', (...keys) => {
  const screen = screenOf(press(journal(), ...keys));
  expect(screen).toContain('undo of run run-one, a-recipe-of-another-day  preview > confirm > run');
  expect(screen).toContain('1 step; skipped: 1');
  expect(screenOf(press(journal(), 'g', 'enter'))).not.toContain('taken back');
  expect(screen).toMatch(/1 undo: limit role app\n +ALTER ROLE "app" CONNECTION LIMIT -1/);
  expect(screen).toContain('cannot be undone');
});

it('works like every plan: a typed word, the engine, and back at each stage', () => {
  const preview = press(journal(), 'g', 'u');
  const confirm = press(preview, 'enter');
  expect(screenOf(confirm)).toMatch(/Undoes 1 step of run run-one[\s\S]*on db\.example:5432\/shop/);
  expect(press(confirm, 'escape').wizard?.stage).toBe('preview');
  expect(press(preview, 'escape').wizard).toBeNull();
  const {effects} = play(press(confirm, 'y', 'e', 's'), key('enter'));
  expect(effects).toEqual([
    {
      kind: 'execute-plan',
      plan: preview.wizard?.plan,
      server: exampleServer,
      answers: [],
    },
  ]);
  expect(preview.wizard?.plan?.undoes).toBe('run-one');
});

it('asks for the name of the server if the journal does not contain it', () => {
  const {server: _, ...old} = {...opening, server: exampleServer};
  const confirm = press(journal('db.example:5432/shop', [old, ...events.slice(1)]), 'g', 'u', 'enter');
  expect(screenOf(confirm)).toContain('type db.example:5432/shop to run it');
  expect(screenOf(press(confirm, 'escape'))).toMatch(/the journal does\s+not name its server/);
  expect(play(press(confirm, 'y', 'e', 's'), key('enter')).effects).toEqual([]);
  const typed = press(confirm, ...'db.example:5432/shop');
  expect(play(typed, key('enter')).effects).toMatchObject([{kind: 'execute-plan', server: exampleServer}]);
});

it('shows what would be undone where poolctl is read-only, and undoes nothing', () => {
  const now = createSnapshot();
  const preview = press(journal(), 'g', 'u');
  const readOnly = play(preview, read({...now, target: {...now.target, read_only: '--read-only'}})).state;
  const refused = play(readOnly, key('enter'));
  expect([refused.state.wizard?.stage, refused.effects]).toEqual(['preview', []]);
  expect(screenOf(refused.state)).toContain('poolctl is read-only here (--read-only): nothing was changed');
});

it('does nothing on a server that is not the one it was opened on', () => {
  const elsewhere = {...exampleServer, system_identifier: '7712856371899253081'};
  const now = createSnapshot();
  const other = {...now, target: {...now.target, server: elsewhere}};
  const confirm = press(journal(), 'g', 'u', 'enter', 'y', 'e', 's');
  const moved = play(confirm, read(other, true)).state;
  expect(rowsOf(moved)[0]).toContain('another server via rescue');
  expect(screenOf(moved)).toContain('the rescue URL leads to another server: this is server …253081');
  const refused = play(moved, key('enter'));
  expect(refused.effects).toEqual([]);
  expect(screenOf(refused.state)).toMatch(/poolctl\s+changes nothing there/);
  const opened = press({...moved, wizard: null}, 'g', 'u');
  expect(opened.wizard).toBeNull();
  expect(screenOf(opened)).toContain('this is server …253081, not server …028086');
  // Back on the first one, keys that act are as before.
  const back = play(moved, read(now)).state;
  expect(play(back, key('enter')).effects).toMatchObject([{kind: 'execute-plan', server: exampleServer}]);
});

it('shows the result at the top of the Journal although a row is selected', () => {
  const state = press(journal(), 'g', 'u', 'enter', 'y', 'e', 's', 'enter');
  const plan = state.wizard?.plan;
  if (!plan) throw new Error('there is no plan');
  const begun = createRunState(plan, {
    run: 'run-two',
    target: 'db.example:5432/shop',
    server: exampleServer,
    plan_hash: 'abc',
  });
  const ended = play(state, {kind: 'run', run: {...begun, phase: 'ended', status: 'done'}}).state;
  const entries = (ended.journal?.entries ?? []).concat(
    (ended.journal?.entries ?? []).slice(0, 1).map(entry => ({...entry, seq: 7, run: 'run-two'})),
  );
  const after = {...ended, journal: ended.journal && {...ended.journal, entries}};
  expect(rowsOf(press(after, 'escape'))[3]).toMatch(/^[ >]+7 /);
});

it.each([
  [
    'another target',
    journal('other:5432/shop'),
    ['g'],
    'run run-one was on other:5432/shop, this is db.example:5432/shop',
  ],
  ['no connection', journal('db.example:5432/shop', events, false), ['g'], 'not connected'],
  [
    'no beginning',
    journal('db.example:5432/shop', events.slice(1)),
    ['g'],
    'the start of run run-one is not in the journal',
  ],
  [
    'another server at that address',
    journal('db.example:5432/shop', [{...opening, server: {...exampleServer, system_identifier: '7'}}]),
    ['g'],
    'run run-one: this is server …028086, not server …7',
  ],
  ['another view', journal(), ['2'], 'works in Journal (6)'],
])('is refused with the reason: %s', (_, state, keys, reason) => {
  const refused = press(state, ...keys, 'u');
  expect(screenOf(refused)).toContain(`u: ${reason}`);
  expect(refused.wizard).toBeNull();
});

it('says of a run that was undone already when, and by which run', () => {
  const undone = press(journal(), 'g', 'u');
  const plan = undone.wizard?.plan;
  const [inverse] = plan?.steps ?? [];
  const again = structuredClone(undone.journal);
  const entry = again?.entries[0];
  if (again === null || entry === undefined || inverse === undefined) throw new Error('there is a run');
  const by = {...entry, run: 'run-two', at: '2026-01-02T03:04:05.000Z', actor: 'bob@laptop'};
  const more: JournalEvent[] = [
    {...opening, undoes: 'run-one'},
    {event: 'intent', step: 0, content: inverse},
    {event: 'outcome', step: 0, ...done},
  ];
  const entries = [...again.entries, ...more.map((event): JournalEntry => ({...by, ...event}))];
  const journalAgain = play(journal(), {kind: 'journal-read', entries, problem: null, unfinished: 0}).state;
  const screen = screenOf(press({...journalAgain, wizard: null}, 'G', 'u'));
  expect(screen).toContain('nothing to do; skipped: 2');
  expect(screen).toMatch(/Already undone: run run-one [\s\S]*run run-two \(2026-01-02T03:04:05/);
  const detail = screenOf(press({...journalAgain, wizard: null}, 'G', 'enter'));
  expect(detail).toMatch(/run run-one\n[\s\S]*undone +by run run-two\n/);
});

it('undoes nothing from a journal that fails verification, and says so', () => {
  const state = journal();
  const entries = state.journal?.entries ?? [];
  const reading = {
    entries,
    isBroken: true,
    problem: 'entry 2 was modified after it was written',
    unfinished: 0,
  };
  const broken = press(play(state, {kind: 'journal-read', ...reading}).state, 'g', 'u');
  expect(broken.wizard).toBeNull();
  expect(screenOf(broken)).toContain('the journal does not verify, so no run can be undone');
  expect(screenOf(broken)).toContain('entry 2 was modified after it was written');
});
