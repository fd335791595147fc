import {describe, expect, it} from 'vitest';
import {
  answeredBy,
  describeAfter,
  harmPort,
  harmSince,
  watchHarm,
  withAfter,
} from '../../../source/core/assessment/recovery.ts';
import {samplesOf} from '../../../source/core/assessment/samples.ts';
import {noDiagnosisData} from '../../../source/core/recipe/diagnose.ts';
import type {Finding, HarmKind} from '../../../source/model/recipe.ts';
import type {HarmAfter, RunHarm} from '../../../source/model/run.ts';
import {createFinding, createPlan, createStep} from '../../console/played.ts';
import {createBackend, createSnapshot} from '../../helpers/snapshot.ts';

const harmOf = (kind: HarmKind) => ({kind, sessions: 2, share: 1, since: null});
const jam = createFinding({
  recipe: 'release-blockers',
  subject: 'backend:9',
  cause: 'idle-blocker',
  harm: harmOf('waiting'),
  explains: ['backend:9', 'backend:1', 'backend:2', 'application:web/role:app'],
  acts: [{recipe: 'release-blockers', params: {pid: '9'}, title: '', frees: null, costs: ''}],
});

describe('the findings that a plan answers', () => {
  const plan = createPlan(0, {recipe: 'release-blockers', params: {pid: '9', waited_for: '5s'}});

  it('are those with harm that it was opened from, whose subject it changes, or whose act it is', () => {
    expect(answeredBy(plan, [jam])).toEqual([jam]);
    expect(answeredBy({...plan, params: {pid: '8'}}, [jam])).toEqual([]);
    expect(answeredBy({...plan, params: {pid: '8'}}, [jam], () => true)).toEqual([jam]);
    expect(answeredBy(createPlan(0, {steps: [createStep(2)]}), [jam])).toEqual([jam]);
    expect(answeredBy(createPlan(1), [jam])).toEqual([]);
    expect(answeredBy({...plan, params: {pid: '8, 9'}}, [jam])).toEqual([jam]);
    // Without pid it is the sessions of its steps.
    expect(answeredBy({...plan, params: {pid: ''}}, [jam])).toEqual([]);
    const act = {recipe: 'analyze', params: {tables: 'public.a'}, title: '', frees: null, costs: ''};
    const stale = createFinding({subject: 'statement:1', harm: harmOf('slow'), acts: [act]});
    const answers = (tables: string) =>
      answeredBy(createPlan(0, {recipe: 'analyze', params: {tables}}), [stale]);
    expect([answers(''), answers('public.b,public.a'), answers('public.b')]).toEqual([[stale], [stale], []]);
    const {harm: _, ...harmless} = jam;
    expect(answeredBy(plan, [harmless], () => true)).toEqual([]);
  });
});

/** Readings a second apart, in which sessions 1 and 2 wait for these. */
function readings(count: number, waiting: Record<number, number> = {}, age_ms = 7000) {
  const waits = Object.entries(waiting).map(([pid, holder]) => ({pid: Number(pid), holder}));
  return Array.from({length: count}, (_, second) =>
    createSnapshot({
      at: `2026-01-01T00:00:0${second}.000000Z`,
      backends: [1, 2, 9, 10].map(pid =>
        createBackend({
          pid,
          state: waiting[pid] === undefined ? 'idle in transaction' : 'active',
          state_age_ms: 100,
          blocked_by: waiting[pid] === undefined ? [] : [waiting[pid]],
          wait_event_type: waiting[pid] === undefined ? 'Client' : 'Lock',
        }),
      ),
      lock_waits: waits.map(({pid, holder}) => ({
        pid,
        blocked_by: [holder],
        holders: [],
        locktype: 'relation',
        mode: 'RowExclusiveLock',
        relation: 'public.orders',
        object: 'relation public.orders',
        wait_age_ms: age_ms,
      })) as never,
    }),
  );
}

function since(before: Finding, snapshots: ReturnType<typeof readings>, areFactsNew = true): HarmAfter[] {
  const snapshot = snapshots.at(-1) ?? createSnapshot({});
  const samples = samplesOf(snapshots);
  return harmSince([before], {recipes: [], snapshot, samples, data: noDiagnosisData, areFactsNew});
}

