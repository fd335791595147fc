import {fileURLToPath} from 'node:url';
import {expect, test} from 'vitest';
import type {ScanReport} from '../../source/model/scan-report.ts';
import {scanDirectory} from '../../source/scan/scan-directory.ts';

const folder = fileURLToPath(new URL('../fixtures/scan-app', import.meta.url));
let report: Promise<ScanReport> | undefined;

/** The 17 endpoints of an analysis by hand; docs/scan.md compares its figures with these. */
test.each<
  [
    route: string,
    severity: string,
    connections: number,
    in_sequence: number,
    queries: number,
    kinds: string[],
  ]
>([
  [
    'GET /api/reports/dashboard',
    'critical',
    9,
    13,
    21,
    ['parallel-overload', 'date-loop', 'unbounded-find', 'unbounded-include'],
  ],
  [
    'GET /api/rbac/dashboard',
    'high',
    11,
    2,
    12,
    ['parallel-overload', 'unbounded-include', 'count-per-value'],
  ],
  ['GET /api/rbac/users', 'high', 3, 1, 3, ['unbounded-include', 'unbounded-find']],
  ['GET /api/public/assessment-data', 'high', 7, 2, 10, ['parallel-per-item']],
  ['GET /api/dashboard/admin-stats', 'high', 6, 2, 7, ['parallel-overload', 'unbounded-include']],
  ['GET /api/dashboard/mentor-stats', 'high', 5, 4, 10, ['parallel-overload', 'parallel-in-a-row']],
  ['GET /api/dashboard/stats', 'medium', 4, 1, 4, ['parallel-overload']],
  ['GET /api/administration/stats', 'medium', 6, 1, 6, ['parallel-overload']],
  ['GET /api/dashboard/viewer-stats', 'low', 3, 1, 3, []],
  ['GET /api/students/[id]/assessment-history', 'medium', 1, 2, 2, ['unbounded-find']],
  ['DELETE /api/schools', 'medium', 1, 3, 3, ['independent-awaits']],
  ['GET /api/users', 'medium', 2, 2, 3, ['independent-awaits']],
  ['GET /api/assessments', 'low', 2, 3, 4, []],
  ['GET /api/mentoring-visits', 'low', 2, 3, 4, []],
  ['GET /api/assessments/verification', 'low', 1, 1, 1, []],
  ['GET /api/classes', 'low', 2, 1, 2, ['unbounded-include']],
  ['GET /api/students/enriched', 'low', 1, 1, 1, []],
])('%s is %s', async (route, severity, connections, sequential_queries, queries, kinds) => {
  report ??= scanDirectory(folder);
  const endpoint = (await report).endpoints.find(each => each.route === route);
  expect(endpoint).toMatchObject({severity, connections, sequential_queries, queries});
  expect(endpoint?.issues.map(({kind}) => kind)).toEqual(expect.arrayContaining(kinds));
});

test('a loop over the items of a request is critical, and its figures are unknown', async () => {
  report ??= scanDirectory(folder);
  const bulk = (await report).endpoints.find(({route}) => route === 'POST /api/assessments');
  expect(bulk).toMatchObject({severity: 'critical', connections: 1, sequential_queries: null, queries: null});
  expect(bulk?.issues[0]).toMatchObject({
    kind: 'query-in-loop',
    file: 'app/api/assessments/route.ts',
    line: 38,
    detail: '4 queries per pass of the loop over assessments',
  });
});
