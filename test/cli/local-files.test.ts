import {execFile} from 'node:child_process';
import {
  chmod,
  chown,
  link,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {describe, expect, it} from 'vitest';
import {localFiles} from '../../source/cli/local-files.ts';
import {AbortError} from '../../source/core/errors.ts';
import {temporaryFolder} from './execution/acting.ts';

/** A BOM, Latin-1 bytes, CRLF, NUL and no newline at the end. */
const bytes = Buffer.from('\xef\xbb\xbfA=caf\xe9\r\nmax: 5\r\n\x00\xff', 'latin1');

const isRoot = process.getuid?.() === 0;
const someoneElse = 12_345;

async function change(path: string, meanwhile?: () => Promise<unknown>): Promise<boolean> {
  const before = await localFiles.read(path);
  await meanwhile?.();
  return localFiles.replace(path, {before, after: before?.replace('max: 5', 'max: 7') ?? null});
}

const changed = Buffer.from(bytes.toString('latin1').replace('max: 5', 'max: 7'), 'latin1');

async function refusal(running: Promise<unknown>): Promise<AbortError> {
  const error = await running.catch((thrown: unknown) => thrown);
  if (error instanceof AbortError) return error;
  throw new Error(`not refused: ${error}`);
}

describe('changing a file', () => {
  it('keeps every other byte and the mode, and leaves no temporary file', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, '.env');
    await writeFile(path, bytes);
    await chmod(path, 0o640);
    expect(await change(path)).toBe(true);
    expect(await readFile(path)).toEqual(changed);
    expect((await stat(path)).mode & 0o7777).toBe(0o640);
    expect(await readdir(folder)).toEqual(['.env']);
  });

  it('changes the target of a symbolic link; the links stay', async () => {
    const folder = await temporaryFolder();
    const [shared, app] = [join(folder, 'shared'), join(folder, 'app')];
    for (const each of [shared, app]) await mkdir(each);
    await writeFile(join(shared, 'env'), bytes);
    await symlink('env', join(shared, 'current'));
    await symlink('../shared/current', join(app, '.env'));
    expect(await change(join(app, '.env'))).toBe(true);
    expect(await readFile(join(shared, 'env'))).toEqual(changed);
    expect(await readlink(join(app, '.env'))).toBe('../shared/current');
    expect((await lstat(join(shared, 'current'))).isSymbolicLink()).toBe(true);
    expect(await readdir(app)).toEqual(['.env']);
  });

  it.runIf(isRoot)("keeps owner and group of another user's file if root changes it", async () => {
    const path = join(await temporaryFolder(), '.env');
    await writeFile(path, bytes);
    await chown(path, someoneElse, someoneElse + 1);
    await chmod(path, 0o600);
    expect(await change(path)).toBe(true);
    expect(await stat(path)).toMatchObject({uid: someoneElse, gid: someoneElse + 1});
    expect((await stat(path)).mode & 0o7777).toBe(0o600);
  });

  it.runIf(isRoot)('changes nothing if the owner cannot be preserved', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, '.env');
    await writeFile(path, bytes);
    await chmod(path, 0o644);
    await chmod(folder, 0o777);
    const before = await stat(path);
    const message = await replaceAs(someoneElse, path);
    expect(message).toMatch(
      /^7 cannot write .*: it belongs to user 0, group \d+, and poolctl cannot preserve that/,
    );
    expect(await readFile(path)).toEqual(bytes);
    expect((await stat(path)).ino).toBe(before.ino);
    expect(await readdir(folder)).toEqual(['.env']);
  });

  it.each<[string, (path: string) => Promise<unknown>]>([
    ['its bytes', path => writeFile(path, 'max: 5')],
    [
      'a byte that is not UTF-8',
      path => writeFile(path, Buffer.from(bytes.map(each => (each === 0xe9 ? 0xe8 : each)))),
    ],
    ['whether it exists', path => import('node:fs/promises').then(({rm}) => rm(path))],
  ])('changes nothing if another process has changed %s since', async (_, meanwhile) => {
    const folder = await temporaryFolder();
    const path = join(folder, '.env');
    await writeFile(path, bytes);
    expect(await change(path, () => meanwhile(path))).toBe(false);
    const now = await readFile(path).catch(() => null);
    await writeFile(path, bytes);
    await meanwhile(path);
    expect(now).toEqual(await readFile(path).catch(() => null));
    expect((await readdir(folder)).filter(name => name.endsWith('.tmp'))).toEqual([]);
  });

  it('refuses a file with several hard links', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, '.env');
    await writeFile(path, bytes);
    await link(path, join(folder, 'other'));
    const error = await refusal(change(path));
    expect(error.message).toContain('it has 2 names (hard links)');
    expect(error.exitCode).toBe(7);
    expect(await readFile(join(folder, 'other'))).toEqual(bytes);
    expect((await stat(path)).nlink).toBe(2);
  });

  it('refuses a pipe and a folder without blocking', async () => {
    const folder = await temporaryFolder();
    await promisify(execFile)('mkfifo', [join(folder, 'pipe')]);
    for (const name of ['pipe', '.']) {
      expect((await refusal(localFiles.read(join(folder, name)))).message).toMatch(
        /not a regular file|EISDIR/,
      );
    }
  });
});

