import {expect, it, onTestFinished, vi} from 'vitest';
import {bindings} from '../../source/console/input/keymap.ts';
import {isTooSmall} from '../../source/console/state/browsing.ts';
import type {Effect} from '../../source/console/state/state.ts';
import type {Message} from '../../source/console/store.ts';
import {viewOf} from '../../source/console/views/index.ts';
import {createRunState} from '../../source/core/engine/run-state.ts';
import {randomFrom} from '../../source/core/random.ts';
import {exampleServer} from '../helpers/identity.ts';
import {createBackend, createSnapshot, createStatement} from '../helpers/snapshot.ts';
import {createFinding, createRecipe, mount, open} from './played.ts';

const longText = `SELECT "漢字" 한글 ${'é한 '.repeat(30)}\u001b[2J\u0007 ${'x'.repeat(200)}`;
const start_ms = Date.parse('2026-01-01T12:00:00.000Z');

function snapshotAt(index: number) {
  const backends = Array.from({length: index % 7}, (_, pid) =>
    createBackend({pid: pid + 1, query: longText, application_name: '漢字', blocked_by: pid > 3 ? [1] : []}),
  );
  const statements = [createStatement({query: index % 2 === 0 ? longText : null})];
  return createSnapshot({at: new Date(start_ms + 2000 * index).toISOString(), backends, statements});
}

/** What effects answer; a test delivers it late, and in any order. */
function answersTo(effect: Effect): Message[] {
  switch (effect.kind) {
    case 'read-past': {
      const snapshots = [0, 1, 2].map(snapshotAt);
      const times = snapshots.map(({at}) => ({at_ms: Date.parse(at), severity: null}));
      return [{kind: 'past-read', times, snapshots, outage: null}];
    }
    case 'play-on':
      return [{kind: 'play-on'}];
    case 'format-statement':
      return [{kind: 'statement-formatted', id: effect.id, lines: [longText, longText]}];
    case 'describe-session':
      return [{kind: 'session-described', id: effect.id, lines: [longText]}];
    case 'explain':
      return [{kind: 'explained', id: effect.id, lines: [longText]}];
    case 'read-journal':
      return [{kind: 'journal-read', entries: [], problem: longText, unfinished: 1}];
    case 'execute-plan': {
      const run = createRunState(effect.plan, {
        ...{run: 'r', target: 't', server: exampleServer, plan_hash: 'h'},
      });
      return [
        {kind: 'run', run: {...run, phase: 'acting', current: 0}},
        {kind: 'run', run: {...run, phase: 'ended', status: 'done', reason: longText}},
      ];
    }
    default:
      return [];
  }
}

const recipes = [
  createRecipe({
    findings: () => [createFinding({summary: longText}), createFinding({severity: 'critical'})],
    summary: longText,
  }),
  createRecipe({id: 'terminate-sessions', steps: 12}),
];
const keys = [...new Set(bindings.flatMap(binding => binding.keys))].filter(key => !/^ctrl-[cz]$/.test(key));
const ways = ['5 j enter enter', '2 j K', '3 j enter', '1 a', '[', 'enter', 'ctrl-u y e s enter', 'escape'];
const sizes = [
  [80, 24],
  [40, 8],
  [1, 1],
  [100, 12],
] as const;

it.each([1, 2, 3, 4, 5, 6])('shows its place after any keys, snapshots, losses and resizes: %d', seed => {
  const random = randomFrom(seed);
  const oneOf = <Each>(of: readonly Each[]) => of[Math.floor(random() * of.length)] as Each;
  const warned = vi.spyOn(console, 'error').mockImplementation(() => {});
  onTestFinished(() => void vi.restoreAllMocks());
  const due: Message[] = [];
  const state = open(80, 24, {recipes, isProduction: seed === 2, targetName: 'yes'});
  const app = mount(state, effect => void due.push(...answersTo(effect)), {columns: 100, rows: 24});
  const actions: [times: number, act: (index: number) => void][] = [
    [6, () => app.play(oneOf(keys))],
    [4, () => app.play(...oneOf(ways).split(' '))],
    [2, () => app.play(...due.splice(Math.floor(random() * due.length), 1))],
    [1, index => app.play({kind: 'read', snapshot: snapshotAt(index), effective_interval_ms: 2000})],
    [1, () => app.play({kind: 'lost', message: longText, hint: longText, retry_in_ms: 3000})],
    [1, () => app.play({kind: 'resized', columns: oneOf(sizes)[0], rows: oneOf(sizes)[1]})],
  ];
  const weighted = actions.flatMap(([times, act]) => Array.from({length: times}, () => act));
  for (let index = 0; index < 100; index++) {
    oneOf(weighted)(index);
    const shown = app.state();
    if (isTooSmall(shown)) continue;
    const rows = app.rows();
    const where = `seed ${seed}, action ${index}`;
    expect(rows.slice(0, 3).join('\n'), where).toContain(viewOf(shown.view).title);
    const isConfirming = shown.overlay === null && shown.wizard?.stage === 'confirm';
    if (isConfirming || shown.overlay?.kind === 'prompt') expect(rows.join('\n'), where).toContain('▏');
    expect(shown.past !== null && shown.wizard !== null, where).toBe(false);
    expect(warned.mock.calls, where).toEqual([]);
  }
});
