import {describe, expect, it} from 'vitest';
import {type ReconcilePorts, reconcileIntent} from '../../../source/core/engine/recover-runs.ts';
import type {JournalDraft, JournalEntry} from '../../../source/model/journal-entry.ts';
import type {Step} from '../../../source/model/step.ts';
import type {ServerIdentity} from '../../../source/model/target.ts';
import {exampleServer} from '../../helpers/identity.ts';

const verification = (column: string) => ({
  query: {text: column, values: []},
  expect: {column, op: '=' as const, value: true},
});

const sqlStep: Step = {
  kind: 'sql',
  title: 'limit app',
  subject: 'role:app',
  apply: {text: 'ALTER ROLE app CONNECTION LIMIT 7', values: []},
  undo: 'irreversible',
  verify: verification('done'),
  lock: 'none',
  transaction: true,
  timeout_ms: 10_000,
};
const build: Step = {
  ...sqlStep,
  progress: 'create_index',
  timeout_ms: 0,
  cleanup: {guard: verification('leftover'), apply: {text: 'DROP INDEX', values: []}},
};
const end: Step = {...sqlStep, subject: 'backend:4711', title: 'terminate 4711'};
const file: Step = {
  kind: 'file',
  title: 'limit the pool',
  subject: 'file:.env',
  path: '.env',
  change: {kind: 'replace', before: 'max: 10', after: 'max: 5'},
  diff: ['-max: 10', '+max: 5'],
};

/** Ports on which the named verifications hold, and what is appended to the journal. */
function createPorts(step: Step, situation: Situation) {
  const {holding = [], age_ms = 0, text, actor = 'me@here', isSettled = false, later_ms = []} = situation;
  const {server = exampleServer} = situation;
  const appended: JournalDraft[] = [];
  const ports: ReconcilePorts = {
    executor: {
      bind: () => {},
      read: async () => [],
      verify: async ({expect: {column}}) => holding.includes(column),
    },
    clock: {now: () => new Date(age_ms)},
    files: {host: 'here', read: async () => text ?? null, replace: async () => false},
    journal: {
      reconcile: async draft => {
        if (isSettled) return null;
        appended.push(draft);
        return draft as JournalEntry;
      },
    },
  };
  const intent = {seq: 2, run: 'r1', step: 0};
  const at = new Date(0).toISOString();
  const entries = [
    {seq: 1, event: 'run', run: 'r1', actor, server, at: '2001-01-01T00:00:00.000Z'},
    {...intent, event: 'intent', at, content: step},
    ...later_ms.map((each, index) => ({
      ...{seq: 3 + index, event: 'end', run: 'r2'},
      at: new Date(each).toISOString(),
    })),
  ] as JournalEntry[];
  return {
    settle: () => reconcileIntent(intent, {actor: 'me', target: 't', server: exampleServer, entries}, ports),
    appended,
  };
}

/** `age_ms`: of the intent; negative when it is dated in the future. `later_ms`: when later entries were written. */
type Situation = {
  holding?: string[];
  age_ms?: number;
  text?: string;
  actor?: string;
  isSettled?: boolean;
  later_ms?: number[];
  server?: ServerIdentity | null;
};

describe('an intent without an outcome', () => {
  it.each<[string, Step, Situation, string | null]>([
    ['is done if its verification holds', sqlStep, {holding: ['done']}, 'verified'],
    ['is open while its process may still execute it', sqlStep, {age_ms: 69_000}, null],
    ['is not done after its time limit', sqlStep, {age_ms: 71_000}, 'failed'],
    ['is open while a build may still run, however old', build, {age_ms: 1e9}, null],
    ['is not done if no session builds it', build, {age_ms: 61_000, holding: ['acting']}, 'failed'],
    ['is open while a build may not have started', build, {age_ms: 59_000, holding: ['acting']}, null],
    ['is not done if a build left an invalid index', build, {holding: ['leftover']}, 'failed'],
    ['has ended if its session is gone', end, {holding: ['done']}, 'unknown'],
    ['is not done if its session still exists', end, {age_ms: 71_000}, 'failed'],
    ['is open if its clock was ahead and no entry follows', sqlStep, {age_ms: -1e9}, null],
    [
      'is open while its clock was ahead and the next entry is recent',
      sqlStep,
      {age_ms: -1e9, later_ms: [-1e9 - 69_000]},
      null,
    ],
    [
      'is not done if its clock was ahead and the next entry is old enough',
      sqlStep,
      {age_ms: -1e9, later_ms: [-1e9 - 71_000, 2e9]},
      'failed',
    ],
    ['is done if the file has the new text', file, {text: 'max: 5'}, 'verified'],
    ['is not done if the file has the old text', file, {text: 'max: 10'}, 'failed'],
    ['is not done if the file is missing', file, {}, 'failed'],
  ])('%s', async (_title, step, situation, outcome) => {
    const {settle, appended} = createPorts(step, situation);
    const said = await settle();
    expect(appended.map(draft => draft.event === 'outcome' && draft.outcome)).toEqual(
      outcome === null ? [] : [outcome],
    );
    expect(said).toContain(outcome === null ? 'may still be executing' : 'as a later check found');
  });

  it("is not compared with this machine's files if the step ran on another machine", async () => {
    const {settle, appended} = createPorts(file, {text: 'max: 5', actor: 'me@there'});
    expect(await settle()).toBe('outcome unknown, check the server on there');
    expect(appended).toEqual([]);
  });

  it('is recorded as unknown, not as ended by poolctl, if its session has ended', async () => {
    const {settle, appended} = createPorts(end, {holding: ['done']});
    expect(await settle()).toBe(
      'the session has ended, as a later check found; poolctl may not have ended it',
    );
    expect(appended).toMatchObject([{event: 'outcome', run: 'r1', step: 0, outcome: 'unknown'}]);
  });

  it('gets no second outcome if another process has recorded one', async () => {
    const {settle, appended} = createPorts(sqlStep, {holding: ['done'], isSettled: true});
    expect(await settle()).toBe('another poolctl has recorded its outcome');
    expect(appended).toEqual([]);
  });
});