describe('what is left of a harm', () => {
  it('is unknown until readings would have shown it', () => {
    expect(since(jam, [])).toEqual([]);
    expect(since(jam, readings(1))).toMatchObject([{state: 'unknown', sessions: null}]);
    expect(since(jam, readings(2))).toMatchObject([{state: 'gone', sessions: 0, readings: 2, over_ms: 1000}]);
    const pool = createFinding({subject: 'application:web/role:app', harm: harmOf('pool')});
    expect(since(pool, readings(3))).toMatchObject([{state: 'unknown'}]);
    const slow = createFinding({subject: 'statement:1', harm: harmOf('slow')});
    expect(
      since(
        slow,
        readings(6).map(each => ({...each, statements: []})),
      ),
    ).toMatchObject([{state: 'unknown'}]);
  });

  it('is unknown while the facts that it rests on are from before', () => {
    const soon = createFinding({subject: 'sequence:public.ids', harm: harmOf('soon')});
    expect(since(soon, readings(9), false)).toMatchObject([{state: 'unknown'}]);
    expect(since(soon, readings(1), true)).toMatchObject([{state: 'gone'}]);
  });

  it('says who still waits, and for whom: another finding, or too brief a wait for one', () => {
    expect(since(jam, readings(2, {1: 10, 2: 10}))).toMatchObject([
      {state: 'remains', sessions: 2, summary: expect.stringContaining('10')},
    ]);
    expect(since(jam, readings(2, {2: 10}, 900))).toMatchObject([
      {
        state: 'remains',
        sessions: 1,
        summary: expect.stringMatching(/^1 session still waits, for .*\(10\)$/),
      },
    ]);
    // A wait that has just begun is one like any other.
    expect(since(jam, readings(2, {2: 10}, 20))).toMatchObject([{state: 'gone'}]);
  });

  it('is not another session that waits for something else', () => {
    const other = {...jam, explains: ['backend:77', 'application:billing/role:app'], subject: 'backend:70'};
    expect(since(other, readings(2, {1: 10, 2: 10}))).toMatchObject([{state: 'gone'}]);
  });

  it('is kept as it was known where readings no longer say', () => {
    const [gone] = since(jam, readings(2)) as [HarmAfter];
    const [unknown] = since(jam, readings(1)) as [HarmAfter];
    const harm: RunHarm = {
      kind: 'waiting',
      cause: null,
      subject: 's',
      before: {summary: '', sessions: 1},
      after: null,
    };
    const [known] = withAfter([harm], [gone]);
    expect(known?.after).toEqual(gone);
    expect(withAfter(known ? [known] : [], [unknown])[0]?.after).toEqual(gone);
    expect(withAfter([harm], [])).toEqual([harm]);
    expect(describeAfter({...harm, after: gone})).toBe('no session waits any more (2 snapshots over 1s)');
    expect(describeAfter(harm)).toBe('not read');
  });
});

describe('reading around a run', () => {
  /** A server that is read once a second, by a clock that does not wait. */
  function portsOf(snapshots: ReturnType<typeof readings>) {
    const slept: number[] = [];
    let next = 0;
    return {
      slept,
      recipes: [],
      read: async () => snapshots[Math.min(next++, snapshots.length - 1)] ?? createSnapshot({}),
      load: async () => ({}),
      clock: {now: () => new Date(0), sleep: async (ms: number) => void slept.push(ms)},
    };
  }

  it('reads three times after it, and on where the harm takes longer to show', async () => {
    const quick = portsOf(readings(9));
    const signal = new AbortController().signal;
    expect(await harmPort([jam], quick).harm?.after(signal)).toMatchObject([{state: 'gone', readings: 3}]);
    const pool = createFinding({subject: 'application:web/role:app', harm: harmOf('pool')});
    const long = portsOf(readings(9));
    expect(await harmPort([pool], long).harm?.after(signal)).toMatchObject([
      {state: 'unknown', readings: 6, over_ms: 5000},
    ]);
    expect(harmPort([], quick)).toEqual({});
  });

  it('does not wait before a run where nothing is hurt, or one reading shows it', async () => {
    const [jammed] = readings(1, {1: 9, 2: 9});
    const [calm] = readings(1);
    const plan = createPlan(0, {steps: [createStep(9)]});
    for (const [snapshot, seen] of [
      [jammed, 1],
      [calm, 0],
    ] as const) {
      const ports = portsOf(readings(9));
      const watching = watchHarm(
        plan,
        {snapshot: snapshot ?? createSnapshot({}), facts: {}, isAsked: false},
        ports,
      );
      const {harm} = await watching.harm();
      expect(harm?.before ?? []).toHaveLength(seen);
      expect(ports.slept).toEqual([]);
    }
  });
});
