import {describe, expect, it} from 'vitest';
import {sessionRows} from '../../../source/console/rows/sessions.ts';
import {rememberedOf} from '../../../source/console/state/remembered.ts';
import type {ConsoleState} from '../../../source/console/state/state.ts';
import type {Message} from '../../../source/console/store.ts';
import {createBackend, createSnapshot, createStatement} from '../../helpers/snapshot.ts';
import {key, open, play, press, rowsOf, screenOf} from '../played.ts';

const start = open();

function read(...xactAgesMs: number[]): Message {
  const backends = xactAgesMs.map((xact_age_ms, index) =>
    createBackend({pid: 100 + index, xact_age_ms, state: 'active'}),
  );
  return {kind: 'read', snapshot: createSnapshot({backends}), effective_interval_ms: 2000};
}

const pidsOf = (state: ConsoleState) => sessionRows(state).map(({pid}) => pid);

describe('cursor', () => {
  it('selects a session, not a row: it stays selected when snapshots move it, and the order freezes', () => {
    const {state} = play(start, read(10, 30, 20), key('2'), key('down'), read(99, 1, 50));
    expect(pidsOf(state)).toEqual([101, 102, 100]);
    expect(state.tables.sessions?.cursor).toBe('102@2026-01-01T00:00:00.123456Z');
  });

  it.each([
    ['j', 'the second row: the first is selected by default', '102@'],
    ['k', 'the first row', '101@'],
    ['g', 'the first row', '101@'],
    ['G', 'the last row', '100@'],
  ])('goes on an untouched list with %s to %s', (name, _, cursor) => {
    const list = play(start, read(10, 30, 20), key('2')).state;
    expect(press(list, name).tables.sessions?.cursor).toContain(cursor);
  });

  it('clears the selection on Esc, and the order is live again', () => {
    const {state} = play(start, read(10, 30, 20), key('2'), key('down'), read(99, 1, 50), key('escape'));
    expect(pidsOf(state)).toEqual([100, 102, 101]);
    expect(state.tables.sessions?.cursor).toBeNull();
  });

  it('tags the selected row and moves on, so that Space Space Space tags three', () => {
    const {state} = play(
      start,
      read(3, 2, 1),
      key('2'),
      key('space'),
      key('space'),
      key('space'),
      key('space'),
    );
    expect(state.tables.sessions?.tagged.map(id => Number.parseInt(id, 10))).toEqual([100, 101]);
  });
});

describe('reading', () => {
  it('reads statements each tick only while they are looked at', () => {
    const {effects} = play(start, read(1), key('3'), key('4'));
    expect(
      effects.filter(({kind}) => kind === 'show').map(effect => 'statements' in effect && effect.statements),
    ).toEqual([false, true, false]);
  });

  it.each<[string, Message[], string[]]>([
    ['the first page', [], ['1', '2']],
    ['after scrolling', [key('G')], ['39', '40']],
    ['after sorting', [key('R')], ['40', '39']],
  ])('asks for the texts of the statements on the screen: %s', (_, keys, texts) => {
    const statements = Array.from({length: 40}, (_, index) =>
      createStatement({queryid: String(index + 1), total_exec_time_ms: 100 - index, query: null}),
    );
    const message: Message = {
      kind: 'read',
      snapshot: createSnapshot({statements}),
      effective_interval_ms: 2000,
    };
    const shown = play({...start, rows: 10}, message, key('3'));
    const asked = (messages: Message[]) =>
      play(shown.state, ...messages).effects.flatMap(effect =>
        effect.kind === 'show' ? [effect.texts.map(key => key.split('/')[2])] : [],
      );
    if (keys.length > 0) expect(asked(keys).at(-1)).toEqual(expect.arrayContaining(texts));
    expect(asked([...keys, message]).at(-1)).toEqual(expect.arrayContaining(texts));
  });

  it('keeps the screen still while paused, and the history going', () => {
    const {state} = play(start, read(1), key('p'), read(1, 2, 3));
    expect(state.snapshot?.backends).toHaveLength(1);
    expect(state.link.kind).toBe('live');
    expect(play(state, key('p'), read(1, 2, 3)).state.snapshot?.backends).toHaveLength(3);
  });

  it('changes the interval within half a second and a minute', () => {
    const faster: Message = key('+');
    const {state, effects} = play(start, faster, faster, faster, faster);
    expect(state.interval_ms).toBe(500);
    expect(effects[0]).toEqual({kind: 'set-interval', interval_ms: 1000});
  });

  it.each([
    [[key('+')], '1s'],
    [[key('-')], '5s'],
  ] satisfies [Message[], string][])(
    'shows the new interval at once, without a slowdown that no reading has shown',
    (messages, told) => {
      expect(rowsOf(play(play(start, read()).state, ...messages).state)[0]).toMatch(
        new RegExp(` ${told} \\d`),
      );
    },
  );
});

