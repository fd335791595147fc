/**
 * npm run mutants [ID ...]: makes each mistake of mutants.yaml in a scratch copy and runs the tests that must detect it.
 * Exit 1 if a mistake is not detected, if the code to change is not found, or if the tests fail without a mistake.
 */
import {spawn} from 'node:child_process';
import {existsSync} from 'node:fs';
import {cp, mkdtemp, readdir, readFile, rm, symlink, writeFile} from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {parse} from 'yaml';

type Mutant = {
  id: string;
  /** What the program would do wrong. */
  mistake: string;
  /** Stands once in source/ and recipes/, whatever its white space. */
  search: string;
  replace: string;
  /** The ends of the paths of test files, of which one has to fail. */
  tests: string[];
};

const root = fileURLToPath(new URL('../..', import.meta.url));
const mutants: Mutant[] = parse(await readFile(new URL('mutants.yaml', import.meta.url), 'utf8'));

async function main(ids: readonly string[]): Promise<void> {
  const chosen = mutants.filter(({id}) => ids.length === 0 || ids.includes(id));
  const scratch = await makeScratchCopy();
  const problems: string[] = [];
  try {
    const sources = await readTree(scratch, ['source', 'recipes'], /\.tsx?$/);
    const tests = [...(await readTree(scratch, ['test'], /\.test\.tsx?$/)).keys()];
    const ready = chosen.flatMap(mutant => {
      const pattern = patternOf(mutant.search);
      const places = [...sources].flatMap(([file, text]) =>
        [...text.matchAll(pattern)].map(([found]) => ({file, text, found})),
      );
      const files = mutant.tests.flatMap(end => tests.filter(file => file.endsWith(`/${end}`)));
      const [place] = places;
      if (place === undefined || places.length > 1)
        problems.push(`${mutant.id}: its text stands ${places.length} times in the sources, not once`);
      else if (files.length < mutant.tests.length)
        problems.push(`${mutant.id}: not every test file is there: ${mutant.tests.join(', ')}`);
      else return [{mutant, ...place, files}];
      return [];
    });
    if (ready.length > 0 && !(await passes(scratch, [...new Set(ready.flatMap(({files}) => files))]))) {
      problems.push('the tests fail without any mistake');
    }
    let killed = 0;
    for (const {mutant, file, text, found, files} of ready) {
      await writeFile(
        path.join(scratch, file),
        text.replace(found, () => mutant.replace),
      );
      const survives = await passes(scratch, files);
      await writeFile(path.join(scratch, file), text);
      if (survives) problems.push(`${mutant.id} survives: ${mutant.mistake}`);
      else killed++;
      console.log(`${mutant.id.padEnd(4)} ${survives ? 'SURVIVES' : 'killed'}  ${mutant.mistake}`);
    }
    console.log(`\n${killed} of ${chosen.length} mistakes noticed (${percent(killed, chosen)} %)`);
  } finally {
    await rm(scratch, {recursive: true, force: true});
  }
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length > 0 ? 1 : 0;
}

async function makeScratchCopy(): Promise<string> {
  const scratch = await mkdtemp(path.join(os.tmpdir(), 'poolctl-mutants-'));
  const left = new Set(['node_modules', 'dist', '.git']);
  for (const name of await readdir(root)) {
    if (!left.has(name)) await cp(path.join(root, name), path.join(scratch, name), {recursive: true});
  }
  await symlink(path.join(root, 'node_modules'), path.join(scratch, 'node_modules'));
  return scratch;
}

/** The files below these folders and their texts, by path relative to `scratch`. */
async function readTree(scratch: string, folders: string[], name: RegExp): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const folder of folders) {
    const names = await readdir(path.join(scratch, folder), {recursive: true});
    for (const each of names.filter(file => name.test(file))) {
      const file = path.join(folder, each);
      texts.set(file, await readFile(path.join(scratch, file), 'utf8'));
    }
  }
  return texts;
}

function patternOf(search: string): RegExp {
  const words = search.trim().split(/\s+/);
  return new RegExp(words.map(word => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('\\s+'), 'g');
}

function passes(scratch: string, files: readonly string[]): Promise<boolean> {
  const vitest = path.join(root, 'node_modules', 'vitest', 'vitest.mjs');
  if (!existsSync(vitest)) throw new Error('npm ci comes first');
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [vitest, 'run', '--bail=1', ...files], {
      cwd: scratch,
      stdio: 'ignore',
    });
    child.once('error', reject);
    child.once('exit', code => resolve(code === 0));
  });
}

function percent(killed: number, chosen: readonly Mutant[]): number {
  return Math.round((100 * killed) / Math.max(1, chosen.length));
}

await main(process.argv.slice(2));
