import {appendFile, mkdir, readdir, readFile, stat, symlink, truncate, writeFile} from 'node:fs/promises';
import {hostname} from 'node:os';
import {join} from 'node:path';
import {describe, expect, it} from 'vitest';
import {openJournal} from '../../source/journal/journal-file.ts';
import {describeLockOwner, ownProcess} from '../../source/journal/lock.ts';
import type {ProcessIdentity} from '../../source/model/journal-entry.ts';
import {temporaryFolder} from '../cli/execution/acting.ts';
import {draftOf, intentOf} from './drafts.ts';
import {startChild} from './processes.ts';

async function newFile(): Promise<string> {
  return join(await temporaryFolder(), 'state', 'poolctl', 'journal.jsonl');
}

async function fill(file: string, count: number, run = 'r'): Promise<void> {
  const journal = openJournal(file);
  for (let step = 0; step < count; step++) await journal.append(draftOf(run, step));
}

async function linesOf(file: string): Promise<string[]> {
  return (await readFile(file, 'utf8')).trimEnd().split('\n');
}

const appendProcess = new URL('./append-process.ts', import.meta.url);
const actProcess = new URL('./act-process.ts', import.meta.url);
const journalError = {name: 'AbortError', exitCode: 8};

describe('openJournal', () => {
  it('creates nothing before its first use and reads a missing file as empty', async () => {
    const file = await newFile();
    const journal = openJournal(file);
    expect(await journal.read()).toEqual([]);
    expect(await journal.verify()).toMatchObject({
      ok: true,
      entries: 0,
      broken_at: null,
      head: '0'.repeat(64),
    });
    await expect(stat(join(file, '..'))).rejects.toThrow('ENOENT');
  });

  it('numbers and links entries, in a file readable by its owner only', async () => {
    const file = await newFile();
    const journal = openJournal(file);
    const entries = await Promise.all([0, 1, 2].map(step => journal.append(draftOf('r', step))));
    expect(entries.map(({seq}) => seq)).toEqual([1, 2, 3]);
    expect(entries[1]?.previous).toBe(entries[0]?.hash);
    expect(await journal.read()).toEqual(entries);
    expect(await journal.verify()).toMatchObject({ok: true, entries: 3, head: entries[2]?.hash});
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await stat(join(file, '..'))).mode & 0o777).toBe(0o700);
    expect(await readdir(join(file, '..'))).toEqual(['journal.jsonl']);
  });

  it("removes other users' read permission from an existing file", async () => {
    const file = join(await temporaryFolder(), 'journal.jsonl');
    await writeFile(file, '', {mode: 0o644});
    await fill(file, 1);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('stores no password', async () => {
    const file = await newFile();
    await openJournal(file).append({...draftOf('r', 0), target: 'postgres://me:hush@db/shop'});
    expect(await readFile(file, 'utf8')).not.toContain('hush');
    expect(await openJournal(file).verify()).toMatchObject({ok: true});
  });

  it('moves an incomplete last line to another file, reports it and continues', async () => {
    const file = await newFile();
    await fill(file, 3);
    const whole = await linesOf(file);
    await truncate(file, (await stat(file)).size - 20);
    const notices: string[] = [];
    const journal = openJournal(file, {onNotice: text => notices.push(text)});
    expect(await journal.verify()).toMatchObject({ok: true, entries: 2});
    expect(await journal.append(draftOf('r', 9))).toMatchObject({seq: 3});
    expect(await journal.verify()).toMatchObject({ok: true, entries: 3});
    expect(await readFile(`${file}.torn`, 'utf8')).toBe(`${whole[2]?.slice(0, -19)}\n`);
    expect(notices).toEqual([expect.stringContaining('.torn')]);
  });

  it.each<[string, (lines: string[]) => string[], number]>([
    ['a changed entry', lines => lines.with(2, (lines[2] ?? '').replace('verified', 'skipped')), 3],
    ['a removed entry', lines => lines.toSpliced(1, 1), 2],
    ['exchanged entries', ([a = '', b = '', ...rest]) => [b, a, ...rest], 1],
    ['a repeated entry', lines => lines.toSpliced(2, 0, lines[1] ?? ''), 3],
    ['an invalid line', lines => lines.with(3, 'nonsense'), 4],
    ['another hash', lines => lines.with(4, (lines[4] ?? '').replace(/"hash":"./, '"hash":"x')), 5],
  ])('finds %s and appends nothing after it', async (_, tamper, seq) => {
    const file = await newFile();
    await fill(file, 5);
    const tampered = `${tamper(await linesOf(file)).join('\n')}\n`;
    await writeFile(file, tampered);
    const journal = openJournal(file);
    expect(await journal.verify()).toMatchObject({ok: false, broken_at: seq, entries: seq - 1});
    await expect(journal.append(draftOf('r', 9))).rejects.toMatchObject(journalError);
    expect(await readFile(file, 'utf8')).toBe(tampered);
  });

  it.each<[string, (folder: string) => Promise<string>]>([
    [
      'under a file',
      async folder => {
        await writeFile(join(folder, 'file'), '');
        return join(folder, 'file', 'journal.jsonl');
      },
    ],
    [
      'a folder',
      async folder => {
        await mkdir(join(folder, 'journal.jsonl'));
        return join(folder, 'journal.jsonl');
      },
    ],
    ['a device', async () => '/dev/null'],
    ['in a folder that accepts no files', async () => '/proc/poolctl/journal/journal.jsonl'],
  ])('reports why it cannot write: %s', async (_, prepare) => {
    const file = await prepare(await temporaryFolder());
    const failure = openJournal(file).append(draftOf('r', 0));
    await expect(failure).rejects.toMatchObject({
      ...journalError,
      hint: expect.stringContaining('--journal'),
    });
    await expect(failure).rejects.toThrow(file);
  });

  it('records one outcome per step', async () => {
    const file = await newFile();
    const journal = openJournal(file);
    await journal.append(intentOf('r', 0));
    expect(await journal.reconcile({...draftOf('r', 0), event: 'outcome'} as never)).toMatchObject({seq: 2});
    expect(await openJournal(file).reconcile({...draftOf('r', 0), event: 'outcome'} as never)).toBeNull();
    await expect(openJournal(file).append(draftOf('r', 0))).rejects.toMatchObject({
      ...journalError,
      message: expect.stringContaining('run r step 1 already has an outcome'),
    });
    expect(await linesOf(file)).toHaveLength(2);
  });

  it('lists intents without an outcome', async () => {
    const file = await newFile();
    const journal = openJournal(file);
    await journal.append(intentOf('a', 0));
    await journal.append(draftOf('a', 0));
    await journal.append(intentOf('a', 1));
    await journal.append(intentOf('b', 0));
    const unfinished = [
      {run: 'a', step: 1, seq: 3, title: 'step 1', subject: 'server', target: 'db:5432/shop'},
      {run: 'b', step: 0, seq: 4},
    ];
    expect(await journal.unfinished()).toMatchObject(unfinished);
    expect((await journal.verify()).unfinished).toMatchObject(unfinished);
  });
});

describe('between processes', () => {
  it('keeps one valid chain when two processes append 200 entries each', async () => {
    const file = await newFile();
    const children = ['a', 'b'].map(name => startChild(appendProcess, file, name, '200'));
    await Promise.all(children.map(child => child.prints('ready')));
    for (const child of children) child.process.stdin.write('go\n');
    expect(await Promise.all(children.map(({exited}) => exited))).toEqual([0, 0]);
    const journal = openJournal(file);
    expect(await journal.verify()).toMatchObject({ok: true, entries: 400});
    const entries = await journal.read();
    for (const name of ['a', 'b']) {
      const steps = entries.flatMap(entry =>
        entry.run === name && entry.event === 'outcome' ? entry.step : [],
      );
      expect(steps).toEqual(Array.from({length: 200}, (_, index) => index));
    }
    expect(await readdir(join(file, '..'))).toEqual(['journal.jsonl']);
  });

  it('distinguishes a running step from one whose process was killed', async () => {
    const file = await newFile();
    const child = startChild(actProcess, file);
    await child.prints('acting');
    const journal = openJournal(file);
    const {pid} = child.process;
    expect(await journal.unfinished()).toMatchObject([{run: 'killed', step: 0, acting_pid: pid}]);
    expect((await journal.verify()).unfinished).toMatchObject([{run: 'killed', acting_pid: pid}]);
    expect([...journal.underWay(await journal.read())]).toEqual([['killed', pid]]);
    child.process.kill('SIGKILL');
    await child.exited;
    expect(await journal.unfinished()).toMatchObject([
      {run: 'killed', step: 0, title: 'terminate 4711', acting_pid: null},
    ]);
    expect(journal.underWay(await journal.read()).size).toBe(0);
    expect(await journal.append(draftOf('next', 0))).toMatchObject({seq: 3});
  });

  it('takes over the lock of a process that ended, including its incomplete line', async () => {
    const file = await newFile();
    await fill(file, 1);
    const child = startChild(appendProcess, file, 'x', '0');
    await child.prints('ready');
    child.process.kill('SIGKILL');
    await child.exited;
    await symlink(ownerText({pid: child.process.pid ?? 0}), `${file}.lock.2.0`);
    await appendFile(file, '{"torn');
    expect(await openJournal(file).append(draftOf('r', 1))).toMatchObject({seq: 2});
    expect((await readdir(join(file, '..'))).sort()).toEqual(['journal.jsonl', 'journal.jsonl.torn']);
  });

  it.each([
    ['whose pid was reused', ownerText({pid: process.pid, start: '1'}), true],
    ['that is alive', ownerText({pid: process.pid}), false],
    ['on another host', ownerText({host: 'elsewhere', pid: 1}), false],
  ])('recognises a lock whose owner has ended: an owner %s', async (_, owner, isTakenOver) => {
    const file = await newFile();
    await fill(file, 1);
    await symlink(owner, `${file}.lock.2.0`);
    const appended = openJournal(file, {lock_timeout_ms: 50}).append(draftOf('r', 1));
    if (isTakenOver) await expect(appended).resolves.toMatchObject({seq: 2});
    else
      await expect(appended).rejects.toMatchObject({
        ...journalError,
        message: expect.stringContaining('is locked by'),
      });
  });

  it.each<[string, Partial<ProcessIdentity>, number | null]>([
    ['of this process', {}, process.pid],
    ['of an earlier one with its pid', {start: '1'}, null],
    ['of another host', {host: 'elsewhere'}, null],
    ['of another container', {pid_namespace: 'pid:[1]'}, null],
    ['of this host before its last boot', {boot: 'another'}, null],
  ])('reports whether a run %s is running', async (_, other, acting_pid) => {
    const journal = openJournal(await newFile());
    const open = {recipe: 'r', plan: '', params: {}, step_count: 2, before: {}};
    const {actor, target} = draftOf('a', 0);
    const by = {actor, target, run: 'a'};
    await journal.append({...by, event: 'run', ...open, process: {...ownProcess(), ...other}});
    await journal.append(intentOf('a', 0));
    expect(await journal.unfinished()).toMatchObject([{run: 'a', acting_pid}]);
    // A run with an `end` entry is over, even if its process (the console) is alive.
    await journal.append({...by, event: 'end', status: 'failed', reason: null, after: {}});
    expect(await journal.unfinished()).toMatchObject([{run: 'a', acting_pid: null}]);
  });

  it('removes locks of entries that have been written', async () => {
    const file = await newFile();
    await fill(file, 3);
    await symlink(ownerText({pid: process.pid}), `${file}.lock.3.0`);
    await fill(file, 1, 'next');
    expect(await readdir(join(file, '..'))).toEqual(['journal.jsonl']);
    // A run looks for unfinished steps first.
    await symlink(ownerText({pid: process.pid}), `${file}.lock.4.0`);
    const journal = openJournal(file);
    await journal.read();
    await journal.append(draftOf('last', 0));
    expect(await readdir(join(file, '..'))).toEqual(['journal.jsonl']);
  });
});

/** The text of a lock; members default to those of this process. */
function ownerText({host = hostname(), pid, start}: {host?: string; pid: number; start?: string}): string {
  const own = describeLockOwner().split('|');
  return [host, own[1], own[2], pid, start ?? own[4]].join('|');
}
