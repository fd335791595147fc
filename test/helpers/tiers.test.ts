import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {afterEach, expect, it} from 'vitest';
import {sortIntoTiers} from './tiers.ts';

let folder = '';
afterEach(() => rm(folder, {recursive: true}));

/** The tier of a test file with these lines, in a folder with a helper that starts servers and one that builds. */
async function tierOf(...lines: string[]): Promise<string | undefined> {
  folder = await mkdtemp(path.join(os.tmpdir(), 'poolctl-tiers-'));
  await mkdir(path.join(folder, 'test', 'helpers'), {recursive: true});
  const files = {
    'helpers/server.ts': '',
    'helpers/build.ts': '',
    'helpers/pooler.ts': "import {\n  startTestServer,\n} from './server.ts';\n",
    'helpers/types.ts': "import type {TestServer} from './server.ts';\n",
    'a.test.tsx': `${lines.join('\n')}\n`,
  };
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, 'test', name), text);
  const tiers = sortIntoTiers(path.join(folder, 'test'));
  return Object.entries(tiers).find(([, [file]]) => file !== undefined)?.[0];
}

it.each([
  ['unit', "import path from 'node:path';", "import {expect} from 'vitest';"],
  ['unit', "import type {TestServer} from './helpers/server.ts';"],
  ['unit', "import './helpers/types.ts';"],
  ['server', "import {startTestServer} from './helpers/server.ts';"],
  ['server', "import {pooler} from './helpers/pooler.ts';"],
  ['server', "export {pooler} from './helpers/pooler.ts';"],
  ['server', "import {spawn} from 'node:child_process';"],
  ['server', '// tier: server', "import path from 'node:path';"],
  ['e2e', "import {program} from './helpers/build.ts';"],
  ['e2e', "import {pooler} from './helpers/pooler.ts';", "import {program} from './helpers/build.ts';"],
])('%s: %s', async (tier, ...lines) => {
  expect(await tierOf(...lines)).toBe(tier);
});
