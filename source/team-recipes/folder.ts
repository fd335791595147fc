import {readdir, readFile, stat} from 'node:fs/promises';
import {join} from 'node:path';
import {usageError} from '../core/errors.ts';
import type {Recipe} from '../model/recipe.ts';
import {compileMarkdownRecipe} from './compile.ts';
import {type MarkdownRecipe, parseMarkdownRecipe} from './markdown-recipe.ts';

/** A mistake in a team's recipe. */
export type Problem = {
  /** Its path, starting with the folder as given. */
  file: string;
  /** From 1. */
  line: number;
  message: string;
};

/** A file of a team's folder, with its recipe unless it has problems. */
export type TeamFile = {
  file: string;
  recipe: Recipe | null;
  /** null for TypeScript, and for Markdown without a diagnosis. */
  markdown: MarkdownRecipe | null;
  problems: Problem[];
};

/**
 * Loads a team's recipes, `.md` and `.ts` files sorted by name, without README.md, tests, declarations and subfolders.
 * `taken` are the ids of other recipes. Throws AbortError (exit 2) if the folder cannot be read.
 */
export async function loadFolder(folder: string, taken: Iterable<string>): Promise<TeamFile[]> {
  const ids = new Set(taken);
  const files: TeamFile[] = [];
  for (const name of await filesIn(folder)) {
    const path = join(folder, name);
    const problems: Problem[] = [];
    const report = (line: number, message: string) => void problems.push({file: path, line, message});
    const id = name.replace(/\.(md|ts)$/, '');
    if (!idPattern.test(id)) report(1, `the file name "${id}" must be in kebab-case`);
    const {markdown = null, recipe} = await load(id, path, report);
    if (ids.has(id)) report(1, `duplicate recipe "${id}": rename the file`);
    ids.add(id);
    files.push({file: path, recipe: problems.length === 0 ? recipe : null, markdown, problems});
  }
  return files;
}

async function filesIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, {withFileTypes: true});
    const names = entries.filter(entry => !entry.isDirectory()).map(({name}) => name);
    return names.filter(name => /\.(md|ts)$/.test(name) && !ignored.test(name)).sort();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw usageError(
      `cannot read the recipe folder ${folder}: ${code}`,
      'Name a folder with .md or .ts files.',
    );
  }
}

const idPattern = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const ignored = /^readme\.md$|\.d\.ts$|\.test\.ts$/i;

async function load(
  id: string,
  path: string,
  report: (line: number, message: string) => void,
): Promise<{markdown?: MarkdownRecipe | null; recipe: Recipe | null}> {
  const problem = await fileProblem(path);
  if (problem !== null) {
    report(1, problem);
    return {recipe: null};
  }
  if (path.endsWith('.ts')) {
    const {loadTypeScript} = await import('./typescript.ts');
    return {recipe: await loadTypeScript(id, path, report)};
  }
  let isValid = true;
  const markdown = parseMarkdownRecipe(id, await readFile(path, 'utf8'), (line, message) => {
    isValid = false;
    report(line, message);
  });
  return {markdown, recipe: markdown !== null && isValid ? compileMarkdownRecipe(markdown) : null};
}

/** Why it cannot be read; null if it can. A pipe would be waited for. */
async function fileProblem(path: string): Promise<string | null> {
  try {
    return (await stat(path)).isFile() ? null : 'not a regular file';
  } catch (error) {
    return `cannot be read: ${error instanceof Error && 'code' in error ? error.code : String(error)}`;
  }
}
