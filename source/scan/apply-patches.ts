import {readFileSync, writeFileSync} from 'node:fs';
import {join, resolve} from 'node:path';
import type {ScanIssue, ScanProblem, ScanReport} from '../model/scan-report.ts';
import {loadParser} from './code/parser.ts';
import {reasonOf} from './code/walk-files.ts';

/**
 * Inserts the patches of a report into its files; nothing else changes. A file that would not parse afterwards, or cannot be
 * written, keeps its text and is a problem.
 */
export async function applyPatches({directory, endpoints}: Pick<ScanReport, 'directory' | 'endpoints'>) {
  const parse = await loadParser();
  const fixed: {file: string; line: number}[] = [];
  const problems: ScanProblem[] = [];
  for (const [file, patches] of patchesByFile(endpoints.flatMap(({issues}) => issues))) {
    const path = join(resolve(directory), file);
    try {
      const bytes = readFileSync(path);
      const text = bytes.toString('utf8');
      if (!Buffer.from(text).equals(bytes)) throw new Error('not UTF-8');
      const changed = insertAll(text, patches);
      const [error] = parse(path, changed).errors;
      if (error !== undefined) throw new Error(error.message);
      writeFileSync(path, changed);
      fixed.push(...patches.map(({line}) => ({file, line})));
    } catch (error) {
      problems.push({file, line: null, message: `not fixed: ${reasonOf(error)}`});
    }
  }
  return {fixed, problems};
}

type Insertion = NonNullable<ScanIssue['patch']>;

/** Each place once: several endpoints can run the same code. */
function patchesByFile(issues: readonly ScanIssue[]): Map<string, Insertion[]> {
  const files = new Map<string, Map<string, Insertion>>();
  for (const {file, patch} of issues) {
    if (patch === null) continue;
    const own = files.get(file) ?? new Map<string, Insertion>();
    files.set(file, own.set(`${patch.line}:${patch.column}`, patch));
  }
  return new Map([...files].map(([file, own]) => [file, [...own.values()]]));
}

/** From the last to the first, so that places stay what they are. */
function insertAll(text: string, patches: readonly Insertion[]): string {
  const starts = [0, ...[...text.matchAll(/\n/g)].map(({index}) => index + 1)];
  const offsets = patches.map(({line, column, insert}) => ({
    at: (starts[line - 1] ?? 0) + column - 1,
    insert,
  }));
  return offsets
    .toSorted((a, b) => b.at - a.at)
    .reduce((changed, {at, insert}) => `${changed.slice(0, at)}${insert}${changed.slice(at)}`, text);
}
