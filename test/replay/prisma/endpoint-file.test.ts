import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {AbortError, exitCodes} from '../../../source/core/errors.ts';
import {loadEndpointFile} from '../../../source/replay/prisma/endpoint-file.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'poolctl-endpoint-'));
});
afterAll(() => rm(folder, {recursive: true, force: true}));

const variants = `variants: [{name: 'only', async run() {}}]`;

describe('an endpoint file', () => {
  test.each(['ts', 'mts', 'js', 'mjs'])('may have the extension .%s', async extension => {
    const file = await written(
      `an-endpoint.${extension}`,
      `import {defineEndpoint} from 'poolctl';\nexport default defineEndpoint({route: 'GET /x', samples: [{}], ${variants}});`,
    );
    expect(await loadEndpointFile(file)).toMatchObject({route: 'GET /x', file, variants: [{name: 'only'}]});
  });

  test('may import files next to it', async () => {
    await written('beside.ts', 'export const route: string = "GET /beside";');
    const file = await written(
      'importing.ts',
      `import {route} from './beside.ts';\nexport default {route, samples: [{}], ${variants}};`,
    );
    expect((await loadEndpointFile(file)).route).toBe('GET /beside');
  });

  test("imports poolctl/kit from the application's own poolctl, or else from this one", async () => {
    const text = `import * as kit from 'poolctl/kit';\nexport default {route: Object.keys(kit).join(), samples: [{}], ${variants}};`;
    const file = await written('cached.ts', text);
    expect((await loadEndpointFile(file)).route).toMatch(/\bcreateCache\b/);
    await written(join('application', 'node_modules', 'poolctl', 'kit.mjs'), 'export const own = 1;');
    await written(
      join('application', 'node_modules', 'poolctl', 'package.json'),
      '{"name": "poolctl", "exports": {"./kit": "./kit.mjs"}}',
    );
    const installed = await written(join('application', 'cached.ts'), text);
    expect((await loadEndpointFile(installed)).route).toBe('own');
  });

  test.each([
    ['cannot be read', 'const a = 1;\nexport default {', /:2: cannot load it: /],
    ['throws', '\n\nthrow new Error("not today");', /:3: cannot load it: not today$/],
    ['imports a missing file', 'import "./nowhere.ts";', /:1: cannot load it: Cannot find module/],
    [
      'exports nothing',
      'export const a = 1;',
      /: it does not export an endpoint: add export default defineEndpoint/,
    ],
    ['has no route', `export default {samples: [{}], ${variants}};`, /: it has no route$/],
    ['has no variants', 'export default {route: "x", samples: [{}], variants: []};', /: it has no variants/],
    [
      'has a variant without a function',
      'export default {route: "x", samples: [{}], variants: [{name: "before"}]};',
      /: its variant before has no `run` function$/,
    ],
    [
      'has two variants of the same name',
      'export default {route: "x", samples: [{}], variants: [{name: "a", run() {}}, {name: "a", run() {}}]};',
      /: two of its variants have the same name$/,
    ],
    ['has no samples', `export default {route: "x", ${variants}};`, /: it has no samples/],
    [
      'has a setup that is not a function',
      `export default {route: "x", samples: [{}], setup: 1, ${variants}};`,
      /: its setup is not a function$/,
    ],
  ])('that %s is reported with its line', async (name, text, message) => {
    const file = await written(`${name.replaceAll(' ', '-')}.ts`, text);
    const error = await loadEndpointFile(file).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AbortError);
    const {message: said, exitCode} = error as AbortError;
    expect(said.startsWith(file)).toBe(true);
    expect(said).toMatch(message);
    expect(said).not.toContain('\n');
    expect(exitCode).toBe(exitCodes.usage);
  });
});

async function written(name: string, text: string): Promise<string> {
  const file = join(folder, name);
  await mkdir(dirname(file), {recursive: true});
  await writeFile(file, text);
  return file;
}
