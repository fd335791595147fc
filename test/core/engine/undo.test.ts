import {describe, expect, it} from 'vitest';
import {recheckUndo} from '../../../source/core/engine/drift.ts';
import {findRun, planUndo} from '../../../source/core/engine/undo.ts';
import type {JournalEntry} from '../../../source/model/journal-entry.ts';
import type {StepResult} from '../../../source/model/run.ts';
import type {SqlStep, Verification} from '../../../source/model/step.ts';
import {exampleServer} from '../../helpers/identity.ts';

const verification = (name: string): Verification => ({
  query: {text: name, values: []},
  expect: {column: 'is', op: '=', value: true},
});

const build: SqlStep = {
  kind: 'sql',
  title: 'build index a_idx',
  subject: 'index:public.a_idx',
  guard: verification('free'),
  settings: {lock_timeout: '5min'},
  apply: {text: 'CREATE INDEX CONCURRENTLY a_idx', values: []},
  undo: {
    apply: {text: 'DROP INDEX CONCURRENTLY a_idx', values: []},
    guard: verification('same'),
    verify: verification('gone'),
  },
  verify: verification('valid'),
  cleanup: {guard: verification('invalid'), apply: {text: 'DROP INDEX CONCURRENTLY a_idx', values: []}},
  progress: 'create_index',
  lock: 'share',
  transaction: false,
  timeout_ms: 0,
};

function journalOf(result: Partial<StepResult> | null): JournalEntry[] {
  const run = {
    event: 'run',
    run: 'abc',
    recipe: 'apply-indexes',
    params: {},
    at: 'then',
    actor: 'me',
    server: exampleServer,
  };
  const intent = {event: 'intent', run: 'abc', step: 0, content: build};
  const outcome = {event: 'outcome', run: 'abc', step: 0, ...result};
  return [run, intent, ...(result === null ? [] : [outcome])] as JournalEntry[];
}

const here = {server: exampleServer, acting_pid: null};
const undo = (result: Partial<StepResult> | null) => planUndo(findRun(journalOf(result), 'ab'), here);

describe('the undo of a build', () => {
  it.each<[string, Partial<StepResult> | null]>([
    ['that was verified', {outcome: 'verified'}],
    ['whose end is unknown', null],
  ])('%s drops the index if it is still the same, and can be undone in turn', (_title, result) => {
    const [step, ...others] = undo(result).steps;
    expect(others).toEqual([]);
    expect(step).toMatchObject({
      apply: {text: 'DROP INDEX CONCURRENTLY a_idx'},
      guard: verification('same'),
      verify: verification('gone'),
      undo: {apply: build.apply, guard: verification('free'), verify: verification('valid')},
    });
    expect(step).not.toHaveProperty('cleanup');
  });

  it('that failed removes only what its cleanup left', () => {
    expect(undo({outcome: 'failed'})).toMatchObject({
      steps: [],
      skipped: [{reason: expect.stringContaining('nothing')}],
    });
    expect(undo({outcome: 'failed', has_leftover: true})).toMatchObject({
      steps: [{title: 'clean up after: build index a_idx', guard: verification('invalid')}],
      skipped: [],
    });
  });
});

it('undo covers the steps that were done, not those skipped, failed or never started', () => {
  const content = (name: string) => ({...build, title: name, subject: `index:${name}`});
  const outcomes = ['verified', 'skipped', 'failed', 'applied', 'unknown'];
  const entries = [
    journalOf(null)[0],
    ...outcomes.flatMap((outcome, step) => [
      {event: 'intent', run: 'abc', step, content: content(outcome)},
      {event: 'outcome', run: 'abc', step, outcome},
    ]),
    // Skipped by the check right before it, so it has no intent.
    {event: 'outcome', run: 'abc', step: outcomes.length, outcome: 'skipped'},
  ] as JournalEntry[];
  const {steps, skipped} = planUndo(findRun(entries, 'abc'), here);
  expect(steps.map(({title}) => title)).toEqual(['undo: unknown', 'undo: applied', 'undo: verified']);
  expect(skipped).toEqual([
    {subject: 'index:failed', description: 'failed', reason: 'it failed, so it changed nothing'},
    {subject: 'index:skipped', description: 'skipped', reason: 'it was skipped: nothing was changed'},
  ]);
});

it('undo covers no step twice, unless its undo was undone', () => {
  const done = journalOf({outcome: 'verified'});
  const undoing = (run: string, undoes: string, entries: JournalEntry[]) => {
    const [content] = planUndo(findRun(entries, undoes), here).steps;
    const [first] = done;
    return [
      {...first, run, undoes},
      {event: 'intent', run, step: 0, content},
      {event: 'outcome', run, step: 0, outcome: 'verified'},
    ] as JournalEntry[];
  };
  const undone = [...done, ...undoing('def', 'abc', done)];
  expect(planUndo(findRun(undone, 'abc'), here)).toMatchObject({
    steps: [],
    skipped: [{reason: expect.stringContaining('already undone by run def')}],
  });
  const redone = [...undone, ...undoing('fed', 'def', undone)];
  expect(planUndo(findRun(redone, 'abc'), here).steps).toHaveLength(1);
});

