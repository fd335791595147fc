import {usageError} from '../core/errors.ts';
import {loadFolder, type TeamFile} from './folder.ts';
import {lintSql} from './lint-sql.ts';
import type {Problem} from './problem.ts';

/**
 * Every mistake in a team's recipes that can be seen without a server, by file and line: those that keep a file from
 * being loaded, and what PostgreSQL's own parser says of its SQL. Throws AbortError (exit 2) without such a folder,
 * or a recipe in it.
 */
export async function lintFolder(
  folder: string,
  taken: Iterable<string>,
): Promise<{files: number; problems: Problem[]}> {
  const files = await loadFolder(folder, taken);
  if (files.length === 0)
    throw usageError(`no recipe in ${folder}`, 'A recipe is an .md or .ts file in it; README.md is none.');
  const problems: Problem[] = [];
  for (const file of files) problems.push(...file.problems, ...(await problemsOfSql(file)));
  return {files: files.length, problems: problems.sort(byPlace)};
}

async function problemsOfSql({file, runbook}: TeamFile): Promise<Problem[]> {
  if (runbook === null) return [];
  const problems: Problem[] = [];
  await lintSql(runbook, (line, message) => void problems.push({file, line, message}));
  return problems;
}

function byPlace(a: Problem, b: Problem): number {
  return a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1;
}
