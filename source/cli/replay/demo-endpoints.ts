import {existsSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

/** Whether it is one of those that come with this program. */
export function isDemoEndpoint(file: string): boolean {
  return path.dirname(file) === demoEndpoints();
}

/** In the source's recipes when run from source; one up from the bundle's chunks, or beside them, when built. */
export function demoEndpoints(): string {
  const places = import.meta.url.endsWith('.ts')
    ? ['../../../recipes/endpoints']
    : ['../endpoints', './endpoints'];
  const folders = places.map(place => fileURLToPath(new URL(place, import.meta.url)));
  return folders.find(folder => existsSync(folder)) ?? '';
}
