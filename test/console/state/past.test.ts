import {describe, expect, it} from 'vitest';
import {startReplay} from '../../../source/console/state/replay.ts';
import type {ConsoleState} from '../../../source/console/state/state.ts';
import type {Message} from '../../../source/console/store.ts';
import type {RecordedAt} from '../../../source/model/ports.ts';
import {createSnapshot} from '../../helpers/snapshot.ts';
import {
  createFinding,
  createPlan,
  createRecipe,
  key,
  open,
  play,
  press,
  read,
  rowsOf,
  screenOf,
} from '../played.ts';

const start_ms = Date.parse('2026-01-01T12:00:00.000Z');
const times: RecordedAt[] = Array.from({length: 100}, (_, index) => ({
  at_ms: start_ms + index * 2000,
  severity: index === 50 ? 'critical' : null,
}));

function snapshotAt(index: number) {
  const used = 10 + index;
  const snapshot = createSnapshot({at: new Date(start_ms + index * 2000).toISOString()});
  return {...snapshot, budget: {...snapshot.budget, used, usable: 1000}};
}

function pastRead(index: number, kept = times): Message {
  const snapshots = Array.from({length: Math.min(5, index + 1)}, (_, back) =>
    snapshotAt(index - back),
  ).reverse();
  return {kind: 'past-read', times: kept, snapshots, outage: null};
}

const recipe = createRecipe({findings: () => [createFinding()]});
const live = play(open(100, 30, {recipes: [recipe]}), read(snapshotAt(99))).state;
const past = play(live, pastRead(50)).state;

describe('the past of a live console', () => {
  it.each([
    ['left', {at_ms: start_ms + 99 * 2000, by: -1}],
    ['[', {at_ms: start_ms + 99 * 2000, by: -1}],
    ['{', {at_ms: start_ms + 99 * 2000 - 60_000, by: 0}],
  ])('%s asks for an earlier reading', (key, wanted) => {
    expect(effectsOf(live, key)).toContainEqual({kind: 'read-past', ...wanted});
  });

  it('says that it is read until it is shown', () => {
    const asked = press(live, '[');
    expect(rowsOf(asked).at(-1)).toContain('reading the last hour');
    expect(rowsOf(play(asked, pastRead(98)).state).at(-1)).not.toContain('reading');
    expect(press(live, 'right').notice).toBeNull();
  });

  it('says where nothing is kept of the time that was asked for', () => {
    const read = {...(pastRead(0) as Extract<Message, {kind: 'past-read'}>), is_before_first: true as const};
    expect(play(live, read).state.notice?.text).toBe(
      `nothing is kept before ${new Date(start_ms).toISOString().slice(11, 19)}Z`,
    );
    expect(past.notice).toBeNull();
  });

  it('does not go beyond the present', () => {
    expect(effectsOf(live, 'right')).toEqual([]);
    expect(press(play(live, pastRead(99)).state, 'right').past).toBeNull();
    expect(press(play(live, pastRead(90)).state, '}').past).toBeNull();
  });

  it('shows the snapshot, the charts up to it, and the scrubber with findings and position', () => {
    expect(past.history.map(({used}) => used)).toEqual([56, 57, 58, 59, 60]);
    const rows = rowsOf(past);
    expect(rows[0]).toContain('past stopped 2026-01-01 12:01:40Z');
    const scrubber = rows.at(-2) ?? '';
    expect(scrubber).toMatch(/^ 12:00:00Z ─+✖?●✖?─+ 12:03:18Z$/);
    expect(rowsOf(play(live, pastRead(10)).state).at(-2)).toMatch(/●─+✖+─+ 12:03:18Z$/);
    expect(rows).toHaveLength(30);
  });

  it('is left with Esc, after a selected row is let go of', () => {
    const selected = press(past, '2', 'g');
    expect(press(selected, 'escape').past).not.toBeNull();
    expect(press(selected, 'escape', 'escape').past).toBeNull();
  });

  it('is not changed by new snapshots, and L returns to the newest', () => {
    const later = play(past, read(snapshotAt(100))).state;
    expect(later.snapshot).toBe(past.snapshot);
    const now = press(later, 'L');
    expect(now).toMatchObject({past: null, snapshot: {budget: {used: 110}}});
    expect(now.history.map(({used}) => used)).toEqual([109, 110]);
    expect(now.findings).toHaveLength(1);
  });

  it.each(['a', 'r', 'enter'])('acts on nothing: %s says why', key => {
    const tried = press(past, 'g', key);
    expect(tried.wizard).toBeNull();
    expect(screenOf(tried)).toContain(
      'this is 12:01:40Z: press L for the live view before you change anything',
    );
  });

  it('says so in Recipes, and has keys for time travel in its footer instead of those for actions', () => {
    const recipes = screenOf(press(past, '5'));
    expect(recipes).toContain(
      'recipes   this is 12:01:40Z: press L for the live view before you change anything',
    );
    expect(recipes).not.toContain('opens the wizard');
    const foot = (state: ConsoleState) => rowsOf(state).at(-1) ?? '';
    expect(foot(press(past, '2', 'g'))).toMatch(/p play {2}← earlier {2}→ later {2}L live/);
    expect(foot(press(past, '2', 'g'))).not.toMatch(/terminate|recipe/);
    expect(foot(press(past, 'L', '2', 'g'))).toMatch(/terminate.*recipe/);
    expect(foot(press(past, 'L', '2', 'g'))).not.toMatch(/earlier|L live/);
  });

  it('ends no session of then, by a key or a command', () => {
    const tried = press(past, '2', 'g', 'K');
    expect(tried.wizard).toBeNull();
    const typed = play(press(past, ':'), ...typing('recipe end'), key('enter')).state;
    expect(typed.wizard).toBeNull();
    expect(typed.notice?.text).toContain('press L for the live view');
  });

  it('does not come under a wizard that was opened before it was read', () => {
    const wizard = press(live, 'a');
    expect(wizard.wizard).not.toBeNull();
    expect(play(wizard, pastRead(50)).state).toEqual(wizard);
    const replay = {...live, replay: startReplay(createPlan(0)).changes.replay ?? null};
    expect(play(replay, pastRead(50)).state).toEqual(replay);
  });

  it.each(['L', ']', '}'])(
    'is left for good with %s: what was requested of it is not wanted any more',
    key => {
      const atEnd = play(live, pastRead(99)).state;
      expect(effectsOf(atEnd, key)).toEqual([{kind: 'cancel-past'}, expect.objectContaining({kind: 'show'})]);
    },
  );

  it('queries nothing on the server about a past session', () => {
    expect(effectsOf(press(past, '2', 'g'), 'enter')).toMatchObject([
      {kind: 'describe-session', isPast: true},
    ]);
  });

  it.each([
    ['at 12:00:30', start_ms + 30_000],
    ['at 12:59', start_ms + 59 * 60_000 - 86_400_000],
    ['at 2026-01-01 12:01', start_ms + 60_000],
  ])(':%s jumps', (command, at_ms) => {
    const {effects} = play(press(past, ':'), ...typing(command), key('enter'));
    expect(effects).toEqual([{kind: 'read-past', at_ms, by: 0}]);
  });

  it('reports an invalid time', () => {
    const {state} = play(press(past, ':'), ...typing('at noon'), key('enter'));
    expect(screenOf(state)).toContain('Invalid time "noon"');
  });

  it('w and :write write it out', () => {
    expect(effectsOf(live, 'w')).toEqual([{kind: 'write-out', file: null}]);
    const {effects} = play(press(live, ':'), ...typing('write here.poolctl'), key('enter'));
    expect(effects).toEqual([{kind: 'write-out', file: 'here.poolctl'}]);
  });
});

