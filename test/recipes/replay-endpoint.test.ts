import {readdirSync, readFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {expect, it} from 'vitest';
import {demoEndpoints} from '../../recipes/replay-endpoint.ts';

const folder = fileURLToPath(new URL('../../recipes/endpoints/', import.meta.url));

it('lists every read-only endpoint of the demo under its database', () => {
  const found: Record<string, string[]> = {};
  for (const file of readdirSync(folder)
    .filter(name => name.endsWith('.ts'))
    .sort()) {
    const text = readFileSync(folder + file, 'utf8');
    if (text.includes('isWriting: true')) continue;
    const [, database = 'assessments'] = /demoDatabase: '(\w+)'/.exec(text) ?? [];
    found[database] = [...(found[database] ?? []), file.slice(0, -'.ts'.length)];
  }
  expect(demoEndpoints).toEqual(found);
});
