import {readdirSync, readFileSync} from 'node:fs';
import {expect, test} from 'vitest';

test('every path in the threat model exists', () => {
  const files = readdirSync('source', {recursive: true, encoding: 'utf8'});
  const spans = [...readFileSync('docs/threat-model.md', 'utf8').matchAll(/`([\w/*.-]+)`/g)];
  const paths = spans.flatMap(([, span = '']) => (/^[\w-]+(\/[\w*-]+)+(\.ts)?$/.test(span) ? [span] : []));
  expect(paths.length).toBeGreaterThan(15);
  const missing = paths.filter(path => {
    const pattern = new RegExp(`^${path.replaceAll('.', '\\.').replaceAll('*', '[\\w-]*')}(/|$)`);
    return !files.some(file => pattern.test(file));
  });
  expect(missing).toEqual([]);
});