describe('the line being typed', () => {
  const type = (text: string): Message[] => [...text].map(character => key(character));

  it('filters with every key, and Esc on the view takes the filter away', () => {
    const {state} = play(start, read(1, 2), key('2'), key('/'), ...type('pid=101'), key('enter'));
    expect(pidsOf(state)).toEqual([101]);
    expect(state.overlay).toBeNull();
    expect(pidsOf(play(state, key('escape')).state)).toHaveLength(2);
  });

  it.each([
    ['statements', (state: ConsoleState) => state.view === 'statements'],
    ['sess', (state: ConsoleState) => state.view === 'sessions'],
    ['interval 1s', (state: ConsoleState) => state.interval_ms === 1000],
    [
      'interval 2min',
      (state: ConsoleState) =>
        state.overlay?.kind === 'prompt' && state.overlay.error?.includes('0.5s to 60s') === true,
    ],
    [
      'nonsense',
      (state: ConsoleState) =>
        state.overlay?.kind === 'prompt' && state.overlay.error?.includes('no command "nonsense"') === true,
    ],
    [
      'sort mean',
      (state: ConsoleState) =>
        state.overlay?.kind === 'prompt' && state.overlay.error?.includes('fixed order') === true,
    ],
    ['', (state: ConsoleState) => state.overlay === null],
  ])('obeys ":%s"', (text, holds) => {
    const {state} = play(start, read(1), key(':'), ...type(text), key('enter'));
    expect(holds(state)).toBe(true);
  });

  it('is edited at the cursor, and the filter follows', () => {
    const shown = press(play(start, read(1, 2)).state, '2', '/');
    const typed = press(shown, ...'pid=10x', 'left', 'delete', '1', 'home', '!');
    expect(typed.overlay).toMatchObject({text: '!pid=101', cursor: 1});
    expect(pidsOf(typed)).toEqual([100]);
    expect(pidsOf(press(typed, 'ctrl-k'))).toHaveLength(2);
    expect(pidsOf(press(typed, 'backspace', 'enter'))).toEqual([101]);
  });

  it('takes a paste at the cursor', () => {
    const typed = press(start, ':', ...'interval', 'ctrl-a');
    const {state} = play(typed, {kind: 'paste', text: 'sort '});
    expect(state.overlay).toMatchObject({text: 'sort interval', cursor: 5});
  });

  it('does not change the selection while only the cursor moves', () => {
    const filtered = press(play(start, read(1, 2)).state, '2', '/', ...'active', 'enter', 'g', '/');
    expect(filtered.tables.sessions?.cursor).not.toBeNull();
    expect(press(filtered, 'left', 'ctrl-e').tables.sessions?.cursor).toBe(filtered.tables.sessions?.cursor);
  });

  it('quits on :q', () => {
    expect(play(start, key(':'), ...type('q'), key('enter')).effects).toContainEqual({kind: 'quit'});
  });
});

