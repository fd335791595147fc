import {appendFile} from 'node:fs/promises';
import {expect, it} from 'vitest';
import {findRun, planUndo} from '../../../source/core/engine/undo.ts';
import {canonicalJson} from '../../../source/core/text/json.ts';
import {chainEntry} from '../../../source/journal/chain.ts';
import type {JournalDraft} from '../../../source/model/journal-entry.ts';
import type {StepResult} from '../../../source/model/run.ts';
import type {SqlStep, Step} from '../../../source/model/step.ts';
import {exampleServer} from '../../helpers/identity.ts';
import {draftOf, intentOf} from '../../journal/drafts.ts';
import {createJournal} from './open-journal.ts';

it("journal show prints a step's first outcome, because older journals may contain two", async () => {
  const {journal, file, show, stdout} = await createJournal();
  await journal.append(intentOf('r1', 0));
  const first = await journal.append({...draftOf('r1', 0), outcome: 'failed'} as never);
  const later = chainEntry({...draftOf('r1', 0), outcome: 'verified'} as never, first, first.at);
  await appendFile(file, `${canonicalJson(later)}\n`);
  expect(await show(['show', 'r1'], false)).toBe(0);
  expect(stdout.at(-1)).toContain('failed');
  expect(stdout.at(-1)).not.toContain('verified');
});

it('journal show finds a run by its id or a unique prefix of it', async () => {
  const {journal, show, document, stdout} = await createJournal();
  await journal.append(intentOf('run-a', 0));
  await journal.append(draftOf('run-a', 0));
  await journal.append(intentOf('run-b', 0));
  expect(await show(['show', 'run-a'])).toBe(0);
  expect(document()).toMatchObject({run: 'run-a', entries: [{event: 'intent'}, {event: 'outcome'}]});
  expect(await show(['show', 'run-b'], false)).toBe(0);
  expect(stdout.at(-1)).toMatch(/^1\. step 0\n {3}look\n.*no recorded outcome: check the server\n/m);
  expect(await show(['show', 'run-'])).toBe(2);
  expect(await show(['show', 'r9'])).toBe(2);
  expect(await show(['show'])).toBe(2);
  expect(await show(['burn'])).toBe(2);
});

it('journal show prints parameters, each step with its outcome, and the end', async () => {
  const {journal, show, stdout} = await createJournal();
  const head = {actor: 'me@here', target: 'db:5432/shop', run: 'r1'};
  const params = {older_than: '5min', role: ''};
  const measures = [
    {name: 'scans', before: '0', after: '7'},
    {name: 'plan', before: 'Seq Scan\n  Filter', after: null},
  ];
  await journal.append({
    ...head,
    event: 'run',
    recipe: 'kill-idle-sessions',
    plan: 'abc',
    params,
    step_count: 3,
    before: {used: 9},
    undoes: 'r0',
  });
  for (const step of [0, 1]) {
    await journal.append({...head, event: 'intent', step, content: endSession(4711 + step)});
    if (step === 0) await journal.append({...draftOf('r1', step), measures} as JournalDraft);
  }
  await journal.append({
    ...draftOf('r1', 2),
    outcome: 'skipped',
    message: 'changed since the preview',
  } as JournalDraft);
  await journal.append({
    ...head,
    event: 'end',
    status: 'interrupted',
    reason: 'interrupted',
    after: {used: 8},
  });
  expect(await show(['show', 'r1'], false)).toBe(0);
  const time = /\d{4}-\d\d-\d\dT[\d:.]+Z/g;
  const text = stdout
    .at(-1)
    ?.replaceAll(time, 'TIME')
    .replace(/hash [0-9a-f]{64}/, 'hash HASH');
  expect(text?.split('\n')).toEqual([
    'run r1: kill-idle-sessions on db:5432/shop',
    'by me@here, TIME',
    'undoes run r0',
    '  older_than=5min',
    'plan abc',
    'entry 1, hash HASH',
    '',
    '1. terminate 4711',
    '   on backend:4711',
    '   SELECT pg_terminate_backend($1)',
    '   $1 = 4711',
    '   verified by SELECT 1 returns remaining = 0',
    '   at most 1.00s; lock: none; cannot be undone',
    '   TIME  verified, 3.00ms',
    '   scans: 0 before, 7 after',
    '   plan before',
    '     Seq Scan',
    '       Filter',
    '   plan after',
    '     unknown',
    '',
    '2. terminate 4712',
    '   on backend:4712',
    '   $1 = 4712',
    '   TIME  no recorded outcome: check the server',
    '',
    '3. TIME  skipped: changed since the preview, 3.00ms',
    '',
    'interrupted, TIME; slots used: 9 before, 8 after',
  ]);
  expect(await show(['list'], false)).toBe(0);
  expect(stdout.at(-1)).toContain('undo of run r0, kill-idle-sessions, 3 steps');
});

