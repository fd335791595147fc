import {rm, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from 'vitest';
import {AbortError, exitCodes} from '../../../source/core/errors.ts';
import {findClient, loadApplicationClient} from '../../../source/replay/prisma/application-client.ts';
import type {Prisma} from '../../../source/replay/prisma/measured-client.ts';
import {shareTestServer, type TestServer} from '../../helpers/server.ts';
import {application} from './application.ts';
import {endpointOf, replayOn} from './stage.ts';

/** The folder of an application with a generated client of Prisma 6, which cannot be installed beside Prisma 7. */
const prisma6 = process.env.POOLCTL_TEST_PRISMA_6;

describe("an application's own client", () => {
  let server: TestServer;
  let folder: string;
  beforeAll(async () => {
    [server, folder] = await Promise.all([shareTestServer({major: 18}), application()]);
    await server.query('CREATE DATABASE assessments');
    const client = await server.connect({database: 'assessments'});
    await client.query('CREATE TABLE "User" (id integer PRIMARY KEY, name text NOT NULL)');
  });
  afterAll(async () => {
    await server?.stop();
    await rm(folder, {recursive: true, force: true});
  });

  test("is found by the schema's output, or by its own path", async () => {
    const generated = join(folder, 'src/generated/prisma/client.ts');
    expect(await findClient(folder)).toBe(generated);
    expect(await findClient(join(folder, 'src/generated/prisma'))).toBe(generated);
    expect(await findClient(generated)).toBe(generated);
    expect(await findClient(join(folder, 'src'))).toBeNull();
  });

  test.each(['src/generated/prisma', 'src/generated/classic'])(
    'runs from %s over its own adapter, on the pool that is measured',
    async place => {
      const prisma = await loadApplicationClient((await findClient(join(folder, place))) ?? '');
      expect(prisma).toMatchObject({major: 7, semantics: 'node-postgres', Pool: expect.any(Function)});
      expect(await countUsers(prisma)).toMatchObject({failures: [], queries_per_request: 1});
    },
  );

  test('that does not load, or is not a client, is a usage error', async () => {
    const none = join(folder, 'none.ts');
    await writeFile(none, 'export const a = 1;');
    await expect(loadApplicationClient(none)).rejects.toMatchObject({exitCode: exitCodes.usage});
    const broken = join(folder, 'broken.ts');
    await writeFile(broken, 'import "nowhere-to-be-found";');
    const error = await loadApplicationClient(broken).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(AbortError);
    expect((error as AbortError).message).toContain('cannot load ');
  });

  test.skipIf(prisma6 === undefined)('of Prisma 6 without the engine runs on the measured pool', async () => {
    const prisma = await loadApplicationClient((await findClient(prisma6 ?? '')) ?? '');
    expect(prisma).toMatchObject({major: 6, semantics: 'node-postgres'});
    const [result] = await replayOn(server, {
      endpoint: await endpointOf('    await prisma.$queryRaw`SELECT 1`;'),
      prisma,
    });
    expect(result).toMatchObject({failures: [], queries_per_request: 1});
  });

  const countUsers = async (prisma: Prisma) => {
    const endpoint = await endpointOf('    await prisma.user.count();');
    const [result] = await replayOn(server, {endpoint, prisma});
    return result;
  };
});
