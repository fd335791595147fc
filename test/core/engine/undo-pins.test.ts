import {expect, it} from 'vitest';
import {findRun, planUndo, undoStateOf} from '../../../source/core/engine/undo.ts';
import type {JournalEntry} from '../../../source/model/journal-entry.ts';
import type {StepResult} from '../../../source/model/run.ts';
import type {PinnedSql, Sql, SqlStep, Step, Verification} from '../../../source/model/step.ts';
import {exampleServer} from '../../helpers/identity.ts';

const asking = <Query extends PinnedSql>(query: Query): Verification<Query> => ({
  query,
  expect: {column: 'is', op: '=', value: true},
});
const sql = (text: string): Sql => ({text, values: []});

const drop = {
  apply: sql('DROP INDEX a'),
  guard: asking({text: 'same', values: ['a', {pin: 'oid'}]}),
  verify: asking({text: 'gone', values: [{pin: 'oid'}]}),
};
const build: SqlStep = {
  kind: 'sql',
  title: 'build a',
  subject: 'index:a',
  guard: asking(sql('free')),
  apply: sql('CREATE INDEX a'),
  pins: sql('which'),
  undo: drop,
  verify: asking(sql('valid')),
  lock: 'share',
  transaction: false,
  timeout_ms: 0,
};

/** A journal of runs, each the undo of the previous one, with the members of its outcome. */
function journalOf(...runs: [Step, Partial<StepResult>][]): JournalEntry[] {
  return runs.flatMap(([content, result], at) => [
    {
      event: 'run',
      run: `r${at + 1}`,
      seq: at,
      recipe: 'x',
      params: {},
      at: 'then',
      actor: 'me',
      ...(at > 0 && {undoes: `r${at}`}),
    },
    {event: 'intent', run: `r${at + 1}`, step: 0, content},
    {event: 'outcome', run: `r${at + 1}`, step: 0, outcome: 'verified', ...result},
  ]) as JournalEntry[];
}

const undoOf = (entries: JournalEntry[], run: string) =>
  planUndo(findRun(entries, run), {server: exampleServer, acting_pid: null}).steps[0] as SqlStep;

it('an undo receives the pins of the created object, null if unknown', () => {
  const withPins = undoOf(journalOf([build, {pins: {oid: '4711'}}]), 'r1');
  expect(withPins.guard?.query.values).toEqual(['a', '4711']);
  expect(withPins.verify.query.values).toEqual(['4711']);
  expect(withPins).not.toHaveProperty('pins');
  expect(undoOf(journalOf([build, {}]), 'r1').guard?.query.values).toEqual(['a', null]);
});

it('an undo can be undone, and that undo in turn, each with the latest pins', () => {
  const first: [Step, Partial<StepResult>] = [build, {pins: {oid: '1'}}];
  const dropped = undoOf(journalOf(first), 'r1');
  const second: [Step, Partial<StepResult>] = [dropped, {}];
  const rebuilt = undoOf(journalOf(first, second), 'r2');
  expect(rebuilt).toMatchObject({apply: build.apply, guard: build.guard, pins: build.pins, undo: drop});
  const third: [Step, Partial<StepResult>] = [rebuilt, {pins: {oid: '3'}}];
  const again = undoOf(journalOf(first, second, third), 'r3');
  expect(again).toMatchObject({apply: drop.apply, guard: {query: {values: ['a', '3']}}});
  expect(undoStateOf(journalOf(first, second, third), 'r2')).toEqual({undone_by: ['r3'], is_undoable: false});
});

it('an undo that an older version wrote with fewer fields is recognised', () => {
  const first: [Step, Partial<StepResult>] = [build, {}];
  const {apply, guard, verify} = build;
  const older = {...undoOf(journalOf(first), 'r1'), undo: {apply, guard, verify}} as Step;
  expect(undoStateOf(journalOf(first, [older, {}]), 'r1')).toEqual({undone_by: ['r2'], is_undoable: false});
});
