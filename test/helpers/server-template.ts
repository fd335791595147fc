import {createHash} from 'node:crypto';
import {readFile, rename, rm, writeFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import {type ServerBinaries, usableBinaries} from '../../source/demo/binaries.ts';
import {createPassword, runInitdb, type ServerTemplate} from '../../source/demo/server.ts';
import {createServerFolder, findServerUser} from '../../source/demo/server-folder.ts';
import {exists, requireOwnFolder} from './cached-folder.ts';

const inUse = new Map<string, Set<number>>();

/**
 * A data folder as initdb leaves it, kept between runs. Servers that one process runs at the same time get different
 * ones: copies of one would share its system identifier. Call `release` when the server has ended.
 */
export async function takeTemplate(
  binaries: ServerBinaries,
): Promise<{template: ServerTemplate; release: () => void}> {
  const key = createHash('sha256').update(binaries.bin).digest('hex').slice(0, 8);
  const name = `poolctl-template-${binaries.version}-${key}-${process.getuid?.()}`;
  const taken = inUse.get(name) ?? new Set();
  inUse.set(name, taken);
  let number = 0;
  while (taken.has(number)) number++;
  taken.add(number);
  const folder = path.join(os.tmpdir(), `${name}-${number}`);
  if (!(await exists(folder))) await makeTemplate(folder, binaries);
  await requireOwnFolder(folder);
  const password = await readFile(path.join(folder, 'password'), 'utf8');
  return {template: {data: path.join(folder, 'data'), password}, release: () => taken.delete(number)};
}

/** Complete or not at all: another worker may be making it too. */
async function makeTemplate(target: string, binaries: ServerBinaries): Promise<void> {
  const user = await findServerUser();
  const folder = await createServerFolder(os.tmpdir(), user);
  const bin = await usableBinaries(binaries, user, folder);
  const password = createPassword();
  await runInitdb({bin, user, folder}, password);
  await rm(path.join(folder.path, 'native'), {recursive: true, force: true});
  await writeFile(path.join(folder.path, 'password'), password, {mode: 0o600});
  await rename(folder.path, target).catch(async error => {
    if (!(await exists(target))) throw error;
    await rm(folder.path, {recursive: true, force: true});
  });
}
