import {execFileSync} from 'node:child_process';
import {chmod, chown, lstat, mkdir, readFile, stat, symlink, writeFile} from 'node:fs/promises';
import {createServer} from 'node:net';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {describe, expect, it, onTestFinished} from 'vitest';
import {openJournal} from '../../source/journal/journal-file.ts';
import {temporaryFolder} from '../cli/execution/acting.ts';
import {draftOf, intentOf} from './drafts.ts';

async function journalIn(folder: string): Promise<string> {
  const file = join(folder, 'journal.jsonl');
  await openJournal(file).append(intentOf('r', 0));
  return file;
}

const isRoot = process.geteuid?.() === 0;

describe('a file that is not a journal', () => {
  it.each<[string, (folder: string) => Promise<string>, RegExp]>([
    [
      'a pipe',
      async folder => {
        execFileSync('sh', ['-c', 'mkfifo "$0"', join(folder, 'pipe')]);
        return join(folder, 'pipe');
      },
      /is not a regular file/,
    ],
    [
      'a socket',
      async folder => {
        const server = createServer();
        await new Promise<void>(resolve => server.listen(join(folder, 'socket'), resolve));
        onTestFinished(() => void server.close());
        return join(folder, 'socket');
      },
      /is not a regular file/,
    ],
    ['a folder', async folder => folder, /is not a regular file/],
    ['a device that never ends', async () => '/dev/full', /is not a regular file/],
    [
      'a link to a device',
      async folder => {
        await symlink('/dev/zero', join(folder, 'link'));
        return join(folder, 'link');
      },
      /is not a regular file/,
    ],
    [
      'a link to a missing file',
      async folder => {
        await symlink(join(folder, 'nowhere'), join(folder, 'link'));
        return join(folder, 'link');
      },
      /is a symbolic link to a missing file/,
    ],
  ])('is refused at once, by readers and writers alike: %s', async (_, prepare, message) => {
    const journal = openJournal(await prepare(await temporaryFolder()));
    const uses = [
      () => journal.read(),
      () => journal.inspect(),
      () => journal.verify(),
      () => journal.unfinished(),
      () => journal.append(draftOf('r', 0)),
    ];
    for (const use of uses) {
      const refusal = use();
      await expect(refusal).rejects.toMatchObject({name: 'AbortError', exitCode: 8});
      await expect(refusal).rejects.toThrow(message);
    }
  });
});

describe('a journal that others can write', () => {
  it.each([0o666, 0o660, 0o602])('can be inspected but not acted on: mode %o', async mode => {
    const file = await journalIn(await temporaryFolder());
    await chmod(file, mode);
    const journal = openJournal(file);
    expect(await journal.verify()).toMatchObject({ok: true, entries: 1});
    expect(await journal.inspect()).toHaveLength(1);
    await expect(journal.read()).rejects.toMatchObject({
      exitCode: 8,
      message: expect.stringContaining(`is writable by other users (mode 0${mode.toString(8)})`),
      hint: expect.stringContaining(`chmod 600 ${file}`),
    });
    await expect(journal.append(draftOf('r', 0))).rejects.toMatchObject({exitCode: 8});
    expect((await stat(file)).mode & 0o777).toBe(mode);
  });

  it.runIf(isRoot)('is refused unchanged if it belongs to another user', async () => {
    const file = await journalIn(await temporaryFolder());
    await chown(file, 12_345, 12_345);
    await chmod(file, 0o644);
    const journal = openJournal(file);
    expect(await journal.verify()).toMatchObject({ok: true, entries: 1});
    await expect(journal.append(draftOf('r', 0))).rejects.toThrow(/belongs to another user \(uid 12345,/);
    await expect(journal.read()).rejects.toMatchObject({exitCode: 8});
    expect((await stat(file)).mode & 0o777).toBe(0o644);
  });
});

it('the mode of a file is not changed through a symbolic link', async () => {
  const folder = await temporaryFolder();
  const file = await journalIn(folder);
  await chmod(file, 0o644);
  await symlink(file, join(folder, 'link'));
  await openJournal(join(folder, 'link')).append(draftOf('r', 0));
  expect((await stat(file)).mode & 0o777).toBe(0o644);
  expect((await lstat(join(folder, 'link'))).isSymbolicLink()).toBe(true);
  expect(await openJournal(file).verify()).toMatchObject({ok: true, entries: 2});
});

/** Mounting needs privileges that a container may lack. */
function canMount(): boolean {
  try {
    execFileSync('sh', ['-c', 'unshare --mount true'], {stdio: 'ignore'});
    return true;
  } catch {
    return false;
  }
}

it.runIf(isRoot && canMount())(
  'a journal that is a mount point is refused, because its lock is not shared',
  async () => {
    const folder = await temporaryFolder();
    const file = await journalIn(folder);
    await mkdir(join(folder, 'a b'));
    const name = join(folder, 'a b', 'journal.jsonl');
    await writeFile(name, '');
    const program = fileURLToPath(new URL('./append-process.ts', import.meta.url));
    const script = 'mount --bind "$1" "$2" && echo go | "$3" --import tsx "$4" "$2" r 1 2>&1; true';
    const args = ['--mount', 'sh', '-c', script, 'sh', file, name, process.execPath, program];
    const output = execFileSync('unshare', args, {encoding: 'utf8'});
    expect(output).toMatch(/AbortError: the journal \S+\/a b\/journal.jsonl is a mount point/);
    expect((await readFile(file, 'utf8')).trimEnd().split('\n')).toHaveLength(1);
  },
);
