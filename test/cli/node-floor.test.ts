import {execFile} from 'node:child_process';
import {readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';
import {transform} from 'esbuild';
import {expect, it} from 'vitest';
import {temporaryFolder} from './execution/acting.ts';

const entry = fileURLToPath(new URL('../../source/cli/node-floor.js', import.meta.url));
const run = promisify(execFile);

/** A copy of the entry, next to a program for it to load. */
async function runOn(
  version: string,
  {env = {}, preload = ''}: {env?: NodeJS.ProcessEnv; preload?: string} = {},
) {
  const folder = await temporaryFolder();
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await writeFile(join(folder, 'cli.js'), await readFile(entry));
  await writeFile(join(folder, 'main.js'), "console.log('loaded')");
  const pretend = `Object.defineProperty(process, 'versions', {value: {...process.versions, node: '${version}'}})`;
  await writeFile(join(folder, 'version.cjs'), `${pretend};${preload}`);
  const args = ['--require', join(folder, 'version.cjs'), join(folder, 'cli.js')];
  return run(process.execPath, args, {env}).catch(error => error);
}

it.each(['8.17.0', '18.20.4', '20.18.3'])('Node %s prints one line and exits 2', async version => {
  expect(await runOn(version)).toMatchObject({
    code: 2,
    stdout: '',
    stderr: `poolctl needs Node 20.19 or later; this is ${version}.\n`,
  });
});

it.each(['20.19.0', '22.0.0', '100.1.0'])('Node %s loads the program', async version => {
  expect(await runOn(version)).toMatchObject({stdout: 'loaded\n', stderr: ''});
});

const showCache = "require('node:module').enableCompileCache = folder => console.log('cache', folder)";

it("keeps compiled code in the user's own cache folder, where one can be made", async () => {
  const home = await temporaryFolder();
  const cached = async (env: NodeJS.ProcessEnv) => (await runOn('22.8.0', {env, preload: showCache})).stdout;
  expect(await cached({HOME: home})).toBe(`cache ${home}/.cache/poolctl\nloaded\n`);
  expect(await cached({HOME: '/', XDG_CACHE_HOME: home})).toBe(`cache ${home}/poolctl\nloaded\n`);
  expect(await cached({HOME: join(home, 'none')})).toBe('loaded\n');
  expect(await cached({})).toBe('loaded\n');
});

it('the minimum version is the one in package.json', async () => {
  const {engines} = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
  const [, major, minor] = /var floor = \[(\d+), (\d+)\]/.exec(await readFile(entry, 'utf8')) ?? [];
  expect(engines.node).toBe(`>=${major}.${minor}`);
});

it('cli.js has no syntax that an old Node cannot parse', async () => {
  const text = await readFile(entry, 'utf8');
  const lowered = await transform(text, {target: 'es5', supported: {'dynamic-import': true}});
  const plain = await transform(text, {target: 'esnext'});
  expect(lowered.code).toBe(plain.code);
  // Also as a script: Node before 12.17 ignores "type": "module".
  expect(text).not.toMatch(/^\s*(import|export)\s+(?!\()/m);
});
