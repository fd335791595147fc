import {readdir} from 'node:fs/promises';
import {join} from 'node:path';

const maxFiles = 5000;
const maxDepth = 12;
const skipped = new Set(
  'node_modules dist build out coverage generated vendor test tests __tests__ e2e'.split(' '),
);
const isSource = (name: string) =>
  /\.[cm]?[jt]sx?$/.test(name) && !/\.(?:d|test|spec)\.[cm]?[jt]sx?$/.test(name);

/** JavaScript and TypeScript sources under a folder, sorted; installed, built, generated, hidden ones and tests left out. */
export async function findSources(folder: string): Promise<{paths: string[]; is_partial: boolean}> {
  const paths: string[] = [];
  const open = [{path: folder, depth: 0}];
  for (let next = open.shift(); next !== undefined; next = open.shift()) {
    const entries = await readdir(next.path, {withFileTypes: true}).catch(() => []);
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(next.path, entry.name);
      // A symbolic link is neither: a loop of them would have no end.
      if (entry.isDirectory() && !skipped.has(entry.name) && !entry.name.startsWith('.')) {
        if (next.depth < maxDepth) open.push({path, depth: next.depth + 1});
      } else if (entry.isFile() && isSource(entry.name)) {
        if (paths.length === maxFiles) return {paths, is_partial: true};
        paths.push(path);
      }
    }
  }
  return {paths, is_partial: false};
}