describe('what was entered', () => {
  const entered = (...lines: string[]) =>
    lines.reduce((state, line) => press(state, ':', ...line, 'enter'), play(start, read(1)).state);
  const textOf = ({overlay}: ConsoleState) => (overlay?.kind === 'prompt' ? overlay.text : null);

  it('is recalled by Up, the newest first, and Down ends at the text being typed', () => {
    const prompt = press(entered('locks', 'journal'), ':', ...'ses');
    expect(textOf(press(prompt, 'up'))).toBe('journal');
    expect(textOf(press(prompt, 'up', 'up'))).toBe('locks');
    expect(textOf(press(prompt, 'up', 'up', 'up'))).toBe('locks');
    expect(textOf(press(prompt, 'up', 'up', 'down'))).toBe('journal');
    expect(textOf(press(prompt, 'up', 'down'))).toBe('ses');
    expect(textOf(press(prompt, 'down'))).toBe('ses');
    expect(textOf(press(prompt, 'ctrl-p', 'ctrl-n'))).toBe('ses');
  });

  it('is edited and entered like anything typed', () => {
    expect(press(entered('locks', 'overview'), ':', 'up', 'up', 'enter').view).toBe('locks');
    expect(textOf(press(entered('locks'), ':', 'up', 'backspace'))).toBe('lock');
  });

  it('is kept once where it was entered twice in a row, and with its mistake', () => {
    const prompt = press(entered('overview', 'locks', 'locks'), ':');
    expect(textOf(press(prompt, 'up', 'up'))).toBe('overview');
    const refused = press(start, ':', ...'lokcs', 'enter');
    expect(textOf(refused)).toBe('lokcs');
    expect(press(refused, 'left').overlay).toMatchObject({error: expect.stringContaining('no command')});
    expect(press(refused, 'backspace').overlay).toMatchObject({error: null});
    expect(textOf(press(refused, 'escape', ':', 'up'))).toBe('lokcs');
  });

  it('is separate for filters, and a recalled one filters at once', () => {
    const filtered = press(entered('locks'), '2', '/', ...'pid=100', 'enter', '/', 'ctrl-u', 'enter');
    expect(pidsOf(filtered)).toEqual([100]);
    expect(press(filtered, '/', 'up').tables.sessions?.filter).toBe('pid=100');
    expect(press(filtered, '/', 'up', 'escape').tables.sessions?.filter).toBe('');
  });
});

describe(':', () => {
  it.each([
    [
      'overview',
      'filter idle',
      'works in Sessions (2), Statements (3), Journal (6), Changes (7), Pools (8), Waits (9) and Server (0)',
    ],
    ['overview', 'sort', 'this view has a fixed order'],
    ['sessions', 'sort', 'by which column? pid, state'],
    ['sessions', 'sort nope', 'no column "nope" here: pid, state'],
    ['sessions', 'recipe', 'which recipe? Recipes (5) lists them'],
    ['sessions', 'recipe nope', 'no recipe "nope": Recipes (5) lists them'],
  ] as const)('on %s says why it cannot: %s', (view, text, error) => {
    const shown = press(play(open(120, 24), read(10)).state, view === 'overview' ? '1' : '2');
    const typed = press(shown, ':', ...[...text].map(key => (key === ' ' ? 'space' : key)), 'enter');
    expect(screenOf(typed)).toContain(error);
    expect(typed.tables.overview?.filter).toBe('');
  });
});

describe('what is remembered for the next console', () => {
  it('is what was sorted and typed, not what Enter on a group or a finding filtered by', () => {
    const shown = play(start, read(1, 2)).state;
    const sorted = press(shown, '2', 's', '3', '/', ...'orders', 'enter');
    expect(rememberedOf(sorted)).toEqual({
      sessions: {sort: {column: 'application', isDescending: false}},
      statements: {filter: 'orders'},
    });
    expect(rememberedOf(press(shown, 'enter'))).toEqual({});
  });

  it('is restored where the view has that column, and where the user was not quicker', () => {
    const remembered = {
      sessions: {sort: {column: 'gone', isDescending: false}, filter: 'pid=101'},
      statements: {sort: {column: 'mean', isDescending: true}},
      overview: {filter: 'x'},
    };
    const {tables, notice} = play(start, read(1, 2), {kind: 'remembered', remembered}).state;
    expect([tables.sessions?.filter, tables.sessions?.sort.column]).toEqual(['pid=101', 'xact']);
    expect([tables.statements?.sort.column, tables.overview?.filter]).toEqual(['mean', '']);
    expect(notice?.text).toBe('filtered as last time: /pid=101 in sessions (Esc there shows all rows)');
    // What the start had to say stays beside it.
    const warned: Message = {kind: 'notice', notice: {text: 'ignored in the URL: x', severity: 'warning'}};
    expect(play(start, read(1, 2), warned, {kind: 'remembered', remembered}).state.notice).toEqual({
      text: expect.stringMatching(/^ignored in the URL: x; filtered as last time: /),
      severity: 'warning',
    });
    const typed = press(play(start, read(1, 2)).state, '2', '/', ...'idle');
    expect(play(typed, {kind: 'remembered', remembered}).state.tables.sessions?.filter).toBe('idle');
  });
});
