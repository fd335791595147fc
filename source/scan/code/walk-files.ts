import {readdirSync, readFileSync, statSync} from 'node:fs';
import {join, relative} from 'node:path';
import {formatBytes} from '../../core/text/format.ts';
import type {ScanProblem} from '../../model/scan-report.ts';
import {type IgnoreRule, isIgnored, readIgnoreFile} from './ignore-file.ts';

/** Larger files are bundles. */
export const maxBytes = 1_000_000;

const skippedFolders = new Set(
  'node_modules bower_components dist build out coverage generated vendor migrations __generated__ __tests__ __mocks__ tests test e2e cypress playwright'.split(
    ' ',
  ),
);

const isCode = /(?<!\.d)\.[cm]?[jt]sx?$/;
const isBeside = /\.(?:test|spec|stories|e2e|min|config)\.[cm]?[jt]sx?$|(?:^|\/)seed\.[cm]?[jt]s$/;

/** The code of an application: absolute paths of its source files, and of its package.json files. */
export type SourceFiles = {code: string[]; manifests: string[]; problems: ScanProblem[]};

/**
 * Walks a folder without what Git ignores, dependencies, builds, generated code and tests. Symbolic links are not
 * followed, so that none leads in a circle or out of the folder. What cannot be read is a problem, never an error.
 */
export function walkFiles(root: string): SourceFiles {
  const found: SourceFiles = {code: [], manifests: [], problems: []};
  const ignoring: {folder: string; rules: IgnoreRule[]}[] = [];
  const isExcluded = (path: string, isFolder: boolean) =>
    ignoring.reduce<boolean>(
      (excluded, {folder, rules}) => isIgnored(rules, posixPath(folder, path), isFolder) ?? excluded,
      false,
    );
  const visit = (folder: string) => {
    const entries = attempt(() => readdirSync(folder, {withFileTypes: true}), folder);
    if (entries === null) return;
    const ignoreFile = entries.find(({name}) => name === '.gitignore');
    const text = ignoreFile?.isFile()
      ? attempt(() => readFileSync(join(folder, '.gitignore'), 'utf8'), folder)
      : null;
    if (text !== null) {
      const {rules, badLines} = readIgnoreFile(text);
      ignoring.push({folder, rules});
      const file = posixPath(root, join(folder, '.gitignore'));
      for (const line of badLines) found.problems.push({file, line, message: 'ignored: not a pattern'});
    }
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (skippedFolders.has(entry.name) || entry.name.startsWith('.') || isExcluded(path, true)) continue;
        visit(path);
      } else if (entry.isFile() && !isExcluded(path, false)) {
        if (entry.name === 'package.json') found.manifests.push(path);
        else if (isCode.test(entry.name) && !isBeside.test(entry.name)) addFile(path);
      }
    }
    if (text !== null) ignoring.pop();
  };
  const addFile = (path: string) => {
    const size = attempt(() => statSync(path).size, path);
    if (size === null) return;
    if (size > maxBytes)
      found.problems.push({
        file: posixPath(root, path),
        line: null,
        message: `not read: ${formatBytes(size)} is a bundle, not a source`,
      });
    else found.code.push(path);
  };
  const attempt = <T>(read: () => T, path: string): T | null => {
    try {
      return read();
    } catch (error) {
      found.problems.push({
        file: posixPath(root, path) || '.',
        line: null,
        message: `not read: ${reasonOf(error)}`,
      });
      return null;
    }
  };
  visit(root);
  return found;
}

export function reasonOf(error: unknown): string {
  const {code} = error as NodeJS.ErrnoException;
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied';
  return code ?? String(error);
}

export function posixPath(folder: string, path: string): string {
  return relative(folder, path).replaceAll('\\', '/');
}
