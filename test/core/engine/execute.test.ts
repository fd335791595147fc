import {describe, expect, it} from 'vitest';
import {execute} from '../../../source/core/engine/execute.ts';
import {AbortError, exitCodes} from '../../../source/core/errors.ts';
import type {JournalDraft} from '../../../source/model/journal-entry.ts';
import type {EnginePorts} from '../../../source/model/ports.ts';
import type {Plan} from '../../../source/model/recipe.ts';
import type {RunState} from '../../../source/model/run.ts';
import type {Step} from '../../../source/model/step.ts';
import {exampleServer} from '../../helpers/identity.ts';
import {createPlan, createPorts, group, type PortBehaviour, slotUsage} from './engine-ports.ts';

const identity = {run: 'r1', actor: 'me@here', target: 'db:5432/shop', server: exampleServer};

async function run(plan: Plan, ports: EnginePorts, signal?: AbortSignal): Promise<RunState> {
  let last: RunState | undefined;
  for await (const state of execute(plan, identity, ports, signal)) last = state;
  if (!last) throw new Error('no state');
  return last;
}

function serverError(code: string, message: string): Error {
  return Object.assign(new Error(message), {code, severity: 'ERROR'});
}

describe('execute', () => {
  it('writes each intent before its step and each outcome after it, and pauses between batches', async () => {
    const {ports, calls} = createPorts({slots: async () => slotUsage(calls.includes('apply 1') ? 5 : 7)});
    const state = await run(createPlan(4), ports);
    expect(calls).toEqual([
      ...['slots', 'run'],
      ...['intent 0', 'apply 1', 'verify 1', 'outcome 0 verified'],
      // What ends with the first session is looked at before the second.
      ...['sleep 500', 'slots'],
      ...['intent 1', 'apply 2', 'verify 2', 'outcome 1 verified'],
      ...['sleep 500', 'slots'],
      ...['intent 2', 'apply 3', 'verify 3', 'outcome 2 verified'],
      ...['intent 3', 'apply 4', 'verify 4', 'outcome 3 verified'],
      ...['close', 'slots', 'end done'],
    ]);
    expect(state).toMatchObject({
      phase: 'ended',
      status: 'done',
      exit_code: 0,
      before: {used: 8},
      after: {used: 6},
    });
  });

  it('says that a command may be in force which PgBouncer did not answer, and does not show', async () => {
    const console = {pooler: 'bouncer'};
    const query = {text: 'SHOW DATABASES', values: [], console};
    const guard = {query, expect: {column: 'paused', op: '=', value: 1}} as const;
    const [step] = createPlan(1).steps;
    const pause = {
      ...step,
      apply: {text: 'PAUSE "shop"', values: [], console},
      cleanup: {guard, apply: {text: 'RESUME "shop"', values: [7], console}},
    } as Step;
    const outcomes: JournalDraft[] = [];
    const outcomeOf = async (code: string) => {
      const {ports} = createPorts({
        apply: async pid => {
          if (pid === 7) return 0;
          throw serverError(code, 'not done within 5 s');
        },
        append: async draft => void outcomes.push(draft),
      });
      await run(createPlan(1, {steps: [pause]}), ports);
      return outcomes.findLast(({event}) => event === 'outcome');
    };
    expect(await outcomeOf('55P03')).toMatchObject({
      outcome: 'failed',
      has_leftover: true,
      message: 'not done within 5 s; PgBouncer does not show it, and PAUSE may still be in force: look there',
    });
    expect(await outcomeOf('42501')).toMatchObject({message: 'not done within 5 s'});
    expect(outcomes.at(-2)).not.toHaveProperty('has_leftover');
  });

  it('executes and records nothing where the user forbids every act', async () => {
    const {ports, calls} = createPorts();
    const state = await run(createPlan(2), {...ports, read_only: '--read-only'});
    expect(calls).toEqual(['close']);
    expect(state).toMatchObject({
      status: 'failed',
      exit_code: 2,
      reason: 'poolctl is read-only here (--read-only): nothing was changed',
    });
  });

  it('reads the harm that it answers once its connection is closed, and journals it with the end', async () => {
    const before = {
      kind: 'waiting' as const,
      cause: 'x',
      subject: 's',
      before: {summary: 'two wait', sessions: 2},
    };
    const after = {state: 'gone' as const, summary: null, sessions: 0, readings: 3, over_ms: 2000};
    const drafts: JournalDraft[] = [];
    const {ports, calls} = createPorts({append: async draft => void drafts.push(draft)});
    const harm = {
      before: [{...before, after: null}],
      async after() {
        calls.push('harm');
        return [after];
      },
    };
    const phases: string[] = [];
    for await (const state of execute(createPlan(1), identity, {...ports, harm})) phases.push(state.phase);
    expect(phases.slice(-2)).toEqual(['observing', 'ended']);
    expect(calls.slice(-5)).toEqual(['close', 'harm', 'close', 'slots', 'end done']);
    expect(drafts.at(-1)).toMatchObject({event: 'end', harm: [{...before, after}]});

    // Neither a server that cannot be read nor Ctrl-C meanwhile changes how the run ended.
    const lost = {...harm, after: () => Promise.reject(new Error('lost'))};
    expect(await run(createPlan(1), {...ports, harm: lost})).toMatchObject({
      status: 'done',
      harm: [{...before, after: null}],
    });
    const stop = new AbortController();
    const endless = {
      ...harm,
      after() {
        stop.abort();
        return new Promise<never>(() => {});
      },
    };
    expect(await run(createPlan(1), {...ports, harm: endless}, stop.signal)).toMatchObject({status: 'done'});
  });

  it('does not read the harm where nothing was done', async () => {
    const {ports, calls} = createPorts({apply: async () => 0});
    const after = async () => {
      calls.push('harm');
      return [];
    };
    expect(await run(createPlan(1), {...ports, harm: {before: [], after}})).toMatchObject({exit_code: 6});
    expect(calls).not.toContain('harm');
  });

  it('does nothing when the journal cannot be written', async () => {
    const append = async () => {
      throw new AbortError('cannot write the journal', {hint: 'name another', exitCode: exitCodes.journal});
    };
    const {ports, calls} = createPorts({append});
    const state = await run(createPlan(1), ports);
    expect(calls).toEqual(['slots', 'close']);
    expect(state).toMatchObject({
      status: 'failed',
      exit_code: 8,
      hint: 'name another',
      steps: [{result: null}],
    });
  });

  it('stops after a step whose outcome cannot be journaled, and still reports it', async () => {
    const append = async ({event}: JournalDraft) => {
      if (event === 'outcome') throw new AbortError('disk full', {exitCode: exitCodes.journal});
    };
    const {ports, calls} = createPorts({append});
    const state = await run(createPlan(2), ports);
    expect(calls).toEqual(['slots', 'run', 'intent 0', 'apply 1', 'verify 1', 'close']);
    expect(state).toMatchObject({exit_code: 8, steps: [{result: {outcome: 'verified'}}, {result: null}]});
  });

  it.each<[string, Partial<PortBehaviour>, string[], number]>([
    ['all verified', {}, ['verified', 'verified'], 0],
    ['no guard matched', {apply: async () => 0}, ['skipped', 'skipped'], 6],
    [
      'one had changed',
      {apply: async pid => pid - 1, verify: async pid => pid > 1},
      ['skipped', 'verified'],
      7,
    ],
    ['one was so already', {apply: async pid => pid - 1}, ['skipped', 'verified'], 0],
    ['not verified in time', {verify: async () => false}, ['applied', 'applied'], 7],
    ['not verifiable', {verify: () => Promise.reject(new Error('gone'))}, ['applied', 'applied'], 7],
    ['all refused', {apply: () => Promise.reject(serverError('42501', 'denied'))}, ['failed', 'failed'], 5],
    [
      'one refused',
      {apply: async pid => (pid === 1 ? Promise.reject(serverError('42501', 'denied')) : 1)},
      ['failed', 'verified'],
      7,
    ],
    ['one broken', {apply: () => Promise.reject(serverError('XX000', 'oops'))}, ['failed', 'failed'], 7],
    [
      // The session may have ended on its own.
      'timed out, session gone',
      {apply: () => Promise.reject(serverError('57014', 'canceling'))},
      ['unknown', 'unknown'],
      7,
    ],
    [
      'connection lost, session gone',
      {apply: () => Promise.reject(new Error('ECONNRESET'))},
      ['unknown', 'unknown'],
      7,
    ],
    [
      'protected since the preview',
      {recheck: async () => ({kind: 'skip', reason: 'a dump'})},
      ['skipped', 'skipped'],
      6,
    ],
  ])('records the outcome: %s', async (_, behaviour, outcomes, exit_code) => {
    const {ports} = createPorts({slots: async () => slotUsage(0), ...behaviour});
    const state = await run(createPlan(2), ports);
    expect(state.steps.map(({result}) => result?.outcome)).toEqual(outcomes);
    expect(state.exit_code).toBe(exit_code);
  });

  it('stops without executing a step that is no longer planned', async () => {
    const {ports, calls} = createPorts({
      recheck: async step =>
        step.subject === 'backend:2' ? {kind: 'stop', reason: 'changed'} : {kind: 'go'},
    });
    const state = await run(createPlan(3), ports);
    expect(calls.filter(call => call.startsWith('apply'))).toEqual(['apply 1']);
    expect(state).toMatchObject({phase: 'ended', reason: expect.stringContaining('changed')});
    expect(state.steps.map(({result}) => result?.outcome)).toEqual(['verified', undefined, undefined]);
    const untouched = createPorts({recheck: async () => ({kind: 'stop', reason: 'changed'})});
    expect(await run(createPlan(3), untouched.ports)).toMatchObject({exit_code: exitCodes.drift});
    expect(untouched.calls.filter(call => /^(apply|intent)/.test(call))).toEqual([]);
  });

  it('after a lost connection, reports a step as verified if only the step can cause the effect', async () => {
    const {ports} = createPorts({apply: () => Promise.reject(new Error('ECONNRESET'))});
    const plan = createPlan(1);
    const steps = plan.steps.map(step => ({...step, subject: 'role:app'}));
    expect(await run({...plan, steps}, ports)).toMatchObject({
      exit_code: 0,
      steps: [{result: {outcome: 'verified', message: 'connection lost during execution, but verified'}}],
    });
  });

  it('records no outcome if the effect is unknown', async () => {
    const {ports, calls} = createPorts({
      apply: () => Promise.reject(Object.assign(new Error('write EPIPE'), {code: 'EPIPE'})),
      verify: () => Promise.reject(new Error('no connection')),
    });
    const state = await run(createPlan(2), ports);
    expect(calls).toEqual([
      'slots',
      'run',
      'intent 0',
      'apply 1',
      'verify 1',
      'close',
      'slots',
      'end failed',
    ]);
    expect(state).toMatchObject({exit_code: 7, reason: expect.stringContaining('unknown')});
  });

  it('stops if an error occurs before anything is sent', async () => {
    const error = new AbortError('no slot left', {hint: 'wait', exitCode: exitCodes.noSlot});
    const {ports} = createPorts({apply: () => Promise.reject(error)});
    const state = await run(createPlan(2), ports);
    expect(state).toMatchObject({
      exit_code: 4,
      hint: 'wait',
      steps: [{result: {outcome: 'failed'}}, {result: null}],
    });
  });

  it('stops at the first failure unless the plan continues on failure', async () => {
    const {ports} = createPorts({apply: () => Promise.reject(serverError('55P03', 'lock timeout'))});
    const {on_failure: _, ...plan} = createPlan(2);
    const state = await run(plan, ports);
    expect(state).toMatchObject({
      status: 'failed',
      exit_code: 7,
      steps: [{result: {sqlstate: '55P03'}}, {result: null}],
    });
  });

  it.each([
    ['as many again', 7, 'stopped', 7],
    ['more than before', 9, 'stopped', 7],
    ['fewer', 6, 'done', 0],
  ])('stops if an application reconnects: %s', async (_, count, status, exit_code) => {
    const {ports, calls} = createPorts({
      slots: async () => slotUsage(calls.includes('sleep 500') ? count : 7),
    });
    const state = await run(createPlan(4), ports);
    expect(state).toMatchObject({status, exit_code});
    // Not after the first session alone: one new session may be chance.
    expect(calls.filter(call => call.startsWith('apply'))).toHaveLength(status === 'done' ? 4 : 2);
  });

  it.each([
    // [what, sessions before, after the first was ended, steps executed, reason]
    ['all others', 7, 0, 1, '6 of 6 other sessions of web/app@10.0.0.1 ended with the first one'],
    [
      'a quarter of the others',
      9,
      6,
      1,
      '2 of 8 other sessions of web/app@10.0.0.1 ended with the first one',
    ],
    ['one of two others', 3, 1, 4, null],
    ['fewer than a quarter', 21, 16, 4, null],
    ['none', 7, 6, 4, null],
  ])('stops if other sessions end with the first one: %s', async (_, before, after, executed, reason) => {
    const {ports, calls} = createPorts({
      slots: async () => slotUsage(calls.includes('sleep 500') ? after : before),
    });
    const state = await run(createPlan(4), ports);
    expect(state.reason).toBe(reason);
    expect(state.status).toBe(reason === null ? 'done' : 'stopped');
    expect(calls.filter(call => call.startsWith('apply'))).toHaveLength(executed);
  });

  it('looks after the first session that is ended, and once for each group', async () => {
    const other = {...group, application_name: 'job'};
    const skips = async (step: Step) =>
      step.subject === 'backend:1' ? ({kind: 'skip', reason: 'changed'} as const) : ({kind: 'go'} as const);
    const {ports, calls} = createPorts({
      recheck: skips,
      slots: async () => ({
        ...{used: 9, headroom: 9},
        groups: [
          {...group, count: 5},
          {...other, count: calls.includes('apply 3') ? 0 : 4},
        ],
      }),
    });
    const watch_groups = [
      {...group, steps: [0, 1]},
      {...other, steps: [2, 3]},
    ];
    const state = await run(createPlan(4, {watch_groups, batch_size: 10}), ports);
    expect(state.reason).toBe('3 of 3 other sessions of job/app@10.0.0.1 ended with the first one');
    expect(calls.filter(call => call.startsWith('apply'))).toEqual(['apply 2', 'apply 3']);
  });

  it('does not report a reconnect for a group whose sessions were not ended', async () => {
    const {ports} = createPorts();
    const state = await run(createPlan(3, {watch_groups: [{...group, steps: [2]}]}), ports);
    expect(state.steps.map(({result}) => result?.outcome)).toEqual(['verified', 'verified', 'verified']);
  });

  it('journals the end of a run when its consumer stops iterating', async () => {
    const {ports, calls} = createPorts();
    for await (const {phase} of execute(createPlan(2), identity, ports)) if (phase === 'verifying') break;
    expect(calls.slice(-3)).toEqual(['close', 'slots', 'end interrupted']);
  });

  it('does nothing when interrupted before it starts', async () => {
    const {ports, calls} = createPorts();
    const state = await run(createPlan(1), ports, AbortSignal.abort());
    expect(calls).toEqual(['close']);
    expect(state.exit_code).toBe(130);
  });

  it('continues when slot usage cannot be read', async () => {
    const {ports} = createPorts({slots: () => Promise.reject(new Error('lost'))});
    expect(await run(createPlan(3), ports)).toMatchObject({exit_code: 0, before: null, after: null});
  });
});
