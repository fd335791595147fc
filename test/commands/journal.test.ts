import {readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {expect, it} from 'vitest';
import {showJournal} from '../../source/commands/journal.ts';
import {openJournal} from '../../source/journal/journal-file.ts';
import {draftOf, intentOf} from '../journal/drafts.ts';
import {exitCode, output, temporaryFolder} from './acting.ts';

async function createJournal() {
  const file = join(await temporaryFolder(), 'journal.jsonl');
  const journal = openJournal(file);
  const data: string[] = [];
  const talk: string[] = [];
  const show = (words: string[], json = true) =>
    exitCode(showJournal({journal, output: output(data, talk)}, words, {json}));
  return {file, journal, data, talk, show, document: () => JSON.parse(data.at(-1) ?? 'null')};
}

it('lists entries, the head and the file', async () => {
  const {journal, show, document, file, data} = await createJournal();
  const entry = await journal.append(draftOf('r1', 0));
  expect(await show(['list'])).toBe(0);
  const {hash, previous, seq, at, actor, target, run, event} = entry;
  expect(document()).toEqual({
    schema_version: 1,
    file,
    head: hash,
    entries: [{seq, at, actor, target, run, event, hash, previous}],
  });
  expect(await show([], false)).toBe(0);
  expect(data.at(-1)).toContain('outcome 1: verified');
});

it('says so where nothing is recorded yet', async () => {
  const {show, document, data, talk} = await createJournal();
  expect(await show([], false)).toBe(0);
  expect(data).toEqual([]);
  expect(talk).toHaveLength(1);
  expect(await show(['list'])).toBe(0);
  expect(document()).toMatchObject({entries: [], head: '0'.repeat(64)});
});

it('shows one run, by the beginning of its id where that is enough', async () => {
  const {journal, show, document, data} = await createJournal();
  await journal.append(intentOf('run-a', 0));
  await journal.append(draftOf('run-a', 0));
  await journal.append(intentOf('run-b', 0));
  expect(await show(['show', 'run-a'])).toBe(0);
  expect(document()).toMatchObject({run: 'run-a', entries: [{event: 'intent'}, {event: 'outcome'}]});
  expect(await show(['show', 'run-b'], false)).toBe(0);
  expect(data.at(-1)).toMatch(/^1\. step 0\n {3}look\n.*unknown, verify\n/m);
  expect(await show(['show', 'run-'])).toBe(2);
  expect(await show(['show', 'nobody'])).toBe(2);
  expect(await show(['show'])).toBe(2);
  expect(await show(['burn'])).toBe(2);
});

it('verifies, names what is unfinished, and exits 8 where the chain is broken', async () => {
  const {journal, show, document, data, file} = await createJournal();
  await journal.append(draftOf('r1', 0));
  const {hash} = await journal.append(intentOf('r1', 1));
  expect(await show(['verify'])).toBe(0);
  expect(document()).toMatchObject({
    schema_version: 1,
    ok: true,
    entries: 2,
    head: hash,
    broken_at: null,
    unfinished: [{run: 'r1', step: 1}],
  });
  expect(await show(['verify'], false)).toBe(0);
  expect(data.at(-1)).toContain('unknown, verify: run r1 step 2');

  await writeFile(file, (await readFile(file, 'utf8')).replace('"row_count":1', '"row_count":2'));
  expect(await show(['verify'])).toBe(8);
  expect(document()).toMatchObject({ok: false, broken_at: 1});
});

it('lets no control character through', async () => {
  const {journal, show, data} = await createJournal();
  await journal.append({...draftOf('r1', 0), actor: 'me\u001b[2J@here'});
  await show([], false);
  expect(data.at(-1)).toContain('me·[2J@here');
});
