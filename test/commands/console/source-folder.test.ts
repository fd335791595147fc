import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {expect, it} from 'vitest';
import {findSource} from '../../../source/commands/console/source-folder.ts';
import {temporaryFolder} from '../../cli/execution/acting.ts';

it('opens the console without the folder of config.toml, and says what is wrong when it is scanned', async () => {
  const cwd = await temporaryFolder();
  await writeFile(join(cwd, 'file'), '');
  for (const [folder, problem] of [
    ['gone', `${cwd}/gone is not a folder`],
    ['file', `${cwd}/file is not a folder`],
    // Any error of the file system, as that of a folder without permission.
    ['x'.repeat(300), 'ENAMETOOLONG'],
  ] as const) {
    const source = findSource({cwd}, undefined, folder);
    expect(source?.directory).toBe(join(cwd, folder));
    expect(() => source?.check()).toThrow(`source in config.toml: ${problem}`);
    expect(() => findSource({cwd}, folder, undefined)).toThrow(`--source: ${problem}`);
  }
});

it('takes the folder of the flag before that of config.toml', async () => {
  const cwd = await temporaryFolder();
  expect(findSource({cwd}, undefined, undefined)).toBeNull();
  const source = findSource({cwd}, '.', 'gone');
  expect(source?.directory).toBe(cwd);
  source?.check();
});
