import {existsSync} from 'node:fs';
import {createRequire} from 'node:module';
import {basename} from 'node:path';
import {fileURLToPath, pathToFileURL} from 'node:url';
import {BugError} from '../core/errors.ts';

/** What `fork` needs for the program of a worker process: `source` is its path from this folder. */
export function workerProgram(source: `./${string}.ts`): {path: string; execArgv: string[]} {
  const built = basename(source, '.ts');
  // In dist next to the chunks or one folder up.
  const names = import.meta.url.endsWith('.ts') ? [source] : [`../${built}.js`, `./${built}.js`];
  const found = names.map(name => new URL(name, import.meta.url)).find(url => existsSync(url));
  if (found === undefined) throw new BugError('the worker program is missing');
  const loader = () => pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
  return {
    path: fileURLToPath(found),
    execArgv: found.pathname.endsWith('.ts') ? ['--import', loader()] : [],
  };
}