it('journal show prints the guard of a step and how it is undone', async () => {
  const {journal, show, stdout} = await createJournal();
  const head = {actor: 'me@here', target: 'db:5432/shop', run: 'r1'};
  const query = {text: 'SELECT count(*) AS n FROM pg_class WHERE relname = $1', values: ['orders_idx']};
  const verify = {query, expect: {column: 'n', op: '=', value: 0}} as const;
  const content: Step = {
    ...(endSession(1) as SqlStep),
    subject: 'index:orders_idx',
    lock: 'share',
    settings: {lock_timeout: '5s'},
    guard: verify,
    undo: {apply: {text: 'DROP INDEX CONCURRENTLY orders_idx', values: []}, verify},
  };
  await journal.append({...head, ...opening, event: 'run'});
  await journal.append({...head, event: 'intent', step: 0, content});
  expect(await show(['show', 'r1'], false)).toBe(0);
  const text = stdout.at(-1) ?? '';
  // As the preview showed it.
  expect(text).toContain('on index:orders_idx\n');
  expect(text).toContain("SET lock_timeout = '5s'");
  expect(text).toContain(`only if ${query.text} with $1 = "orders_idx" returns n = 0`);
  expect(text).toContain('at most 1.00s; lock: share; undo: DROP INDEX CONCURRENTLY orders_idx');
  expect(text).toContain(`undo verified by ${query.text} with $1 = "orders_idx" returns n = 0`);
  expect(text).toMatch(/\nundo it with 'poolctl undo r1'$/);
});

it('journal show names the runs that undid a run, except those undone themselves', async () => {
  const {journal, show, stdout} = await createJournal();
  const head = {actor: 'me@here', target: 'db:5432/shop'};
  const sql = (text: string) => ({apply: {text, values: []}, verify: (endSession(1) as SqlStep).verify});
  const indexes = ['a_idx', 'b_idx'].map(name => ({
    ...(endSession(1) as SqlStep),
    ...sql(`CREATE INDEX ${name}`),
    undo: sql(`DROP INDEX ${name}`),
  }));
  const record = async (run: string, steps: Step[], outcomes: StepResult['outcome'][], undoes?: string) => {
    await journal.append({...head, run, ...opening, event: 'run', ...(undoes && {undoes})});
    for (const [step, content] of steps.entries()) {
      await journal.append({...head, run, event: 'intent', step, content});
      const outcome = outcomes[step] ?? 'failed';
      await journal.append({...draftOf(run, step), outcome} as JournalDraft);
    }
  };
  const undoSteps = async (run: string) =>
    planUndo(findRun(await journal.read(), run), {server: exampleServer, acting_pid: null}).steps;
  const ends = async () => {
    await show(['show', 'r1'], false);
    return stdout.at(-1)?.split('\n').slice(-2);
  };
  const open = ['no recorded end', "undo it with 'poolctl undo r1'"];

  await record('r1', indexes, ['verified', 'verified']);
  const inverse = await undoSteps('r1');
  await record('r2', inverse, ['failed', 'skipped'], 'r1');
  expect(await ends()).toEqual(open);
  await record('r3', inverse, ['verified', 'failed'], 'r1');
  expect(await ends()).toEqual(['undone in part by run r3', "undo the rest with 'poolctl undo r1'"]);
  await record('r4', await undoSteps('r1'), ['verified'], 'r1');
  expect(await ends()).toEqual(['no recorded end', 'undone by run r3, r4']);
  await record('r5', await undoSteps('r3'), ['verified'], 'r3');
  await record('r6', await undoSteps('r4'), ['verified'], 'r4');
  expect(await ends()).toEqual(open);
});

function endSession(pid: number): Step {
  return {
    kind: 'sql',
    title: `terminate ${pid}`,
    subject: `backend:${pid}`,
    apply: {text: 'SELECT pg_terminate_backend($1)', values: [pid]},
    undo: 'irreversible',
    verify: {query: {text: 'SELECT 1', values: []}, expect: {column: 'remaining', op: '=', value: 0}},
    lock: 'none',
    transaction: false,
    timeout_ms: 1000,
  };
}

const opening = {recipe: 'x', plan: 'p', params: {}, step_count: 1, before: {}};
