import {readFile, writeFile} from 'node:fs/promises';
import {describe, expect, it} from 'vitest';
import {openJournal} from '../../../source/journal/journal-file.ts';
import {draftOf, intentOf} from '../../journal/drafts.ts';
import {createJournal} from './open-journal.ts';

it('journal list prints entries, the head and the file', async () => {
  const {journal, show, document, file, stdout} = await createJournal();
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
  expect(stdout.at(-1)).toContain('outcome 1: verified');
});

it('journal list reports an incomplete last line', async () => {
  const {journal, file, show, document, stdout} = await createJournal();
  await journal.append(intentOf('r1', 0));
  await journal.append(draftOf('r1', 0));
  const text = await readFile(file, 'utf8');
  const [first = ''] = text.split('\n');
  await writeFile(file, text.slice(0, first.length + 11));
  expect(await show(['verify'])).toBe(0);
  expect(document()).toMatchObject({ok: true, entries: 1, torn_bytes: 10});
  expect(await show(['verify'], false)).toBe(0);
  expect(stdout.at(-1)).toContain('the last line is incomplete (10 bytes)');
});

it('journal list reports an empty journal', async () => {
  const {show, document, stdout, stderr} = await createJournal();
  expect(await show([], false)).toBe(0);
  expect(stdout).toEqual([]);
  expect(stderr).toHaveLength(1);
  expect(await show(['list'])).toBe(0);
  expect(document()).toMatchObject({entries: [], head: '0'.repeat(64)});
});

it('journal verify lists unfinished steps, and exits 8 if the chain is broken', async () => {
  const {journal, show, document, stdout, file} = await createJournal();
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
  expect(stdout.at(-1)).toContain('outcome unknown, check the server: run r1 step 2');

  await writeFile(file, (await readFile(file, 'utf8')).replace('"row_count":1', '"row_count":2'));
  expect(await show(['verify'])).toBe(8);
  expect(document()).toMatchObject({ok: false, broken_at: 1});
});

it('journal prints no control character', async () => {
  const {journal, show, stdout} = await createJournal();
  await journal.append({...draftOf('r1', 0), actor: 'me\u001b[2J@here'});
  await show([], false);
  expect(stdout.at(-1)).toContain('me·[2J@here');
});

describe('verify --head', () => {
  it('exits 0 while the chain contains the head', async () => {
    const {journal, show, document, stdout} = await createJournal();
    const earlier = await journal.append(draftOf('r1', 0));
    await journal.append(draftOf('r1', 1));
    expect(await show(['verify'], true, {head: earlier.hash})).toBe(0);
    expect(document()).toMatchObject({ok: true, kept_head: {hash: earlier.hash, seq: 1}});
    expect(await show(['verify'], false, {head: earlier.hash})).toBe(0);
    expect(stdout.at(-1)).toContain('is entry 1; 1 entry since');
    expect(await show(['verify'], false, {head: 'abc'})).toBe(2);
  });

  it('detects a chain that was cut and continued', async () => {
    const {journal, file, show, document} = await createJournal();
    await journal.append(draftOf('r1', 0));
    const before = await readFile(file);
    const earlier = await journal.append(draftOf('r1', 1));
    await writeFile(file, before);
    await openJournal(file).append(draftOf('r2', 0));
    expect(await show(['verify'])).toBe(0);
    expect(await show(['verify'], true, {head: earlier.hash})).toBe(8);
    expect(document()).toMatchObject({ok: false, broken_at: null, kept_head: {seq: null}});
  });
});

describe('export', () => {
  it('exports the file line by line as jsonl', async () => {
    const {journal, file, show, stdout} = await createJournal();
    await journal.append(intentOf('r1', 0));
    await journal.append(draftOf('r1', 0));
    expect(await show(['export'], false)).toBe(0);
    expect(`${stdout.at(-1)}\n`).toBe(await readFile(file, 'utf8'));
  });

  it('exports csv without formulas, its line breaks quoted', async () => {
    const {journal, show, stdout} = await createJournal();
    const end = {
      actor: '=cmd()',
      target: 'a,"b"',
      run: 'r1',
      event: 'end',
      status: 'failed',
      after: {},
    } as const;
    await journal.append({...end, reason: 'two\nlines \u001b[2J'});
    expect(await show(['export'], false, {format: 'csv'})).toBe(0);
    const [header, ...rows] = (stdout.at(-1) ?? '').split('\r\n');
    expect(header).toMatch(/^seq,at,actor,target,run,event,/);
    expect(rows).toHaveLength(1);
    expect(rows[0]).toContain(`'=cmd(),"a,""b""",r1,end`);
    expect(rows[0]).toContain('"two\nlines ·[2J"');
  });

  it('exports Markdown, and refuses an unknown format', async () => {
    const {journal, show, stdout} = await createJournal();
    const run = {recipe: 'r', plan: 'p', params: {}, step_count: 1, before: {}};
    await journal.append({actor: 'a', target: 't', run: 'r1', event: 'run', ...run});
    expect(await show(['export'], false, {format: 'markdown'})).toBe(0);
    expect(stdout.at(-1)).toContain('- run `r1` by `a` on `t`');
    expect(await show(['export'], false, {format: 'xml'})).toBe(2);
  });

  it('exports a broken chain too, and exits 8', async () => {
    const {journal, file, show, stdout, stderr} = await createJournal();
    await journal.append(draftOf('r1', 0));
    await writeFile(file, (await readFile(file, 'utf8')).replace('"seq":1', '"seq":7'));
    expect(await show(['export'], false)).toBe(8);
    expect(stdout.at(-1)).toContain('"seq":7');
    expect(stderr.at(-1)).toContain('does not verify');
  });
});
