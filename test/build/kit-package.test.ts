import {execFile} from 'node:child_process';
import {mkdir, mkdtemp, rm, symlink, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import process from 'node:process';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';
import {afterAll, beforeAll, expect, test} from 'vitest';
import {program} from '../helpers/build.ts';

const root = path.resolve(path.dirname(program), '..');
const run = promisify(execFile);
let folder: string;

/** An application's folder with the packed package and pg, nothing else. */
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'poolctl-kit-'));
  const modules = path.join(folder, 'node_modules');
  await mkdir(path.join(modules, 'poolctl'), {recursive: true});
  await mkdir(path.join(modules, '@types'));
  await run(process.execPath, [bin('typescript/bin/tsc'), '-p', 'tsconfig.types.json'], {cwd: root});
  const {stdout} = await run('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    cwd: root,
  });
  const [{filename}] = JSON.parse(stdout);
  await run('tar', ['-xf', path.join(folder, filename), '-C', path.join(modules, 'poolctl'), '--strip=1']);
  for (const name of ['pg', '@types/pg', '@types/node']) {
    await symlink(path.join(root, 'node_modules', name), path.join(modules, name));
  }
  await writeFile(path.join(folder, 'package.json'), '{"name": "web", "type": "module"}');
});
afterAll(() => rm(folder, {recursive: true, force: true}));

const source = `import {createPool} from 'poolctl/kit';
const pool = createPool({application: 'web', platform: 'lambda', instances: 2});
const max: number | undefined = pool.options.max;
console.log(max);
// @ts-expect-error A platform has a name of a list.
createPool({application: 'web', platform: 'heroku', instances: 2});
`;

test("an application imports 'poolctl/kit' with its types", async () => {
  await writeFile(path.join(folder, 'app.ts'), source);
  const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--types', 'node', 'app.ts'];
  await run(process.execPath, [bin('typescript/bin/tsc'), ...flags], {cwd: folder});
  const script = source.split('\n').slice(0, 4).join('\n').replace(': number | undefined', '');
  const {stdout} = await run(process.execPath, ['--input-type=module', '-e', script], {cwd: folder});
  expect(stdout.trim()).toBe('1');
});

function bin(file: string): string {
  return fileURLToPath(new URL(`../../node_modules/${file}`, import.meta.url));
}