it('says how to go on while the screen is paused', () => {
  const footer = (...keys: string[]) => rowsOf(press(live, ...keys)).at(-1);
  expect(footer()).toContain('p pause');
  expect(footer('p')).toContain('p resume');
});

describe('a recording', () => {
  const opened = open(100, 30, {
    past: {times: [], at_ms: 0, outage: null, isPlaying: true, speed: 1, now: null, whole: null},
  });

  it('plays from its beginning, snapshot by snapshot', () => {
    const {state, effects} = play(opened, pastRead(0));
    expect(effects).toEqual([{kind: 'play-on', after_ms: 2000}]);
    const on = play(state, {kind: 'play-on'});
    expect(on.effects).toEqual([{kind: 'read-past', at_ms: start_ms, by: 1}]);
    expect(rowsOf(state)[0]).toContain('recording ● playing 1x 2026-01-01 12:00:00Z');
  });

  it('stops with p, and what was due is not done', () => {
    const stopped = press(play(opened, pastRead(0)).state, 'p');
    expect(play(stopped, {kind: 'play-on'}).effects).toEqual([]);
    expect(effectsOf(stopped, 'p')).toEqual([{kind: 'play-on', after_ms: 2000}]);
  });

  it('goes faster by skipping snapshots, never by drawing more frames than can be seen', () => {
    const fast = press(play(opened, pastRead(0)).state, '+', '+', '+', '+', '+', '+');
    expect(fast.past?.speed).toBe(300);
    expect(play(fast, pastRead(0)).effects).toEqual([{kind: 'play-on', after_ms: 100}]);
    expect(play(fast, {kind: 'play-on'}).effects).toEqual([{kind: 'read-past', at_ms: start_ms, by: 15}]);
    expect(press(fast, '-').past?.speed).toBe(60);
    expect(rowsOf(press(past, '+'))[0]).toContain('past stopped 2x 2026-');
  });

  it('waits for a gap no longer than a moment', () => {
    const gap: RecordedAt[] = [
      {at_ms: start_ms, severity: null},
      {at_ms: start_ms + 3_600_000, severity: null},
    ];
    expect(play(opened, pastRead(0, gap)).effects).toEqual([{kind: 'play-on', after_ms: 2000}]);
  });

  it('stops at its end, has no now and cannot be written out', () => {
    const {state, effects} = play(opened, pastRead(99));
    expect(effects).toEqual([]);
    expect(state.past?.isPlaying).toBe(false);
    expect(screenOf(press(state, 'L'))).toContain('a recording has no live view');
    expect(screenOf(press(state, 'w'))).toContain('this is a recording already');
    expect(screenOf(press(state, 'r'))).toContain('this is a recording: no recipe can be run on it');
  });
});

function effectsOf(state: ConsoleState, name: string) {
  return play(state, key(name)).effects;
}

function typing(text: string): Message[] {
  return [...text].map(character => key(character));
}
