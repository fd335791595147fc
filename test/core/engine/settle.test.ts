import {describe, expect, it} from 'vitest';
import type {JournalDraft, JournalEntry} from '../../../source/core/chain/journal.ts';
import {type SettlePorts, settleIntent} from '../../../source/core/engine/settle.ts';
import type {Step} from '../../../source/core/step.ts';

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
const file: Step = {
  kind: 'file',
  title: 'limit the pool',
  subject: 'file:.env',
  path: '.env',
  change: {kind: 'replace', before: 'max: 10', after: 'max: 5'},
  diff: ['-max: 10', '+max: 5'],
};

/** A world in which the verifications named hold, and what is appended to its journal. */
function createWorld(step: Step, {holding = [], age_ms = 0, text, actor = 'me@here'}: World) {
  const appended: JournalDraft[] = [];
  const ports: SettlePorts = {
    executor: {verify: async ({expect: {column}}) => holding.includes(column)},
    clock: {now: () => new Date(age_ms)},
    files: {host: 'here', read: async () => text ?? null, replace: async () => false},
    journal: {
      file: 'memory',
      append: async draft => {
        appended.push(draft);
        return draft as JournalEntry;
      },
      read: async () => [{event: 'intent', run: 'r1', step: 0, actor, content: step} as JournalEntry],
    },
  };
  const intent = {
    seq: 2,
    at: new Date(0).toISOString(),
    target: 't',
    run: 'r1',
    step: 0,
    title: '',
    subject: '',
  };
  return {settle: () => settleIntent(intent, {actor: 'me', target: 't'}, ports), appended};
}

type World = {holding?: string[]; age_ms?: number; text?: string; actor?: string};

describe('an intent without an outcome', () => {
  it.each<[string, Step, World, string | null]>([
    ['is done where its verification holds', sqlStep, {holding: ['done']}, 'verified'],
    ['is open while whoever began it may still be at it', sqlStep, {age_ms: 69_000}, null],
    ['is not done when its time is over', sqlStep, {age_ms: 71_000}, 'failed'],
    ['is open while a build may go on, however old', build, {age_ms: 1e9}, null],
    ['is not done where no session builds any more', build, {age_ms: 61_000, holding: ['acting']}, 'failed'],
    ['is open while a build may not have begun', build, {age_ms: 59_000, holding: ['acting']}, null],
    ['is not done where a build left an invalid index', build, {holding: ['leftover']}, 'failed'],
    ['is done where the file is as it was to be', file, {text: 'max: 5'}, 'verified'],
    ['is not done where the file is as it was', file, {text: 'max: 10'}, 'failed'],
    ['is not done where the file is gone', file, {}, 'failed'],
  ])('%s', async (_title, step, world, outcome) => {
    const {settle, appended} = createWorld(step, world);
    const said = await settle();
    expect(appended.map(draft => draft.event === 'outcome' && draft.outcome)).toEqual(
      outcome === null ? [] : [outcome],
    );
    expect(said).toContain(outcome === null ? 'may still be going on' : 'when looked at later');
  });

  it("is no matter of this machine's files where it was begun on another", async () => {
    const {settle, appended} = createWorld(file, {text: 'max: 5', actor: 'me@there'});
    expect(await settle()).toBe('unknown, verify on there');
    expect(appended).toEqual([]);
  });
});
