import {createHash} from 'node:crypto';
import {expect, it} from 'vitest';
import {execute} from '../../../source/core/engine/execute.ts';
import {createRunState, describeInterruption} from '../../../source/core/engine/run-state.ts';
import type {JournalDraft, JournalEntry} from '../../../source/model/journal-entry.ts';
import type {EnginePorts} from '../../../source/model/ports.ts';
import type {Plan} from '../../../source/model/recipe.ts';
import type {RunState} from '../../../source/model/run.ts';
import type {SqlStep} from '../../../source/model/step.ts';
import {exampleServer} from '../../helpers/identity.ts';

/** A server's error, with the SQLSTATE of a statement that was cancelled. */
const cancelled = () =>
  Object.assign(new Error('canceling statement due to user request'), {code: '57014', severity: 'ERROR'});

function createStep(overrides: Partial<SqlStep> = {}): SqlStep {
  const query = {text: 'SELECT 1', values: []};
  return {
    kind: 'sql',
    title: 'analyze orders',
    subject: 'table:orders',
    apply: query,
    undo: 'irreversible',
    verify: {query, expect: {column: 'remaining', op: '=', value: 0}},
    lock: 'none',
    transaction: false,
    timeout_ms: 0,
    ...overrides,
  };
}

function planOf(...steps: SqlStep[]): Plan {
  return {
    recipe: 'test',
    params: {},
    explanation: [],
    steps,
    skipped: [],
    batch_size: 10,
    pause_ms: 0,
    slots_freed: 0,
    watch_groups: [],
  };
}

type Server = {
  /** Number of cancels after which the step ends; Infinity: it never does. */
  cancelsNeeded?: number;
  /** The step ends by itself after this time of the engine's clock. */
  endsAfter_ms?: number;
  isVerified?: boolean;
};

/** An engine whose clock advances only while it sleeps, and whose only step runs until it is cancelled. */
function interrupted(step: SqlStep, {cancelsNeeded = 1, endsAfter_ms, isVerified = false}: Server) {
  const ending = new AbortController();
  const drafts: JournalDraft[] = [];
  const cancels: number[] = [];
  let time = 0;
  const waiting: {at: number; wake(): void}[] = [];
  let fail = (_: Error) => {};
  const sleep = (ms: number, signal?: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      if (signal?.aborted) reject(signal.reason);
      signal?.addEventListener('abort', () => reject(signal.reason));
      waiting.push({at: time + ms, wake: resolve});
    });
  const ports: EnginePorts = {
    executor: {
      bind: () => {},
      apply: () =>
        new Promise((resolve, reject) => {
          fail = reject;
          if (endsAfter_ms !== undefined)
            waiting.push({at: endsAfter_ms, wake: () => resolve({row_count: 1, rows: []})});
          ending.abort();
        }),
      verify: async () => isVerified,
      read: async () => [],
      async cancel() {
        cancels.push(time);
        if (cancels.length >= cancelsNeeded) fail(cancelled());
      },
      close: async () => {},
    },
    journal: {
      file: 'memory',
      async append(draft) {
        drafts.push(draft);
        return {...draft, schema_version: 1, seq: 1, at: '', hash: '', previous: ''} as JournalEntry;
      },
      read: async () => [],
    },
    clock: {now: () => new Date(time), sleep},
    sha256: text => createHash('sha256').update(text).digest('hex'),
    slots: async () => ({used: 1, headroom: 9, groups: []}),
  };
  const ended = (async () => {
    const identity = {run: 'r', actor: 'ann@laptop', target: 't', server: exampleServer};
    let last: RunState | undefined;
    for await (const state of execute(planOf(step), identity, ports, ending.signal)) last = state;
    return last as RunState;
  })();
  /** Lets pending promises settle, then wakes the earliest sleeper; repeats until the run has ended. */
  const run = async () => {
    let state: RunState | undefined;
    void ended.then(last => {
      state = last;
    });
    for (;;) {
      for (let turn = 0; turn < 5; turn++) await new Promise(resolve => setImmediate(resolve));
      if (state !== undefined) return {state, drafts, cancels, time};
      waiting.sort((a, b) => a.at - b.at);
      const next = waiting.shift();
      if (next === undefined) throw new Error('nothing goes on any more');
      time = Math.max(time, next.at);
      next.wake();
    }
  };
  return run();
}