it("undo uses a step's first outcome, because older journals may contain two", () => {
  const entries = [...journalOf({outcome: 'failed'}), ...journalOf({outcome: 'verified'}).slice(2)];
  expect(planUndo(findRun(entries, 'abc'), here)).toMatchObject({
    steps: [],
    skipped: [{reason: 'it failed, so it changed nothing'}],
  });
});

it('a previewed undo is compared with the current journal', async () => {
  const step = undo({outcome: 'verified'}).steps[0];
  if (step === undefined) throw new Error('there is an undo');
  const recheck = (result: Partial<StepResult> | null) =>
    recheckUndo('abc', journalOf(result), {server: exampleServer, host: undefined})(step);
  expect(await recheck({outcome: 'verified'})).toEqual({kind: 'go'});
  expect(await recheck({outcome: 'failed'})).toEqual({
    kind: 'stop',
    reason: 'the journal changed since the preview: "undo: build index a_idx" is no longer planned',
  });
});

it('undo ends for a forged run that undoes itself', () => {
  const entries = journalOf({outcome: 'verified'});
  const forged = entries.map(entry => (entry.event === 'run' ? {...entry, undoes: entry.run} : entry));
  expect(planUndo(findRun(forged, 'ab'), here).steps).toHaveLength(1);
});

it('undo finds a run by a unique prefix of its id', () => {
  const entries = ['abc', 'abd'].flatMap(run => journalOf(null).map(entry => ({...entry, run})));
  expect(findRun(entries, 'abd').run.run).toBe('abd');
  expect(() => findRun(entries, 'ab')).toThrow('matches several runs');
  expect(() => findRun(entries, 'x')).toThrow('no run');
});

it("undo reverses a file's diff, with removed lines still before added ones", () => {
  const step = {
    kind: 'file',
    title: 'Set it, then restart',
    subject: 'file:/a',
    path: '/a',
    change: {kind: 'replace', before: 'a\nb', after: 'c\nd'},
    diff: [' head', '-a', '-b', '+c', '+d', ' tail', '-e', '+f', '-g', '+h'],
  };
  const entries = [
    {event: 'run', run: 'abc', recipe: 'tune', params: {}, at: 'then', actor: 'me'},
    {event: 'intent', run: 'abc', step: 0, content: step},
  ] as JournalEntry[];
  expect(planUndo(findRun(entries, 'abc'), here).steps).toMatchObject([
    {
      title: 'undo: Set it, then restart',
      change: {before: 'c\nd', after: 'a\nb'},
      diff: [' head', '-c', '-d', '+a', '+b', ' tail', '-f', '-h', '+e', '+g'],
    },
  ]);
});

describe('a file changed on another machine', () => {
  const file = {
    kind: 'file',
    title: 'Set it',
    subject: 'file:/a',
    path: '/a',
    change: {kind: 'replace', before: 'a', after: 'b'},
    diff: ['-a', '+b'],
  };
  const journal = (steps: unknown[], process?: {host: string}) =>
    [
      {event: 'run', run: 'abc', recipe: 'tune', params: {}, at: 'then', actor: 'me@there', process},
      ...steps.map((content, step) => ({event: 'intent', run: 'abc', step, content})),
    ] as JournalEntry[];
  const plan = (entries: JournalEntry[], host: string) => planUndo(findRun(entries, 'abc'), {...here, host});

  it('is restored on that machine', () => {
    expect(plan(journal([file]), 'there').steps).toHaveLength(1);
    expect(plan(journal([file], {host: 'pod-1'}), 'pod-1').steps).toHaveLength(1);
  });

  it.each([
    ['by its process', journal([file], {host: 'pod-1'}), /pod-1.*there/],
    ['by the actor of an older journal', journal([file]), /there.*elsewhere/],
  ])('is not restored on this machine: exit 6, identified %s', (_, entries, message) => {
    const undoing = () =>
      plan(entries, entries.some(each => 'process' in each && each.process) ? 'there' : 'elsewhere');
    expect(undoing).toThrow(message);
    expect(undoing).toThrow(expect.objectContaining({exitCode: 6}));
  });

  it('is skipped while the steps on the server are undone', () => {
    expect(plan(journal([build, file]), 'elsewhere')).toMatchObject({
      steps: [{kind: 'sql'}],
      skipped: [{subject: 'file:/a', reason: 'the file is on there, and this is elsewhere'}],
    });
  });
});
