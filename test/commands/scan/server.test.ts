import {expect, onTestFinished, test} from 'vitest';
import {run} from '../../../source/commands/scan/command.ts';
import {output} from '../../cli/execution/acting.ts';
import {createCliContext} from '../../helpers/cli-context.ts';
import {shareTestServer} from '../../helpers/server.ts';
import {createApp} from '../../scan/create-app.ts';

test('--url says what the endpoints cost on a server', async () => {
  const server = await shareTestServer({major: 18});
  onTestFinished(() => server.stop());
  await server.query('CREATE EXTENSION pg_stat_statements');
  await server.query('CREATE TABLE "User" (id int PRIMARY KEY, role text)');
  const sql = `SELECT "public"."User"."id" FROM "public"."User" WHERE "public"."User"."role" = 'a' LIMIT 5 OFFSET 0`;
  for (const _ of [1, 2, 3]) await server.query(sql);
  const app = await createApp({
    'prisma/schema.prisma': 'model User {\n  id Int @id\n  role String\n}',
    'prisma.ts': "import {PrismaClient} from '@prisma/client'; export const prisma = new PrismaClient();",
    'app/a/route.ts':
      "import {prisma} from '../../prisma'; export async function GET() { await prisma.user.findMany({take: 5, where: {role: 'a'}}); }",
    'app/b/route.ts':
      "import {prisma} from '../../prisma'; export async function GET() { await prisma.user.create({data: {id: 1}}); }",
  });
  const print = async (flags: Parameters<typeof run>[1]['flags']) => {
    const stdout: string[] = [];
    await run(
      {...createCliContext(), output: output(stdout, [])},
      {words: [app], flags: {...flags, url: server.url()}},
    );
    return stdout.join('\n');
  };
  const {endpoints} = JSON.parse(await print({json: true}));
  expect(endpoints).toMatchObject([
    {
      route: 'GET /a',
      live: {statements: 1, calls: 3, total_exec_time_ms: expect.any(Number), shared_with: 0},
    },
    {route: 'GET /b', live: null},
  ]);
  expect(await print({})).toMatch(/^low +1 +1 +1 +3 +[\d.]+ms {2}GET \/a$/m);
});