const outcomes = (drafts: readonly JournalDraft[]) =>
  drafts.flatMap(draft => (draft.event === 'outcome' ? [draft.outcome] : []));

it('an interruption cancels a step with a progress view at once and reports it as failed', async () => {
  const {state, drafts, cancels} = await interrupted(createStep({progress: 'analyze'}), {});
  expect(cancels).toEqual([0]);
  expect(outcomes(drafts)).toEqual(['failed']);
  expect(drafts.at(-1)).toMatchObject({event: 'end', status: 'interrupted'});
  expect(state).toMatchObject({status: 'interrupted', exit_code: 130});
});

it('the outcome of a cancelled drop says that it may leave an invalid index', async () => {
  const {drafts} = await interrupted(createStep({progress: 'drop_index'}), {});
  expect(drafts.at(-2)).toMatchObject({
    message: expect.stringMatching(/may be left invalid: repair-invalid/),
  });
});

it('an interruption lets a short step finish without a cancel', async () => {
  const {state, drafts, cancels} = await interrupted(createStep(), {endsAfter_ms: 900, isVerified: true});
  expect([cancels, outcomes(drafts)]).toEqual([[], ['verified']]);
  expect(state.status).toBe('done');
});

it('an interruption cancels a step without a progress view after one second', async () => {
  const {state, cancels, drafts} = await interrupted(createStep({transaction: true}), {});
  expect(cancels).toEqual([1000]);
  expect(outcomes(drafts)).toEqual(['failed']);
  expect(state.exit_code).toBe(130);
});

it('an interruption cancels again if the first cancel arrived between two statements', async () => {
  const {cancels, drafts} = await interrupted(createStep({progress: 'create_index'}), {cancelsNeeded: 2});
  expect(cancels).toEqual([0, 2000]);
  expect(outcomes(drafts)).toEqual(['failed']);
});

it('if the server does not answer, an interrupted run ends: the intent stays open, the end is journaled', async () => {
  const {state, drafts, time} = await interrupted(createStep({progress: 'create_index'}), {
    cancelsNeeded: Number.POSITIVE_INFINITY,
  });
  expect(time).toBe(7000);
  expect(drafts.map(({event}) => event)).toEqual(['run', 'intent', 'end']);
  expect(drafts.at(-1)).toMatchObject({
    status: 'interrupted',
    reason: expect.stringMatching(/did not answer in time.*whether it took effect is unknown/),
  });
  expect(state.exit_code).toBe(130);
  expect(describeInterruption(state)).toBe(
    'run r interrupted: 0 of 1 step done; step 1 unknown: check the server',
  );
});

it('the message of an interrupted run describes what happened to each step', () => {
  const titles = [1, 2, 3, 4, 5, 6].map(each => createStep({title: `step ${each}`}));
  const state = createRunState(planOf(...titles), {
    run: '1a2b',
    target: 't',
    server: exampleServer,
    plan_hash: 'h',
  });
  const result = {row_count: 0, sqlstate: null, message: null, duration_ms: 1};
  const ended = [
    {outcome: 'verified'},
    {outcome: 'skipped'},
    {outcome: 'failed', sqlstate: '42501'},
    {outcome: 'failed', sqlstate: '57014', has_leftover: true},
    {outcome: 'unknown'},
  ] as const;
  const steps = state.steps.map((step, index) => {
    const outcome = ended[index];
    return outcome === undefined
      ? step
      : {...step, status: 'ended' as const, result: {...result, ...outcome}};
  });
  expect(describeInterruption({...state, steps, status: 'interrupted'})).toBe(
    [
      'run 1a2b interrupted: 1 of 6 steps done',
      'step 3 failed',
      'step 4 cancelled, leaving something behind',
      'step 5 ended, whether by poolctl is unknown',
      '1 skipped',
      '1 not started',
    ].join('; '),
  );
});
