import {copyFile, link, readdir, readFile, rename, rm, symlink, truncate, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {describe, expect, it} from 'vitest';
import {openJournal} from '../../source/journal/journal-file.ts';
import {temporaryFolder} from '../cli/execution/acting.ts';
import {draftOf, intentOf} from './drafts.ts';

const linesOf = async (file: string) => (await readFile(file, 'utf8')).trimEnd().split('\n');

describe('a process that writes a journal', () => {
  it.each<[string, (file: string) => Promise<unknown>, RegExp]>([
    [
      'cut',
      async file => truncate(file, Buffer.byteLength(`${(await linesOf(file))[0]}\n`)),
      /it was truncated .*: entry 3 is missing/,
    ],
    ['emptied', file => truncate(file, 0), /it was truncated/],
    [
      'truncated within its last line',
      async file => truncate(file, (await readFile(file)).length - 5),
      /it was truncated/,
    ],
    ['removed', file => rm(file), /it was deleted/],
    [
      'replaced by its own copy',
      async file => {
        await copyFile(file, `${file}.copy`);
        await rename(`${file}.copy`, file);
      },
      /it was replaced/,
    ],
    [
      'truncated and appended to by another process',
      async file => {
        await truncate(file, Buffer.byteLength(`${(await linesOf(file))[0]}\n`));
        const other = openJournal(file);
        for (let step = 5; step < 9; step++) await other.append(intentOf('another', step));
      },
      /entry 3 was modified/,
    ],
    [
      'rewritten in place',
      async file => {
        const lines = await linesOf(file);
        await writeFile(file, `${lines.with(2, (lines[2] ?? '').replace('step 1', 'step 7')).join('\n')}\n`);
      },
      /entry 3 was modified/,
    ],
  ])('finds that it was %s, and adds nothing', async (_, change, message) => {
    const file = join(await temporaryFolder(), 'journal.jsonl');
    const journal = openJournal(file);
    await journal.append(intentOf('r', 0));
    await journal.append(draftOf('r', 0));
    await journal.append(intentOf('r', 1));
    await change(file);
    const before = await readFile(file).catch(() => null);
    const failure = journal.append(draftOf('r', 1));
    await expect(failure).rejects.toMatchObject({name: 'AbortError', exitCode: 8});
    await expect(failure).rejects.toThrow(message);
    expect(await readFile(file).catch(() => null)).toEqual(before);
  });

  it('continues after entries that another process added', async () => {
    const file = join(await temporaryFolder(), 'journal.jsonl');
    const [one, other] = [openJournal(file), openJournal(file)];
    await one.append(intentOf('a', 0));
    await other.append(intentOf('b', 0));
    await one.append(draftOf('a', 0));
    await other.append(draftOf('b', 0));
    expect(await one.verify()).toMatchObject({ok: true, entries: 4, unfinished: []});
  });

  it('adds nothing after an entry that another process forged', async () => {
    const file = join(await temporaryFolder(), 'journal.jsonl');
    const journal = openJournal(file);
    await journal.append(intentOf('a', 0));
    const text = await readFile(file, 'utf8');
    await writeFile(file, `${text}${text.replace('"seq":1', '"seq":2')}`);
    await expect(journal.append(draftOf('a', 0))).rejects.toThrow(
      /entry 2 is not linked to the entry before it/,
    );
  });
});

describe('an outcome', () => {
  it('is recorded once, by the first process', async () => {
    const file = join(await temporaryFolder(), 'journal.jsonl');
    await openJournal(file).append(intentOf('r', 0));
    const processes = Array.from({length: 8}, () => openJournal(file));
    const outcome = {...draftOf('r', 0), event: 'outcome'} as never;
    const written = await Promise.all(processes.map(each => each.reconcile(outcome)));
    expect(written.filter(entry => entry !== null)).toHaveLength(1);
    expect(await openJournal(file).verify()).toMatchObject({ok: true, entries: 2, unfinished: []});
    expect(await readdir(join(file, '..'))).toEqual(['journal.jsonl']);
  });

  it('is not recorded by a run that another process has already reconciled', async () => {
    const file = join(await temporaryFolder(), 'journal.jsonl');
    const acting = openJournal(file);
    await acting.append(intentOf('r', 0));
    await openJournal(file).reconcile({...draftOf('r', 0), event: 'outcome'} as never);
    const late = acting.append(draftOf('r', 0));
    await expect(late).rejects.toMatchObject({name: 'AbortError', exitCode: 8});
    await expect(late).rejects.toThrow('run r step 1 already has an outcome in the journal');
    // A step with a second intent (two runs of one name) can have a second outcome.
    await acting.append(intentOf('r', 0));
    expect(await acting.append(draftOf('r', 0))).toMatchObject({seq: 4});
  });
});

describe('a journal with two paths', () => {
  it('is locked as one file through a symbolic link or another path', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'journal.jsonl');
    await openJournal(file).append(intentOf('first', 0));
    await symlink(file, join(folder, 'linked'));
    await symlink(folder, join(folder, 'around'));
    const names = [file, join(folder, 'linked'), join(folder, 'around', 'journal.jsonl')];
    await Promise.all(
      names.map(async (name, which) => {
        const journal = openJournal(name);
        for (let step = 0; step < 20; step++) await journal.append(intentOf(`run ${which}`, step));
      }),
    );
    expect(await openJournal(file).verify()).toMatchObject({ok: true, entries: 61});
    expect((await readdir(folder)).sort()).toEqual(['around', 'journal.jsonl', 'linked']);
  });

  it('is refused if the second path is a hard link', async () => {
    const folder = await temporaryFolder();
    const file = join(folder, 'journal.jsonl');
    await openJournal(file).append(intentOf('r', 0));
    await link(file, join(folder, 'other'));
    for (const name of [file, join(folder, 'other')]) {
      const journal = openJournal(name);
      await expect(journal.append(draftOf('r', 0))).rejects.toThrow(/has 2 hard links/);
      await expect(journal.read()).rejects.toMatchObject({exitCode: 8});
      expect(await journal.verify()).toMatchObject({ok: true, entries: 1});
    }
  });
});
