import {describe, expect, it, vi} from 'vitest';
import {createEffects} from '../../source/console/effects.ts';
import type {ConsolePorts, PastPort} from '../../source/console/ports.ts';
import type {JournalState} from '../../source/console/state/run.ts';
import type {ScanResult} from '../../source/console/state/scan.ts';
import type {Message} from '../../source/console/store.ts';
import type {Recording} from '../../source/model/ports.ts';
import {createSnapshotBuffer} from '../../source/recording/recording.ts';
import {exampleServer} from '../helpers/identity.ts';
import {createSnapshot} from '../helpers/snapshot.ts';
import {createPlan, open, play, screenOf} from './played.ts';

vi.mock('../../source/console/format-sql.ts', () => {
  throw new Error('Cannot find module');
});
vi.mock('../../source/core/server/topics/index.ts', () => {
  throw new Error('Cannot find module');
});

/** Effects on these ports, and the messages that they have dispatched. */
function createPerformed(
  ports: Partial<ConsolePorts>,
  onQuit: (isRunning: boolean) => void = () => {},
  suspend: () => Promise<void> = async () => {},
) {
  const dispatched: Message[] = [];
  const effects = createEffects(ports as ConsolePorts, {
    dispatch: message => dispatched.push(message),
    terminal: {write: () => {}, suspend},
    screen: {invalidate: () => {}},
    scroll: () => {},
    quit: onQuit,
    repaint: () => {},
  });
  return {...effects, dispatched};
}

it('shows a statement unformatted if an upgrade has removed the formatter', async () => {
  const {perform, dispatched} = createPerformed({});
  perform({kind: 'format-statement', id: '1', query: 'SELECT 1'});
  await vi.waitFor(() =>
    expect(dispatched).toEqual([{kind: 'statement-formatted', id: '1', lines: ['SELECT 1']}]),
  );
});

it('warns if an upgrade has removed what the Server view needs', async () => {
  const {perform, dispatched} = createPerformed({});
  perform({kind: 'load-server-rows'});
  await vi.waitFor(() => expect(dispatched).toMatchObject([{kind: 'notice', notice: {severity: 'warning'}}]));
});

it('scans once where the view is shown again before its scan has ended', async () => {
  const fails: ((error: Error) => void)[] = [];
  const run = vi.fn(() => new Promise<ScanResult>((_, reject) => fails.push(reject)));
  const {perform, dispatched} = createPerformed({scan: {directory: '/srv/shop', run}});
  perform({kind: 'scan'});
  perform({kind: 'scan'});
  expect(run).toHaveBeenCalledTimes(1);
  fails[0]?.(new Error('gone'));
  await vi.waitFor(() => expect(dispatched).toEqual([{kind: 'scan-failed', message: 'gone'}]));
  await new Promise(resolve => setImmediate(resolve));
  perform({kind: 'scan'});
  expect(run).toHaveBeenCalledTimes(2);
});

it('discards a past snapshot that was requested before the user returned to the present', async () => {
  const recording: Recording = {
    times: () => [{at_ms: 1, severity: null}],
    outages: () => [],
    read: async () => [],
  };
  const {perform, dispatched} = createPerformed({past: {recording: async () => recording} as PastPort});
  perform({kind: 'read-past', at_ms: 1, by: 0});
  perform({kind: 'cancel-past'});
  await new Promise(resolve => setImmediate(resolve));
  expect(dispatched).toEqual([]);
  perform({kind: 'read-past', at_ms: 1, by: 0});
  await vi.waitFor(() => expect(dispatched).toMatchObject([{kind: 'past-read'}]));
});

