import {chmod, readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {describe, expect, it} from 'vitest';
import {openJournal} from '../../../source/journal/journal-file.ts';
import {failing, runProgram, temporaryHome} from '../../cli/run-program.ts';
import {intentOf} from '../../journal/drafts.ts';

describe('poolctl journal', () => {
  const broken = async () => {
    const file = join(await temporaryHome(), 'journal.jsonl');
    const journal = openJournal(file);
    for (const step of [0, 1, 2]) await journal.append(intentOf('r1', step));
    await writeFile(file, (await readFile(file, 'utf8')).replace('"step 1"', '"step 9"'));
    return file;
  };

  it('exits 8 if the chain is broken, and names the entry', async () => {
    const file = await broken();
    const text = await runProgram(['journal', 'verify', '--journal', file]);
    expect([text.code, text.stdout]).toEqual([
      8,
      expect.stringMatching(/BROKEN at entry 2: entry 2 was modified/),
    ]);
    const {code, stdout} = await runProgram(['journal', 'verify', '--json'], {env: {POOLCTL_JOURNAL: file}});
    expect([code, JSON.parse(stdout)]).toEqual([
      8,
      expect.objectContaining({schema_version: 1, ok: false, entries: 1, broken_at: 2}),
    ]);
  });

  it('exits 8 if the journal cannot be read', async () => {
    const home = await temporaryHome();
    for (const verb of ['list', 'verify'])
      expect(await failing(['journal', verb, '--journal', home])).toEqual([
        8,
        expect.stringMatching(/is not a regular file/),
      ]);
    if (process.getuid?.() === 0) return;
    const file = await broken();
    await chmod(file, 0);
    expect((await failing(['journal', 'list', '--journal', file]))[0]).toBe(8);
  });

  it('does not verify a named journal that is not there', async () => {
    expect(await failing(['journal', 'verify', '--journal', '/nowhere/j.jsonl'])).toEqual([
      8,
      expect.stringContaining('no journal /nowhere/j.jsonl'),
    ]);
    expect((await runProgram(['journal', 'verify'])).code).toBe(0);
  });

  it('reports no entries if there is no journal yet', async () => {
    expect(await failing(['journal'])).toEqual([
      0,
      expect.stringMatching(/^poolctl: no entries in .*journal.jsonl\n$/),
    ]);
  });
});
