import {readFileSync} from 'node:fs';
import {copyFile, mkdtemp} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect, it} from 'vitest';
import {findRun, planUndo} from '../../source/core/engine/undo.ts';
import {openJournal} from '../../source/journal/journal-file.ts';
import type {JournalEntry} from '../../source/model/journal-entry.ts';

/** Written by poolctl 0.1: ended sessions, a changed .env, a canceled index build, a role setting and its undo. */
const fixture = new URL('../fixtures/older/journal-0.1.jsonl', import.meta.url).pathname;

async function copy(): Promise<string> {
  const file = join(await mkdtemp(join(tmpdir(), 'poolctl-older-')), 'journal.jsonl');
  await copyFile(fixture, file);
  return file;
}

function undoOf(entries: readonly JournalEntry[], recipe: string, host: string | null = null) {
  const run = entries.find(entry => entry.event === 'run' && entry.recipe === recipe);
  if (run?.event !== 'run' || run.server === undefined) throw new Error(`no run of ${recipe}`);
  return planUndo(findRun(entries, run.run), {server: run.server, acting_pid: null, host});
}

it('a journal of poolctl 0.1 verifies byte for byte, and can be appended to', async () => {
  const journal = openJournal(await copy());
  const lines = readFileSync(fixture, 'utf8').trimEnd().split('\n');
  const last = JSON.parse(lines.at(-1) ?? '') as JournalEntry;
  expect(await journal.verify()).toMatchObject({ok: true, entries: 29, head: last.hash, unfinished: []});
  const entry = await journal.append({
    actor: 'a@b',
    target: 't',
    run: 'later',
    event: 'end',
    status: 'done',
    reason: null,
    after: {},
  });
  expect(entry).toMatchObject({seq: 30, previous: last.hash});
  expect(await journal.verify()).toMatchObject({ok: true, entries: 30});
});

it('the undo of each run in a journal of poolctl 0.1 can be planned', async () => {
  const entries = await openJournal(await copy()).read();
  expect(undoOf(entries, 'kill-idle-sessions')).toMatchObject({
    steps: [],
    skipped: [{reason: 'cannot be undone'}, {reason: 'cannot be undone'}],
  });
  expect(undoOf(entries, 'tune-connection-limit').steps).toMatchObject([
    {
      kind: 'file',
      change: {
        kind: 'url_query',
        edits: [
          {before: '&connect_timeout=5', after: ''},
          {before: '&pool_timeout=10', after: ''},
          {before: 'connection_limit=45', after: 'connection_limit=40'},
        ],
      },
    },
  ]);
  expect(undoOf(entries, 'apply-indexes').steps).toMatchObject([
    {kind: 'sql', title: expect.stringContaining('assessments_student_id_assessment_type_subject_idx')},
  ]);
  expect(undoOf(entries, 'set-timeouts')).toMatchObject({
    steps: [],
    skipped: [{reason: expect.stringContaining('already undone')}],
  });
});