it('shows an outage of a recording as one, at its time and on the way through it', async () => {
  const recording = createSnapshotBuffer({max_ms: 60_000, max_bytes: 2 ** 20, fileFor: () => ''});
  const at = (second: number) => Date.parse('2026-01-01T12:00:00Z') + second * 1000;
  for (const second of [0, 2, 4, 20, 22]) {
    if (second === 20) recording.addFailure({at_ms: at(6), message: 'connection lost'});
    recording.add(createSnapshot({at: new Date(at(second)).toISOString()}), null);
  }
  await recording.flushed();
  const {perform, dispatched} = createPerformed({
    past: {recording: async () => recording, record: () => {}, write: async () => ''},
  });
  const shownAt = async (at_ms: number, by: number) => {
    dispatched.length = 0;
    perform({kind: 'read-past', at_ms, by});
    await vi.waitFor(() => expect(dispatched).toHaveLength(1));
    const {state} = play(open(120, 24), ...dispatched);
    return {time: ((state.past?.at_ms ?? 0) - at(0)) / 1000, screen: screenOf(state)};
  };
  expect((await shownAt(at(-60), 0)).screen).toContain('nothing is kept before 12:00:00Z');
  const {screen} = await shownAt(at(12), 0);
  expect(screen).toContain('no snapshot from 12:00:04Z to 12:00:20Z: connection lost');
  expect(screen).toMatch(/no snapshot 2026-01-01 12:00:04Z/);
  expect(screen).not.toContain('none in');
  // Forwards from the reading before, and back from the one after.
  expect(await shownAt(at(4), 1)).toEqual({time: 4.001, screen});
  expect(await shownAt(at(20), -1)).toEqual({time: 4.001, screen});
  for (const [from, by, to] of [
    [4.001, 1, 20],
    [4.001, -1, 4],
    [4, 0, 4],
    [21, 0, 20],
  ] as const) {
    const shown = await shownAt(at(from), by);
    expect(shown.time).toBe(to);
    expect(shown.screen).not.toContain('no snapshot');
  }
});

it('knows of a run that began before the one before it had closed its connections', async () => {
  const closings: (() => void)[] = [];
  const quit = vi.fn();
  const {perform} = createPerformed(
    {
      async *execute() {
        await new Promise<void>(resolve => closings.push(resolve));
      },
    },
    quit,
  );
  const [plan, server] = [createPlan(1), exampleServer];
  perform({kind: 'execute-plan', plan, server, answers: []});
  perform({kind: 'execute-plan', plan, server, answers: []});
  closings[0]?.();
  await new Promise(resolve => setImmediate(resolve));
  perform({kind: 'quit'});
  expect(quit).toHaveBeenCalledWith(true);
});

it('suspends once where Ctrl-Z was pressed twice before the process stopped', async () => {
  const continues: (() => void)[] = [];
  const suspend = vi.fn(() => new Promise<void>(resolve => continues.push(resolve)));
  const {perform} = createPerformed({}, undefined, suspend);
  perform({kind: 'suspend'});
  perform({kind: 'suspend'});
  expect(suspend).toHaveBeenCalledTimes(1);
  continues[0]?.();
  await new Promise(resolve => setImmediate(resolve));
  perform({kind: 'suspend'});
  expect(suspend).toHaveBeenCalledTimes(2);
});

describe('the journal that was requested last', () => {
  const journalOf = (unfinished: number): JournalState => ({entries: [], problem: null, unfinished});

  it.each([
    ['answered', (second: Answer) => second.resolve(journalOf(2)), {unfinished: 2, problem: null}],
    ['failed', (second: Answer) => second.reject(new Error('gone')), {unfinished: 0, problem: 'gone'}],
  ])('is shown although it %s before an earlier one', async (_name, settle, shown) => {
    const answers: Answer[] = [];
    const readJournal = () => new Promise<JournalState>((resolve, reject) => answers.push({resolve, reject}));
    const {perform, dispatched} = createPerformed({readJournal});
    perform({kind: 'read-journal'});
    perform({kind: 'read-journal'});
    const [first, second] = answers;
    if (first === undefined || second === undefined) throw new Error('the journal was not read twice');
    settle(second);
    await vi.waitFor(() => expect(dispatched).toHaveLength(1));
    first.resolve(journalOf(1));
    await new Promise(resolve => setImmediate(resolve));
    expect(dispatched).toMatchObject([{kind: 'journal-read', ...shown}]);
  });
});

type Answer = {resolve(journal: JournalState): void; reject(error: Error): void};