describe('creating a file', () => {
  const made = (path: string, folder: 'new' | 'existing') =>
    localFiles.replace(path, {before: null, after: 'made', folder});

  it('creates the folder, and undo removes it with the file', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, '2026_add', 'migration.sql');
    expect(await made(path, 'new')).toBe(true);
    expect(await readFile(path, 'utf8')).toBe('made');
    expect(await localFiles.replace(path, {before: 'made', after: null, folder: 'new'})).toBe(true);
    expect(await readdir(folder)).toEqual([]);
  });

  it('is undone without removing the folder if it contains other files', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, '2026_add', 'migration.sql');
    await made(path, 'new');
    await writeFile(join(folder, '2026_add', 'notes.md'), '');
    expect(await localFiles.replace(path, {before: 'made', after: null, folder: 'new'})).toBe(true);
    expect(await readdir(join(folder, '2026_add'))).toEqual(['notes.md']);
  });

  it('is undone without removing a folder that existed before, even if it is empty', async () => {
    const folder = join(await temporaryFolder(), 'existing');
    await mkdir(folder);
    const path = join(folder, 'file');
    expect(await made(path, 'new')).toBe(false);
    expect(await readdir(folder)).toEqual([]);
    expect(await made(path, 'existing')).toBe(true);
    expect(await localFiles.replace(path, {before: 'made', after: null, folder: 'existing'})).toBe(true);
    expect(await readdir(folder)).toEqual([]);
  });

  it('replaces no existing file or link', async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'file'), 'theirs');
    expect(await made(join(folder, 'file'), 'existing')).toBe(false);
    expect(await readFile(join(folder, 'file'), 'utf8')).toBe('theirs');
    await symlink('nowhere', join(folder, 'link'));
    const error = await refusal(made(join(folder, 'link'), 'existing'));
    expect(error.message).toContain('a symbolic link to a file that does not exist');
    expect((await readdir(folder)).toSorted()).toEqual(['file', 'link']);
  });

  it('is not undone if the file was changed or replaced by a link', async () => {
    const folder = await temporaryFolder();
    const path = join(folder, 'file');
    await made(path, 'existing');
    await writeFile(path, 'made, and changed');
    expect(await localFiles.replace(path, {before: 'made', after: null})).toBe(false);
    await writeFile(join(folder, 'other'), 'made');
    await symlink('other', join(folder, 'link'));
    expect(await localFiles.replace(join(folder, 'link'), {before: 'made', after: null})).toBe(false);
    expect((await readdir(folder)).toSorted()).toEqual(['file', 'link', 'other']);
  });
});

/** Makes the same change as that user, in another process. Returns its error as `exitCode message`. */
async function replaceAs(uid: number, path: string): Promise<string> {
  const module = new URL('../../source/cli/local-files.ts', import.meta.url).href;
  const script = `
    const {localFiles} = await import(${JSON.stringify(module)});
    process.setgroups([]); process.setgid(${uid}); process.setuid(${uid});
    const path = ${JSON.stringify(path)};
    const before = await localFiles.read(path);
    const message = await localFiles.replace(path, {before, after: before + 'x'}).then(String, error => error.exitCode + ' ' + error.message);
    process.stdout.write(message);
  `;
  const args = ['--import', 'tsx', '--input-type=module', '-e', script];
  return (await promisify(execFile)(process.execPath, args)).stdout;
}
