import {existsSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

/** Whether a file is one of the demo's endpoints. */
export function isDemoEndpoint(file: string): boolean {
  return path.dirname(file) === demoEndpoints();
}

/** The folder of the demo's endpoints: in the sources, or next to the built program. */
export function demoEndpoints(): string {
  const places = import.meta.url.endsWith('.ts')
    ? ['../../../recipes/endpoints']
    : ['../endpoints', './endpoints'];
  const folders = places.map(place => fileURLToPath(new URL(place, import.meta.url)));
  return folders.find(folder => existsSync(folder)) ?? '';
}
