import {existsSync} from 'node:fs';
import {mkdir, mkdtemp, rename, rm} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {expect, test} from 'vitest';
import {createServerFolder, reapServerFolders} from '../../source/demo/server-folder.ts';

test('a folder is removed if its owner has ended, and kept if its pid namespace is another', async () => {
  const parent = await mkdtemp(path.join(os.tmpdir(), 'poolctl-test-'));
  try {
    const own = await createServerFolder(parent, null);
    expect(await reapServerFolders(parent)).toEqual([]);

    // The same pid with another start time: the owner has ended.
    const gone = own.path.replace(/\.\d+\./, '.1.');
    await rename(own.path, gone);
    const elsewhere = gone.replace(/\.\d+-/, '.1-');
    await mkdir(elsewhere);

    expect(await reapServerFolders(parent)).toEqual([gone]);
    expect(existsSync(gone)).toBe(false);
    expect(existsSync(elsewhere)).toBe(true);
  } finally {
    await rm(parent, {recursive: true, force: true});
  }
});
