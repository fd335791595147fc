import {afterAll, beforeAll, describe, expect, it} from 'vitest';
import {sessionSettings} from '../../../source/replay/measure/guard.ts';
import {shareTestServer, type TestServer} from '../../helpers/server.ts';
import {measureOne} from '../measuring.ts';
import {bodyLine, demoPrisma, endpointOf} from './stage.ts';

/** Read-only sessions with a real Prisma Client, whose SQL and protocol messages are its own. */
describe('a read-only replay through Prisma', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await shareTestServer({major: 18});
    await server.query('CREATE TABLE t (id int)');
  });
  afterAll(() => server?.stop());

  async function replay(body: string) {
    const endpoint = await endpointOf(body);
    const prisma = await demoPrisma('assessments');
    return measureOne(server, endpoint, {
      requests: 2,
      allowWrites: false,
      connection: {connectionString: server.url(), options: sessionSettings({allowWrites: false})},
      openPrisma: pool => prisma.open(pool, endpoint.file),
    });
  }

  it.each([
    ["await prisma.$executeRawUnsafe('SET default_transaction_read_only = off')"],
    ["await prisma.$transaction([prisma.$executeRawUnsafe('SET TRANSACTION READ WRITE')])"],
    ["await prisma.$transaction(tx => tx.$executeRawUnsafe('SET LOCAL transaction_read_only = off'))"],
    ["await prisma.$queryRawUnsafe('SELECT set_config($1, $2, false)', 'transaction_read_only', 'off')"],
  ])('refuses %s', async body => {
    const result = await replay(body);
    expect(result.failures).toMatchObject([
      {line: bodyLine, count: 2, message: expect.stringContaining('refused')},
    ]);
  });

  it("runs the application's own transactions, in which the server refuses writes", async () => {
    const result = await replay(
      "await prisma.$transaction([prisma.$executeRawUnsafe('INSERT INTO t VALUES (1)')], {isolationLevel: 'Serializable'})",
    );
    expect(result.errors.by_sqlstate).toEqual({'25006': 2});
    expect(await server.query('SELECT id FROM t')).toEqual([]);
  });
});
