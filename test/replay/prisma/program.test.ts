import {mkdir, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import type {ReplayDocument} from '../../../source/model/replay-report.ts';
import {failing, runProgram, temporaryHome} from '../../cli/run-program.ts';
import {fileOf} from './stage.ts';

const quick = [
  '--connection-limit',
  '2',
  '--concurrency',
  '2',
  '--requests',
  '4',
  '--warm-up',
  '0s',
  '--json',
];

describe('the built poolctl replay with endpoint files', () => {
  test('replays a demo endpoint by its name, on a throwaway server', async () => {
    const {code, stdout} = await runProgram(['replay', 'manager-metrics', '--demo', ...quick]);
    const document: ReplayDocument = JSON.parse(stdout);
    expect(document).toMatchObject({
      endpoint: 'GET /api/manager/dashboard/metrics',
      prisma: {major: 7, is_emulated: false},
      is_complete: true,
    });
    expect(document.results.map(({variant, queries_per_request}) => [variant, queries_per_request])).toEqual([
      ['before', 7],
      ['after', 3],
    ]);
    for (const {failures, statements} of document.results) {
      expect(failures).toEqual([]);
      expect(statements.every(({line}) => (line ?? 0) > 10)).toBe(true);
    }
    expect(code).toBe(0);
  });

  test("replays a team's own file, even if it leaves promises unawaited", async () => {
    const home = await temporaryHome();
    await writeFile(
      join(home, 'own.ts'),
      fileOf('    await prisma.user.count();\n    void Promise.reject(new Error("left behind"));'),
    );
    const {code, stdout} = await runProgram(['replay', 'own.ts', '--demo', ...quick], {home});
    const document: ReplayDocument = JSON.parse(stdout);
    expect(document.results).toMatchObject([{queries_per_request: 1, failures: []}]);
    expect(document.notes.join()).toMatch(/own\.ts:7: a promise that is not awaited failed: left behind/);
    expect(code).toBe(0);
  });

  test('refuses an invalid call before it starts a server', async () => {
    const home = await temporaryHome();
    await writeFile(join(home, 'broken.ts'), 'const a = 1;\nexport default {');
    await mkdir(join(home, 'empty'));
    await writeFile(join(home, 'fine.ts'), fileOf('    await prisma.user.count();'));
    for (const [args, message] of [
      [['broken.ts', '--demo'], /broken\.ts:2: cannot load it/],
      [['report-dashboard', '--demo'], /did you mean "reports-dashboard"/],
      [['fine.ts', '--demo', '--client', 'empty'], /no generated Prisma Client in empty/],
      [['bulk-assessments', 'postgres://127.0.0.1:1/x'], /bulk-assessments\.ts writes/],
      [['fine.ts', '--demo', '--variant', 'after'], /has no variant "after"/],
    ] as const) {
      const [code, stderr] = await failing(['replay', ...args], {home});
      expect(stderr).toMatch(message);
      expect(code).toBe(2);
    }
  });
});
