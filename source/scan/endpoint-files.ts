import {readdirSync, readFileSync, statSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {maxBytes, walkFiles} from './code/walk-files.ts';

/**
 * The files in an application's folder that `poolctl replay` can run, by their route: modules anywhere, SQL in the folder itself.
 * What cannot be read, a link and a dump are none.
 */
export function endpointFiles(directory: string): Record<string, string> {
  const root = resolve(directory);
  const found: Record<string, string> = {};
  for (const path of [...capturedIn(root), ...walkFiles(root).code]) {
    const text = attempt(() => readFileSync(path, 'utf8')) ?? '';
    const route = routeIn(text, path.endsWith('.sql'));
    if (route !== null) found[route] ??= path;
  }
  return found;
}

function capturedIn(root: string): string[] {
  return (attempt(() => readdirSync(root, {withFileTypes: true})) ?? [])
    .filter(entry => entry.isFile() && entry.name.endsWith('.sql'))
    .map(({name}) => join(root, name))
    .filter(path => (attempt(() => statSync(path).size) ?? Infinity) <= maxBytes);
}

function attempt<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}

/** Of a module the first route that is written out; of SQL the directive `-- @endpoint GET /api/orders`. */
function routeIn(text: string, isSql: boolean): string | null {
  if (isSql) return /^\s*--\s*@endpoint\s+(\S.*?)\s*$/m.exec(text)?.[1] ?? null;
  if (!text.includes('defineEndpoint')) return null;
  return /\broute:\s*(['"`])([^'"`\n$]+)\1/.exec(text)?.[2] ?? null;
}
