import {readdir} from 'node:fs/promises';
import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {loadEndpointFile} from '../../../source/replay/prisma/endpoint-file.ts';
import type {TestServer} from '../../helpers/server.ts';
import {demoPrisma, replayOn, startFilledServer} from './stage.ts';

const folder = fileURLToPath(new URL('../../../recipes/endpoints', import.meta.url));

type Known = [statements: number, connections: number, ofThemSurely?: number];

/**
 * Statements of one request, and connections in use at once; an endpoint's cache is warm. Statements of an `include` may
 * or may not overlap with those sent at the same time.
 */
const expected: Record<string, {before: Known; after: Known}> = {
  'admin-stats': {before: [8, 6], after: [8, 3]},
  'administration-stats': {before: [6, 6], after: [6, 4]},
  'agent-progress': {before: [161, 40], after: [5, 4]},
  'assessment-history': {before: [3, 2], after: [3, 2]},
  'assessments-list': {before: [103, 1], after: [3, 2]},
  'bulk-assessments': {before: [400, 1], after: [10, 1]},
  'dashboard-stats': {before: [4, 4], after: [4, 2]},
  'manager-agents': {before: [51, 1], after: [2, 1]},
  'manager-metrics': {before: [7, 7], after: [3, 3]},
  'mentor-assignments': {before: [20, 1], after: [0, 1]},
  'mentor-stats': {before: [8, 5], after: [7, 3]},
  'public-assessment-data': {before: [10, 7], after: [4, 3]},
  'rbac-dashboard': {before: [15, 11], after: [15, 4]},
  'rbac-users': {before: [6, 4, 3], after: [6, 3, 2]},
  'reports-dashboard': {before: [22, 9], after: [11, 4]},
  'schools-delete': {before: [3, 1], after: [3, 2]},
  'students-list': {before: [53, 1], after: [2, 1]},
};

test('every endpoint in the package is tested here', async () => {
  const files = (await readdir(folder)).filter(name => name.endsWith('.ts'));
  expect(files.map(name => name.replace('.ts', '')).sort()).toEqual(Object.keys(expected).sort());
});

describe('the demo endpoints through Prisma', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startFilledServer();
  });
  afterAll(() => server?.stop());

  test.each(Object.entries(expected))('%s sends the expected number of statements', async (name, figures) => {
    const endpoint = await loadEndpointFile(`${folder}/${name}.ts`);
    const prisma = await demoPrisma(endpoint.demoDatabase === 'taskdesk' ? 'taskdesk' : 'assessments');
    const [sample] = endpoint.samples;
    const one = {...endpoint, samples: sample === undefined ? [] : [sample]};
    // The first request fills the cache; the second one is checked.
    const [first, both] = [
      await replayOn(server, {endpoint: one, prisma}, {requests: 1}),
      await replayOn(server, {endpoint: one, prisma}, {requests: 2}),
    ];
    for (const variant of ['before', 'after'] as const) {
      const [once, twice] = [first, both].map(results => results.find(each => each.variant === variant));
      expect(twice?.failures).toEqual([]);
      const statements = 2 * (twice?.queries_per_request ?? 0) - (once?.queries_per_request ?? 0);
      const [known, most, least = most] = figures[variant];
      expect(statements, variant).toBe(known);
      expect(twice?.peak_in_use, variant).toBeLessThanOrEqual(most);
      expect(twice?.peak_in_use, variant).toBeGreaterThanOrEqual(least);
    }
  });

  test('are reported with the line of an N+1', async () => {
    const endpoint = await loadEndpointFile(`${folder}/students-list.ts`);
    const [before] = await replayOn(server, {endpoint, prisma: await demoPrisma('assessments')});
    const repeated = before?.statements.filter(statement => statement.is_n_plus_one);
    expect(repeated).toMatchObject([{calls_per_request: 50, line: 20}]);
  });

  test('fetch few rows if nested rows are limited', async () => {
    const endpoint = await loadEndpointFile(`${folder}/assessment-history.ts`);
    const [before, after] = await replayOn(server, {endpoint, prisma: await demoPrisma('assessments')});
    expect(before?.rows_per_request).toBeGreaterThan(240);
    expect(after?.rows_per_request).toBeLessThanOrEqual(101);
  });
});
