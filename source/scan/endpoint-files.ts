import {readdirSync, readFileSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {walkFiles} from './code/walk-files.ts';

/** The files in an application's folder that `poolctl replay` can run, by their route: modules anywhere, SQL in the folder itself. */
export function endpointFiles(directory: string): Record<string, string> {
  const root = resolve(directory);
  const captured = readdirSync(root)
    .filter(name => name.endsWith('.sql'))
    .map(name => join(root, name));
  const found: Record<string, string> = {};
  for (const path of [...captured, ...walkFiles(root).code]) {
    const route = routeIn(readFileSync(path, 'utf8'), path.endsWith('.sql'));
    if (route !== null) found[route] ??= path;
  }
  return found;
}

/** Of a module the first route that is written out; of SQL the directive `-- @endpoint GET /api/orders`. */
function routeIn(text: string, isSql: boolean): string | null {
  if (isSql) return /^\s*--\s*@endpoint\s+(\S.*?)\s*$/m.exec(text)?.[1] ?? null;
  if (!text.includes('defineEndpoint')) return null;
  return /\broute:\s*(['"`])([^'"`\n$]+)\1/.exec(text)?.[2] ?? null;
}
