import {describe, expect, test} from 'vitest';
import {scan, schema} from './scan-blog.ts';

describe('of the application', () => {
  const app = {
    'lib/prisma.ts': "import {PrismaClient} from '@prisma/client'; export const prisma = new PrismaClient();",
  };
  const of = async (files: Record<string, string>) => {
    const {application} = await scan(files);
    const own = application.filter(({kind}) => !kind.endsWith('-index'));
    return own.map(({kind, file, line, severity}) => `${severity} ${kind} ${file}:${line}`);
  };

  test('a second client, but not one of another package or of a script', async () => {
    const other = "import {PrismaClient} from '@prisma/client';\nexport const other = new PrismaClient();";
    const route =
      "import {prisma} from '../../lib/prisma'; import {other} from '../../lib/other'; export async function GET() { await prisma.user.count(); await other.user.count(); }";
    expect(
      await of({
        ...app,
        'lib/other.ts': other,
        'app/x/route.ts': route,
        'fill.ts': other,
        'test/db.ts': other,
      }),
    ).toEqual(['medium several-clients lib/prisma.ts:1']);
    expect(
      await of({'a/package.json': '{}', 'b/package.json': '{}', 'a/db.ts': other, 'b/db.ts': other}),
    ).toEqual([]);
  });

  test('URL parameters that Prisma 7 ignores, and pools without a size where serverless is deployed', async () => {
    const env = 'A=1\nDATABASE_URL="postgresql://u:p@h:5432/d?connection_limit=5"\n';
    const seven = {'package.json': '{"dependencies": {"@prisma/client": "^7.1.0"}}', '.env': env};
    expect(await of({...app, ...seven})).toEqual(['high ignored-url-parameters .env:2']);
    const adapter =
      "import {PrismaPg} from '@prisma/adapter-pg';\nexport const adapter = new PrismaPg({connectionString: process.env.DATABASE_URL});";
    const deployed = {...app, ...seven, '.env': '', 'lib/adapter.ts': adapter, 'vercel.json': '{}'};
    expect(await of(deployed)).toEqual(['high no-pool-setting lib/adapter.ts:2']);
    const six = {'package.json': '{"dependencies": {"@prisma/client": "^6.1.0"}}', 'vercel.json': '{}'};
    expect(await of({...app, ...six, '.env': env})).toEqual([]);
    expect(await of({...app, ...six, '.env': env.replace('?connection_limit=5', '')})).toEqual([
      'high no-pool-setting .env:2',
    ]);
  });

  test('a server of its own that never disconnects', async () => {
    const server =
      "import express from 'express'; import {prisma} from './lib/prisma'; const app = express(); app.get('/', async () => { await prisma.user.count(); });";
    expect(await of({...app, 'server.ts': server})).toEqual(['low no-shutdown lib/prisma.ts:1']);
    expect(
      await of({...app, 'server.ts': `${server} process.on('SIGTERM', () => prisma.$disconnect());`}),
    ).toEqual([]);
    const procedure =
      "import {prisma} from './lib/prisma'; export const list = baseProcedure.query(async () => { await prisma.user.count(); });";
    expect(await of({...app, 'list.ts': procedure})).toEqual([]);
  });
});

test('relations and filters that no index begins with', async () => {
  const {application} = await scan({
    'lib/prisma.ts': "import {PrismaClient} from '@prisma/client'; export const prisma = new PrismaClient();",
    'app/x/route.ts':
      "import {prisma} from '../../lib/prisma'; export async function GET() { await prisma.user.findFirst({where: {role: 'a'}}); await prisma.user.findFirst({where: {email: 'a', role: 'b'}}); await prisma.user.findFirst({where: {role: {contains: 'a'}}}); await prisma.post.findFirst({where: {authorId: 5}}); }",
  });
  expect(application.map(({kind, line, severity}) => [kind, line, severity])).toEqual([
    ['relation-without-index', 17, 'medium'],
    ['relation-without-index', 23, 'medium'],
    ['filter-without-index', 2, 'low'],
  ]);
  const none = await scan({'prisma/schema.prisma': `datasource db {\n  provider = "mysql"\n}\n${schema}`});
  expect(none.application).toEqual([]);
});

test('a filter beside a unique key of several fields, or one that is unknown, needs no index', async () => {
  const {application} = await scan({
    'prisma/schema.prisma': 'model Key {\n  a String\n  b String\n  c String\n  @@unique([a, b])\n}',
    'app/x/route.ts':
      "import {prisma} from '../../db'; export async function GET() { await prisma.key.findUnique({where: {a_b: {a: 'a', b: 'b'}, c: 'c'}}); await prisma.key.update({where: {a_b: {a: 'a', b: 'b'}, c: 'c'}, data: {}}); await prisma.key.findFirst({where: {...filter, c: 'c'}}); }",
  });
  expect(application).toEqual([]);
});

test('a comment in the schema accepts an issue of the application', async () => {
  const comment = '  // poolctl-accept relation-without-index: few rows';
  const commented = schema.replace('  author ', `${comment}\n  author `);
  const {application, accepted} = await scan({'prisma/schema.prisma': commented});
  expect(application.map(({kind, line}) => [kind, line])).toEqual([['relation-without-index', 24]]);
  expect(accepted).toEqual([
    {kind: 'relation-without-index', file: 'prisma/schema.prisma', line: 18, reason: 'few rows'},
  ]);
});
