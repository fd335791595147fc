// tier: server
import {cp, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {build} from 'esbuild';
import {expect, it, onTestFinished} from 'vitest';
import {inkOnAGrid} from '../../build/ink-on-a-grid.mjs';

/** Builds what imports this module of Ink, after a change of one of Ink's files; '' where it builds, else why not. */
async function failureOf(module: string, file: string, change: (source: string) => string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'poolctl-ink-'));
  onTestFinished(() => rm(folder, {recursive: true}));
  await cp('node_modules/ink', join(folder, 'node_modules/ink'), {recursive: true});
  const path = join(folder, 'node_modules/ink', file);
  const source = await readFile(path, 'utf8');
  const changed = change(source);
  expect(changed).not.toBe(source);
  await writeFile(path, changed);
  return build({
    stdin: {contents: `import './node_modules/ink/build/${module}';`, resolveDir: folder},
    absWorkingDir: folder,
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    plugins: [inkOnAGrid],
    logLevel: 'silent',
  }).then(
    () => '',
    (error: Error) => error.message,
  );
}

const replace = (before: string, after: string) => (source: string) => source.replace(before, () => after);
const howToCompare =
  /Compare its build\/output\.js with source\/console\/screen\/ink-output\.ts .*then change inkVersion and outputSha256/;

it.each([
  ['has a method renamed', replace('    unclip() {', '    endClip() {')],
  ['has another option of its constructor', replace('{ width, height } =', '{ width, height, depth } =')],
  ['is that of another version', (source: string) => `${source}\n// 6.9`],
])('the build fails and says what to do where output.js %s', async (_name, change) => {
  const failure = await failureOf('output.js', 'build/output.js', change);
  expect(failure).toContain('node_modules/ink/build/output.js is not that of Ink 6.8.0');
  expect(failure).toMatch(howToCompare);
});

it('the build fails where Ink has another version, whatever of it has changed', async () => {
  const failure = await failureOf('output.js', 'package.json', replace('"6.8.0"', '"6.9.0"'));
  expect(failure).toContain('node_modules/ink is 6.9.0, and the console is written for Ink 6.8.0');
  expect(failure).toMatch(howToCompare);
});

it('the build fails and names the module where another one that it changes has changed', async () => {
  const change = replace('const cache = {};', 'const cache = Object.create(null);');
  expect(await failureOf('wrap-text.js', 'build/wrap-text.js', change)).toMatch(
    /node_modules\/ink\/build\/wrap-text\.js has changed: "const cache = \{\};" is not there once\. Find what does the same now/,
  );
});

it('the build takes Ink where only its documentation has changed', async () => {
  expect(await failureOf('output.js', 'readme.md', source => `${source}\n`)).toBe('');
});
