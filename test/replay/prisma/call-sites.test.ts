import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import type {Prisma} from '../../../source/replay/prisma/measured-client.ts';
import type {TestServer} from '../../helpers/server.ts';
import {bodyLine, demoPrisma, endpointOf, replayOn, startServerWithTables} from './stage.ts';

describe('an endpoint through Prisma', () => {
  let server: TestServer;
  let prisma: Prisma;
  beforeAll(async () => {
    server = await startServerWithTables();
    prisma = await demoPrisma('assessments');
  });
  afterAll(() => server?.stop());

  const replayed = async (body: string, matrix = {}, limits = {}) => {
    const [result] = await replayOn(server, {endpoint: await endpointOf(body), prisma}, matrix, limits);
    return result;
  };

  test('runs on Prisma 7, whose pool is node-postgres', () => {
    expect([prisma.major, prisma.semantics]).toEqual([7, 'node-postgres']);
  });

  test('has each statement attributed to the line that sent it', async () => {
    const result = await replayed(`    await prisma.user.count();
    await Promise.all([
      prisma.student.findFirst(),
      prisma.$queryRaw\`SELECT 1\`,
    ]);
    const later = prisma.pilotSchool.count();
    await later;`);
    expect(result?.queries_per_request).toBe(4);
    expect(linesOf(result, /"users"/)).toEqual([bodyLine]);
    expect(linesOf(result, /"students"/)).toEqual([bodyLine + 2]);
    expect(linesOf(result, /SELECT 1/)).toEqual([bodyLine + 3]);
    expect(linesOf(result, /"pilot_schools"/)).toEqual([bodyLine + 5]);
  });

  test('has statements of both kinds of transactions attributed', async () => {
    const result = await replayed(`    await prisma.$transaction(async tx => {
      await tx.user.count();
    });
    await prisma.$transaction([prisma.student.findFirst(), prisma.pilotSchool.count()]);`);
    expect(result?.failures).toEqual([]);
    expect(linesOf(result, /"users"/)).toEqual([bodyLine + 1]);
    expect(linesOf(result, /"students"/)).toEqual([bodyLine + 3]);
    expect(linesOf(result, /^BEGIN/)).toEqual([bodyLine, bodyLine + 3]);
  });

  test('has lists of different lengths counted as one statement', async () => {
    const result = await replayed(`    for (let n = 1; n < 5; n++) {
      await prisma.user.findMany({where: {id: {in: Array.from({length: n}, (_, id) => id)}}});
    }`);
    expect(result?.statements).toMatchObject([{calls_per_request: 4, is_n_plus_one: true}]);
  });

  test('has the statements of concurrent requests counted separately', async () => {
    const endpoint = await endpointOf('    for (let i = 0; i < request.n; i++) await prisma.user.count();');
    const both = {...endpoint, samples: [{n: 1}, {n: 5}]};
    const [result] = await replayOn(server, {endpoint: both, prisma}, {concurrencies: [10], requests: 40});
    expect(result?.statements[0]).toMatchObject({most_per_request: 5, line: bodyLine});
  });

  test.each([
    [
      'names an unknown model',
      'await prisma.studens.count();',
      'has no model "studens": did you mean "student"?',
    ],
    ['names an unknown column', 'await prisma.user.count({where: {rol: "x"}});', 'Unknown argument `rol`'],
    ['throws', 'throw new Error("not today");', 'not today'],
    ['is refused by the server', 'await prisma.$queryRaw`SELECT 1/0`;', 'division by zero'],
  ])('that %s is reported with its line', async (_, body, message) => {
    const result = await replayed(`    await prisma.user.count();\n    ${body}`);
    expect(result?.errors.other).toBe(5);
    expect(result?.failures).toMatchObject([{line: bodyLine + 1, count: 5}]);
    expect(result?.failures[0]?.message).toContain(message);
    expect(result?.failures[0]?.message).not.toContain('\n');
  });

  test('that never ends is abandoned and reported', async () => {
    const result = await replayed(
      '    await prisma.user.count();\n    await new Promise(() => {});',
      {concurrencies: [2]},
      {hang_timeout_ms: 2000},
    );
    expect(result?.failures).toMatchObject([{kind: 'hang', count: 2}]);
    expect(result?.failures[0]?.message).toMatch(/no answer within 2s/);
  });

  test('that never releases a connection is reported with the line that checked it out', async () => {
    const result = await replayed(
      `    void prisma.$transaction(async tx => {
      await tx.user.count();
      await new Promise(() => {});
    }).catch(() => {});
    await prisma.user.count();`,
      {requests: 2},
    );
    expect(result?.failures).toContainEqual(expect.objectContaining({kind: 'leak', line: bodyLine}));
  });

  test('waits without limit at connection_limit 1, as Prisma 7 does, and times out with pool_timeout', async () => {
    const body = '    await Promise.all([1, 2, 3].map(() => prisma.$queryRaw`SELECT pg_sleep(0.05)::text`));';
    const endpoint = await endpointOf(body);
    const limited = {connection_limits: [1], requests: 2};
    const [patient] = await replayOn(server, {endpoint, prisma}, limited);
    expect(patient?.errors.pool_timeout).toBe(0);
    expect(patient?.peak_in_use).toBe(1);
    const [impatient] = await replayOn(server, {endpoint, prisma}, limited, {pool_timeout_ms: 20});
    expect(impatient?.errors.pool_timeout).toBe(2);
  });
});

function linesOf(result: Awaited<ReturnType<typeof replayOn>>[number] | undefined, text: RegExp) {
  const found = result?.statements.filter(statement => text.test(statement.query)) ?? [];
  return found.map(statement => statement.line).sort((a, b) => (a ?? 0) - (b ?? 0));
}
