import {readFile, stat, truncate, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {describe, expect, it} from 'vitest';
import {canonicalJson} from '../../source/core/text/json.ts';
import {sha256} from '../../source/journal/chain.ts';
import {type JournalFile, openJournal} from '../../source/journal/journal-file.ts';
import {temporaryFolder} from '../cli/execution/acting.ts';
import {draftOf, intentOf} from './drafts.ts';

const journalError = {name: 'AbortError', exitCode: 8};

async function createJournal(count: number): Promise<{file: string; journal: JournalFile}> {
  const file = join(await temporaryFolder(), 'journal.jsonl');
  const journal = openJournal(file);
  for (let step = 0; step < count; step++) await journal.append(intentOf('r', step));
  return {file, journal: openJournal(file)};
}

/** Both reading and writing must be refused. */
async function expectBroken(journal: JournalFile, broken_at: number, reason: RegExp): Promise<void> {
  expect(await journal.verify()).toMatchObject({
    ok: false,
    broken_at,
    entries: broken_at - 1,
    reason: expect.stringMatching(reason),
  });
  await expect(journal.read()).rejects.toMatchObject(journalError);
  await expect(journal.append(draftOf('s', 0))).rejects.toMatchObject(journalError);
  await expect(journal.reconcile({...draftOf('r', 0), event: 'outcome'} as never)).rejects.toMatchObject(
    journalError,
  );
}

describe('a chain', () => {
  it('has hashes that can be recomputed', async () => {
    const file = join(await temporaryFolder(), 'journal.jsonl');
    const journal = openJournal(file, {now: () => new Date('2026-01-02T03:04:05.678Z')});
    await journal.append(intentOf('r', 0));
    await journal.append(draftOf('r', 0));
    // printf '%s\n%s' PREVIOUS BODY | sha256sum
    expect((await journal.read()).map(({hash}) => hash)).toEqual([
      'eee4ebf4b4bc84db88ae1ee03404bb94604181f2aa90ac25198c547667abedb8',
      '73050854ac426babdf4c1a2cae70fbe9b4b9c30378011b5f63578881b9ad8674',
    ]);
  });

  it('is broken by a modified entry far from its end', async () => {
    const {file, journal} = await createJournal(200);
    const text = await readFile(file, 'utf8');
    expect(text.length).toBeGreaterThan(2 * 16 * 1024);
    await writeFile(file, text.replace('"title":"step 1"', '"title":"step X"'));
    await expectBroken(journal, 2, /^entry 2 was modified after it was written$/);
    expect(await journal.inspect()).toHaveLength(200);
  });

  it('is broken by a missing entry', async () => {
    const {file, journal} = await createJournal(5);
    const lines = (await readFile(file, 'utf8')).split('\n');
    await writeFile(file, lines.toSpliced(2, 1).join('\n'));
    await expectBroken(journal, 3, /^entry 3 is missing: found entry 4 instead$/);
  });

  it('is broken after a forged entry with a recomputed hash', async () => {
    const {file, journal} = await createJournal(5);
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    const {hash: _, previous, ...body} = JSON.parse(lines[2] ?? '');
    const forged = {...body, actor: 'mallory@here'};
    const hash = sha256(`${previous}\n${canonicalJson(forged)}`);
    await writeFile(file, `${lines.with(2, canonicalJson({...forged, previous, hash})).join('\n')}\n`);
    await expectBroken(journal, 4, /^entry 4 is not linked to the entry before it$/);
  });

  it('is broken when its first entry has another predecessor', async () => {
    const {file, journal} = await createJournal(1);
    const {hash: _h, previous: _p, ...body} = JSON.parse(await readFile(file, 'utf8'));
    const previous = 'f'.repeat(64);
    const hash = sha256(`${previous}\n${canonicalJson(body)}`);
    await writeFile(file, `${canonicalJson({...body, previous, hash})}\n`);
    await expectBroken(journal, 1, /^entry 1 is not linked/);
  });

  it.each<[string, (line: string) => string | Buffer]>([
    ['a key twice, the true one last', line => line.replace('"actor":', '"actor":"mallory","actor":')],
    ['a key twice deep in it', line => line.replace('"title":', '"title":"drop it","title":')],
    ['a space', line => line.replace('"actor":', '"actor": ')],
    ['a letter written as an escape', line => line.replace('"me@here"', '"\\u006de@here"')],
    ['its keys in another order', line => canonicalReversed(line)],
    ['a carriage return', line => `${line}\r`],
    ['a byte order mark', line => `\ufeff${line}`],
    ['a byte that is not UTF-8', line => bytesWith(line, 0xff)],
    ['an empty line before it', line => `\n${line}`],
  ])('is broken by %s', async (_, tamper) => {
    const {file, journal} = await createJournal(4);
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    const parts = lines.map((line, index) => Buffer.from(index === 1 ? tamper(line) : line));
    await writeFile(file, Buffer.concat(parts.flatMap(part => [part, Buffer.from('\n')])));
    await expectBroken(journal, 2, /^(entry 2 was not written by poolctl|line 2 is not a journal entry)/);
  });

  it('does not accept a replacement character for an invalid byte', async () => {
    const file = join(await temporaryFolder(), 'journal.jsonl');
    await openJournal(file).append({...intentOf('r', 0), actor: 'm\ufffde'});
    const bytes = await readFile(file);
    const at = bytes.indexOf('\ufffd');
    await writeFile(
      file,
      Buffer.concat([bytes.subarray(0, at), Buffer.from([0xff]), bytes.subarray(at + 3)]),
    );
    await expectBroken(openJournal(file), 1, /^line 1 is not a journal entry$/);
  });

  it('stores everything JSON can represent and verifies', async () => {
    const file = join(await temporaryFolder(), 'journal.jsonl');
    const odd = {...intentOf('r\u2028\ud800é"\\\u0007', 0), actor: '\u{1f600}'};
    await openJournal(file).append(odd);
    expect(await openJournal(file).read()).toMatchObject([odd]);
  });

  it('reports a truncated last line', async () => {
    const {file, journal} = await createJournal(3);
    const {size} = await stat(file);
    await truncate(file, size - 20);
    const torn = (await readFile(file, 'utf8')).split('\n').at(-1)?.length;
    expect(await journal.verify()).toMatchObject({ok: true, entries: 2, torn_bytes: torn});
  });
});

it('an intent without an outcome stays unfinished, even if its run has ended', async () => {
  const {file, journal} = await createJournal(1);
  const {actor, target} = draftOf('r', 0);
  await journal.append({
    ...{actor, target, run: 'r', event: 'end', status: 'failed', reason: 'cut off', after: {}},
  });
  expect(await openJournal(file).unfinished()).toMatchObject([{run: 'r', step: 0, acting_pid: null}]);
  expect((await journal.verify()).unfinished).toMatchObject([{run: 'r', step: 0}]);
});

function canonicalReversed(line: string): string {
  const entries = Object.entries(JSON.parse(line));
  return JSON.stringify(Object.fromEntries(entries.toReversed()));
}

function bytesWith(line: string, byte: number): Buffer {
  const at = line.indexOf('me@here');
  return Buffer.concat([Buffer.from(line.slice(0, at)), Buffer.from([byte]), Buffer.from(line.slice(at))]);
}
