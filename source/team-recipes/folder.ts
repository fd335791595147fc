import {readdir, readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {usageError} from '../core/errors.ts';
import type {Recipe} from '../model/recipe.ts';
import {compileMarkdownRecipe} from './compile.ts';

import {type MarkdownRecipe, parseMarkdownRecipe} from './markdown-recipe.ts';

/** A file of a team's folder: what it is, unless something is wrong with it. */
export type TeamFile = {
  file: string;
  recipe: Recipe | null;
  /** Where it is Markdown and can be understood. */
  runbook: MarkdownRecipe | null;
  problems: Problem[];
};

/**
 * A team's recipes: `.md` runbooks and `.ts` recipes, by their names; README.md and subfolders are left out.
 * `taken` are ids that others have. Throws AbortError (exit 2) where there is no such folder.
 */
export async function loadFolder(folder: string, taken: Iterable<string>): Promise<TeamFile[]> {
  const ids = new Set(taken);
  const files: TeamFile[] = [];
  for (const name of await filesIn(folder)) {
    const path = join(folder, name);
    const problems: Problem[] = [];
    const report = (line: number, message: string) => void problems.push({file: path, line, message});
    const id = name.replace(/\.(md|ts)$/, '');
    if (!idPattern.test(id)) report(1, `"${id}": name the file in kebab-case`);
    const {runbook = null, recipe} = await load(id, path, report);
    if (ids.has(id)) report(1, `there is another recipe "${id}": name the file otherwise`);
    ids.add(id);
    files.push({file: path, recipe: problems.length === 0 ? recipe : null, runbook, problems});
  }
  return files;
}

async function filesIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, {withFileTypes: true});
    const names = entries.filter(entry => !entry.isDirectory()).map(({name}) => name);
    return names.filter(name => /\.(md|ts)$/.test(name) && !leftOut.test(name)).sort();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'it cannot be read';
    throw usageError(
      `the recipes of ${folder} cannot be read: ${code}`,
      'Name a folder of .md and .ts files.',
    );
  }
}

const idPattern = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const leftOut = /^readme\.md$|\.d\.ts$|\.test\.ts$/i;

async function load(
  id: string,
  path: string,
  report: (line: number, message: string) => void,
): Promise<{runbook?: MarkdownRecipe | null; recipe: Recipe | null}> {
  if (path.endsWith('.ts')) {
    const {loadTypeScript} = await import('./typescript.ts');
    return {recipe: await loadTypeScript(id, path, report)};
  }
  let isWell = true;
  const runbook = parseMarkdownRecipe(id, await readFile(path, 'utf8'), (line, message) => {
    isWell = false;
    report(line, message);
  });
  return {runbook, recipe: runbook !== null && isWell ? compileMarkdownRecipe(runbook) : null};
}

/** What is wrong with a team's recipe, and where. */
export type Problem = {
  /** As it was found: below the folder that was named. */
  file: string;
  /** From 1. */
  line: number;
  message: string;
};
