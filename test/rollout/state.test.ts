import {describe, expect, it} from 'vitest';
import type {JournalEntry, StagePhase} from '../../source/model/journal-entry.ts';
import type {RolloutPlan} from '../../source/rollout/plan.ts';
import {applyStageEvent, lastRollout, newRollout, nextTask} from '../../source/rollout/state.ts';

const stage = {
  name: 'a',
  target: null,
  promote: 'true',
  rollback: 'true',
  command_timeout_ms: 1000,
  approval: false,
  watch: {for_ms: 1000, every_ms: 500, sustain_ms: 0},
  limits: {},
  baseline: null,
  pooler: null,
};
const plan: RolloutPlan = {
  name: 'web',
  stages: [stage, {...stage, name: 'b', approval: true}, {...stage, name: 'c', watch: null}],
};
type PhaseEvent = [stage: number, phase: StagePhase];

function taskAfter(events: readonly PhaseEvent[]) {
  const state = newRollout('r', plan.stages.length);
  for (const [index, phase] of events) applyStageEvent(state, {stage: index, phase, detail: null});
  return nextTask(plan, state);
}

const first: PhaseEvent[] = [
  [0, 'promoting'],
  [0, 'promoted'],
  [0, 'watching'],
  [0, 'passed'],
];
const second: PhaseEvent[] = [...first, [1, 'approved'], [1, 'promoting'], [1, 'promoted'], [1, 'watching']];

describe('the next task', () => {
  it.each<[string, PhaseEvent[], object]>([
    ['at first', [], {kind: 'promote', stage: 0}],
    ['after a promotion', first.slice(0, 2), {kind: 'watch', stage: 0}],
    ['in an interrupted promotion', first.slice(0, 1), {kind: 'promote', stage: 0}],
    ['in an interrupted watch', first.slice(0, 3), {kind: 'watch', stage: 0}],
    ['before a stage that needs approval', first, {kind: 'approve', stage: 1}],
    ['after the approval', [...first, [1, 'approved']], {kind: 'promote', stage: 1}],
    [
      'in a stage without watch',
      [...second, [1, 'passed'], [2, 'promoting'], [2, 'promoted']],
      {kind: 'pass', stage: 2},
    ],
    ['after a stage failed', [...second, [1, 'failed']], {kind: 'roll back', stage: 1}],
    ['after its rollback', [...second, [1, 'failed'], [1, 'rolled back']], {kind: 'roll back', stage: 0}],
    [
      'in an interrupted rollback',
      [...second, [1, 'failed'], [1, 'rolling back']],
      {kind: 'roll back', stage: 1},
    ],
    [
      'after a rollback that failed',
      [...second, [1, 'failed'], [1, 'not rolled back'], [0, 'rolled back']],
      {kind: 'end', is_failed: true},
    ],
    [
      'after the last stage',
      [...second, [1, 'passed'], [2, 'promoted'], [2, 'passed']],
      {kind: 'end', is_failed: false},
    ],
  ])('%s', (_, events, task) => {
    expect(taskAfter(events)).toEqual(task);
  });
});

describe('the last rollout of a plan', () => {
  const entry = (run: string, event: object) => ({run, ...event}) as JournalEntry;
  const start = (run: string, hash: string) =>
    entry(run, {event: 'rollout', plan: hash, stages: ['a', 'b', 'c']});
  const stageEntry = (run: string, phase: StagePhase, seen_ms = 0) =>
    entry(run, {event: 'stage', stage: 0, phase, detail: null, seen_ms});

  it('is found by its hash, with its progress', () => {
    const entries = [
      start('r1', 'this'),
      stageEntry('r1', 'failed'),
      entry('r1', {event: 'end', status: 'stopped'}),
      start('r2', 'this'),
      stageEntry('r2', 'watching', 700),
      start('r3', 'that'),
      stageEntry('r3', 'passed'),
    ];
    expect(lastRollout(entries, 'this')).toMatchObject({
      run: 'r2',
      ended: null,
      failed: null,
      stages: [{phase: 'watching', seen_ms: 700}, {phase: null}, {phase: null}],
    });
    expect(lastRollout(entries.slice(0, 3), 'this')).toMatchObject({
      run: 'r1',
      ended: 'stopped',
      failed: 0,
    });
    expect(lastRollout(entries, 'another')).toBeNull();
  });
});
