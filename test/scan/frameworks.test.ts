import {expect, test} from 'vitest';
import {scanDirectory} from '../../source/scan/scan-directory.ts';
import {createApp} from './create-app.ts';

const schema = `
model User {
  id    Int    @id
  email String @unique
  role  String
  posts Post[]
}
model Post {
  id       Int  @id
  authorId Int
  author   User @relation(fields: [authorId], references: [id])
}
`;
const client = "import {PrismaClient} from '@prisma/client';\nexport const prisma = new PrismaClient();\n";

/** `route connections/in sequence/queries`, sorted. */
async function endpointsOf(files: Record<string, string>, entries: string[] = []): Promise<string[]> {
  const folder = await createApp({'prisma/schema.prisma': schema, 'lib/prisma.ts': client, ...files});
  const {endpoints} = await scanDirectory(folder, entries);
  const shown = endpoints.map(each => {
    const figures = [each.connections, each.sequential_queries, each.queries].map(figure => figure ?? 'n');
    return `${each.route} ${figures.join('/')}`;
  });
  return shown.toSorted();
}

const body = 'await prisma.user.findMany({take: 10}); await prisma.post.count();';

test.each<[string, Record<string, string>, string[]]>([
  [
    'Next.js: app router, pages, layouts, with groups and slots',
    {
      'app/(shop)/api/users/[id]/route.ts': `import {prisma} from '../../../../../lib/prisma'; export async function GET() {${body}} export const POST = async () => {${body}};`,
      'src/app/users/page.tsx': `import {prisma} from '../../../lib/prisma'; export default async function Page() { const users = await prisma.user.findMany({take: 10}); return <ul>{users.map(u => <li>{u.email}</li>)}</ul>; }`,
    },
    ['GET /api/users/[id] 1/2/2', 'POST /api/users/[id] 1/2/2', 'page /users 1/1/1'],
  ],
  [
    'Next.js: server components of a page at the same time',
    {
      'app/page.tsx': `import {Users, Posts} from './parts'; export default function Page() { return <main><Users /><Posts /></main>; }`,
      'app/parts.tsx': `import {prisma} from '../lib/prisma'; export async function Users() { return <p>{await prisma.user.count()}</p>; } export async function Posts() { return <p>{await prisma.post.count()}</p>; }`,
    },
    ['page / 2/1/2'],
  ],
  [
    'Next.js: pages router and server actions',
    {
      'pages/api/users.ts': `import {prisma} from '../../lib/prisma'; export default async function handler(req, res) { ${body} }`,
      'pages/posts.tsx': `import {prisma} from '../lib/prisma'; export const getServerSideProps = async () => ({props: {n: await prisma.post.count()}}); export default () => null;`,
      'app/actions.ts': `'use server'; import {prisma} from '../lib/prisma'; export async function save() { await prisma.user.create({data: {}}); }`,
      'app/form/page.tsx': `import {prisma} from '../../lib/prisma'; export default function Page() { async function remove() { 'use server'; await prisma.post.deleteMany({}); } return <form action={remove} />; }`,
    },
    ['/api/users 1/2/2', 'action remove 1/1/1', 'action save 1/1/1', 'getServerSideProps /posts 1/1/1'],
  ],
  [
    'Express: routers mounted across files, middleware, CommonJS',
    {
      'server.js': `const express = require('express'); const users = require('./users'); const app = express(); app.use('/api/users', users); app.get('/health', (req, res) => res.send('ok'));`,
      'users.js': `const {Router} = require('express'); const {PrismaClient} = require('@prisma/client'); const prisma = new PrismaClient(); const router = Router(); const auth = async (req, res, next) => { await prisma.user.findUnique({where: {id: 1}}); next(); }; router.get('/:id', auth, async (req, res) => { res.json(await prisma.user.findMany({take: 1})); }); module.exports = router;`,
    },
    ['GET /api/users/:id 1/2/2'],
  ],
  [
    'Fastify: plugins with a prefix, route objects, handlers in a wrapper',
    {
      'app.ts': `import fastify from 'fastify'; import {users} from './users'; const app = fastify(); app.register(users, {prefix: '/users'});`,
      'users.ts': `import type {FastifyInstance} from 'fastify'; import {prisma} from './lib/prisma'; export async function users(app: FastifyInstance) { app.get('/', async () => { ${body} }); app.route({method: 'POST', url: '/', handler: async () => { await prisma.user.create({data: {}}); }}); }`,
    },
    ['GET /users 1/2/2', 'POST /users 1/1/1'],
  ],
  [
    'Hono: chained routes',
    {
      'app.ts': `import {Hono} from 'hono'; import {prisma} from './lib/prisma'; const app = new Hono().get('/a', async c => c.json(await prisma.user.count())).post('/b', async c => { await Promise.all([prisma.user.count(), prisma.post.count()]); }); export default app;`,
    },
    ['GET /a 1/1/1', 'POST /b 2/1/2'],
  ],
  [
    'routes in files that import no framework, and paths that are computed',
    {
      'app.ts': `import express from 'express'; import {prisma} from './lib/prisma'; import users from './users'; const app = express(); users(app); app.post(pathOf('posts'), async (req, res) => { await prisma.post.create({data: {}}); });`,
      'users.js': `import {prisma} from './lib/prisma'; export default app => app.get('/users', async (req, res) => { await prisma.user.count(); });`,
      'pages.js': `export const load = () => api.get('/users', {limit: 5}); const cached = cache.get('/users', async () => prisma.user.count());`,
      'posts.ts': `import {Router} from 'express'; import {prisma} from './lib/prisma'; import {Base} from './base'; export class Posts extends Base { constructor() { super(); this.router.get(this.pathOf('all'), auth, async (req, res) => { await prisma.post.count(); }).delete('/', async () => { await prisma.post.deleteMany({}); }); } }`,
    },
    [
      'DELETE / 1/1/1',
      "GET /<this.pathOf('all')> 1/1/1",
      'GET /users 1/1/1',
      "POST /<pathOf('posts')> 1/1/1",
    ],
  ],
  [
    'handlers that a package or a function wraps, by method or in a chain',
    {
      'lib/with-log.ts': `import {createWrapper} from 'logging'; const withLog = createWrapper({onDone: async () => {}}); export const withAuth = handler => withLog(async (req, context) => handler({req})); export const byMethod = handlers => async (req, res) => { await handlers[req.method](req, res); };`,
      'app/a/route.ts': `import {withAuth} from '../../lib/with-log'; import {prisma} from '../../lib/prisma'; export const GET = withAuth(async ({req}) => { ${body} });`,
      'app/actions.ts': `'use server'; import {createSafeActionClient} from 'next-safe-action'; import {prisma} from '../lib/prisma'; const client = createSafeActionClient().use(async ({next}) => next({user: await prisma.user.findUnique({where: {id: 1}})})); export const save = client.inputSchema({}).action(async () => { await prisma.post.create({data: {}}); });`,
      'pages/api/b.ts': `import {byMethod} from '../../lib/with-log'; import {prisma} from '../../lib/prisma'; export default byMethod({GET: async () => { await prisma.user.count(); }, PUT: async () => { ${body} }});`,
    },
    ['/api/b 1/2/2', 'GET /a 1/2/2', 'action save 1/2/2'],
  ],
  [
    'NestJS: services that are injected, a client that extends PrismaClient',
    {
      'prisma.service.ts': `import {Injectable} from '@nestjs/common'; import {PrismaClient} from '@prisma/client'; @Injectable() export class PrismaService extends PrismaClient {}`,
      'users.service.ts': `import {Injectable} from '@nestjs/common'; import {PrismaService} from './prisma.service'; @Injectable() export class UsersService { constructor(private readonly prisma: PrismaService) {} async all() { for (const id of [1, 2, 3, 4, 5]) await this.prisma.user.findUnique({where: {id}}); } }`,
      'users.controller.ts': `import {Controller, Get} from '@nestjs/common'; import {UsersService} from './users.service'; @Controller('users') export class UsersController { constructor(private readonly users: UsersService) {} @Get('all') list() { return this.users.all(); } }`,
    },
    ['GET /users/all 1/5/5'],
  ],
  [
    'tRPC: procedures with the client in the context',
    {
      'server/user.ts': `import {publicProcedure, router} from './trpc'; export const userRouter = router({ list: publicProcedure.input(x => x).query(async ({ctx}) => ctx.db.user.findMany({take: 5})), admin: router({ save: publicProcedure.mutation(async ({ctx: {prisma}}) => prisma.user.create({data: {}})) }) });`,
    },
    ['user.admin.save 1/1/1', 'user.list 1/1/1'],
  ],
  [
    'Remix: loaders and actions',
    {
      'app/routes/users.$id.tsx': `import {prisma} from '../../lib/prisma'; export async function loader() { return {n: await prisma.user.count()}; } export const action = async () => { await prisma.user.update({where: {id: 1}, data: {}}); return null; };`,
    },
    ['action /users/$id 1/1/1', 'loader /users/$id 1/1/1'],
  ],
])('%s', async (_name, files, expected) => {
  expect(await endpointsOf(files)).toEqual(expected);
});

test('--entry takes any exported function', async () => {
  const files = {
    'jobs/nightly.ts': `import {prisma} from '../lib/prisma'; export async function nightly() {${body}}`,
  };
  expect(await endpointsOf(files, ['jobs/nightly.ts#nightly'])).toEqual([
    'entry jobs/nightly.ts#nightly 1/2/2',
  ]);
  await expect(endpointsOf(files, ['jobs/nightly.ts#other'])).rejects.toThrow('exports no function other');
});

/** One route handler with this body; `lib/prisma.ts` may be another. */
async function figuresOf(code: string, files: Record<string, string> = {}): Promise<string> {
  const [found = 'none'] = await endpointsOf({
    'app/x/route.ts': `import {prisma} from '../../lib/prisma'; export async function GET(request: Request) { const ids = await request.json(); ${code} }`,
    ...files,
  });
  return found.replace('GET /x ', '');
}

test.each<[code: string, expected: string, files?: Record<string, string>]>([
  ['await prisma.user.count()', '1/1/1'],
  ['const {user} = prisma; await user.count()', '1/1/1'],
  ['const db = prisma.$extends({}); await db.user.count()', '1/1/1'],
  ['prisma.user.count()', 'none'],
  ['return prisma.user.count()', '1/1/1'],
  ['await prisma.$queryRaw`SELECT 1`; await prisma.$executeRawUnsafe("SELECT 1")', '1/2/2'],
  ['for (const id of ids) await prisma.user.findUnique({where: {id}})', '1/n/n'],
  ['for (let i = 0; i < 3; i++) { await prisma.user.count(); await prisma.post.count(); }', '1/6/6'],
  [
    'let tries = 0; while (true) { try { return await prisma.user.create({data: {}}); } catch { tries++; } }',
    '1/1/1',
  ],
  ['await Promise.all(ids.map((id: number) => prisma.user.findUnique({where: {id}})))', 'n/1/n'],
  [
    'await Promise.all(ids.slice(0, 5).map(async (id: number) => { await prisma.user.count(); await prisma.post.count(); }))',
    '5/2/10',
  ],
  ['const all = []; for (const id of ids) all.push(prisma.user.count()); await Promise.all(all)', 'n/1/n'],
  [
    'const all = []; ids.forEach((id: number) => { all.push(prisma.user.count()); }); await Promise.all(all)',
    'n/1/n',
  ],
  [
    'const all = [prisma.post.count()]; all.push(...ids.map((id: number) => prisma.user.count())); await prisma.$transaction(all)',
    '1/n/n',
  ],
  [
    'const plan = () => { if (ids.length > 5) return {writes: []}; return {writes: ids.map((id: number) => prisma.user.count())}; }; const {writes} = plan(); await Promise.all(writes)',
    'n/1/n',
  ],
  [
    'const add = (list: unknown[]) => list.push(prisma.user.count()); const all = []; add(all); add(all); await Promise.all(all)',
    '2/1/2',
  ],
  [
    'const by = ids.reduce((all, id) => ({...all, [id]: 1}), {}); for (const id of Object.keys(by)) await prisma.user.findUnique({where: {id}})',
    '1/n/n',
  ],
  ['const list = ids ?? []; for (const id of list) await prisma.user.findUnique({where: {id}})', '1/n/n'],
  [
    'for (const id of ids) { if (id > 5) { await prisma.user.count(); continue; } else { await prisma.post.count(); continue; } }',
    '1/n/n',
  ],
  [
    'for (const id of ids) { const user = await prisma.user.findUnique({where: {id}}); if (!user) continue; return user; }',
    '1/n/n',
  ],
  [
    'const a = async () => { await cached(); await prisma.post.count(); }; await Promise.all([cached(), cached(), a(), one(ids), one(ids)])',
    '3/1/4',
    {
      'lib/prisma.ts': `import {cache} from 'react'; ${client} export const cached = cache(async () => prisma.user.count()); export const one = cache(async id => prisma.user.findUnique({where: {id}}));`,
    },
  ],
  [
    'const a = async () => { await cached(); await prisma.post.count(); }; await cached(); await cached(); await a(); await a()',
    '1/3/3',
    {
      'lib/prisma.ts': `import {cache} from 'react'; ${client} export const cached = cache(async () => prisma.user.count());`,
    },
  ],
  ['await limitConcurrency(ids.map((id: number) => async () => { await prisma.user.count(); }), 4)', '4/1/n'],
  [
    'await cached(ids)',
    'n/1/n',
    {
      'lib/prisma.ts': `import {z} from 'zod'; ${client} export const cached = async body => { const {users} = z.object({}).parse(body); await Promise.all(users.map(async id => prisma.user.count())); };`,
    },
  ],
  [
    'await cached(ids)',
    'n/1/n',
    {
      'lib/prisma.ts': `import {chunk} from 'lodash'; ${client} export const cached = ids => Promise.all(chunk(ids, 100).map(async () => prisma.user.count()));`,
    },
  ],
  [
    'const save = async () => { await prisma.user.count(); await prisma.post.count(); }; save(); void save()',
    '1/4/4',
  ],
  [
    'let saving; saving = cached(); await saving',
    '1/1/1',
    {'lib/prisma.ts': `${client} export const cached = async () => prisma.user.count();`},
  ],
  [
    'prisma.user.update({where: {id: 1}, data: {}}).catch(() => null); waitUntil(prisma.post.count())',
    '1/2/2',
  ],
  [
    'const by = {[first]: async () => prisma.user.count(), [second]: async () => { await prisma.user.count(); await prisma.post.count(); }}; await by[ids]()',
    '1/2/2',
  ],
  [
    'const first = "a"; const by = {[first]: async () => prisma.user.count(), b: async () => { await prisma.user.count(); await prisma.post.count(); }}; await by["a"]()',
    '1/1/1',
  ],
  ['await prisma.$replica().user.count()', '1/1/1'],
  ['const db: Prisma.TransactionClient | PrismaClient = getDb(ids); await db.user.count()', '1/1/1'],
  [
    'const count = (tx?: Prisma.TransactionClient) => (tx ?? prisma).user.count(); await count(); await prisma.$transaction(async tx => { await count(tx); })',
    '1/2/2',
  ],
  ['const count = (tx: Prisma.TransactionClient = prisma) => tx.user.count(); await count()', '1/1/1'],
  ['ids.forEach(async (id: number) => { await prisma.user.count(); })', 'n/1/n'],
  [
    'await ids.reduce(async (last: Promise<void>) => { await last; await prisma.user.count(); }, Promise.resolve())',
    '1/n/n',
  ],
  ['const a = prisma.user.count(); const b = prisma.post.count(); await Promise.allSettled([a, b])', '2/1/2'],
  [
    'if (ids.length > 9) { await prisma.user.count(); return null; } await prisma.user.count(); await prisma.post.count();',
    '1/2/2',
  ],
  ['await prisma.$transaction([prisma.user.count(), prisma.post.count()])', '1/2/2'],
  ['await prisma.$transaction(async tx => { await tx.user.count(); await tx.post.count(); })', '1/2/2'],
  ['await prisma.$transaction(async tx => { await tx.user.count(); await prisma.post.count(); })', '2/2/2'],
  [
    'await prisma.user.findMany({take: 5}).then(users => Promise.all(users.map(() => prisma.post.count())))',
    '5/2/6',
  ],
  [
    'const {helper} = await import("../../lib/helper"); await helper(prisma)',
    '1/1/1',
    {'lib/helper.ts': 'export const helper = async client => client.post.count();'},
  ],
  [
    'await Promise.all(ids.map((id: number) => limit(() => prisma.user.count())))',
    '3/1/n',
    {'lib/prisma.ts': `import pLimit from 'p-limit'; ${client} export const limit = pLimit(3);`},
  ],
  [
    'await service.count()',
    '1/1/1',
    {
      'lib/prisma.ts': `${client} class Base { constructor(protected db: PrismaClient) {} count() { return this.db.user.count(); } } class Service extends Base {} export const service = new Service(prisma);`,
    },
  ],
  [
    'await cached()',
    '1/1/1',
    {
      'lib/prisma.ts': `import {cache} from 'react'; ${client} export const cached = cache(async () => prisma.user.count());`,
    },
  ],
  [
    'const users = await prisma.orm.public.User.where((u) => u.role.eq(ids)).limit(20).all(); await prisma.orm.public.Post.first({id: 1})',
    '1/2/2',
  ],
  [
    'await prisma.transaction(async tx => { await tx.orm.public.User.create({id: 1}); await tx.orm.public.Post.where({id: 1}).update({}); })',
    '1/2/2',
  ],
  ['await Promise.all(ids.map((id: number) => prisma.orm.public.User.first({id})))', 'n/1/n'],
  ['await withTimeout(prisma.user.count(), 500); await Promise.resolve(prisma.post.count())', '1/2/2'],
  [
    'await service.list()',
    '2/1/2',
    {
      'lib/prisma.ts': `import {PrismaClient} from '@prisma/client'; const create = () => new PrismaClient(); export let prisma: ReturnType<typeof create>; let db; if (process.env.CI) { db = create(); } else { db = globalThis.db; } class Service<T> { constructor(private readonly model: any) {} list = async () => Promise.all([this.model.findMany({take: 1}), prisma.post.count()]); } export const service = new Service(db.user);`,
    },
  ],
  [
    'await getClient().user.count()',
    '1/1/1',
    {
      'lib/prisma.ts': `${client} let own: PrismaClient | undefined; export function getClient() { if (!own) own = new PrismaClient(); return own; }`,
    },
  ],
])('%s costs %s', async (code, expected, files = {}) => {
  const names = code.match(/\b(?:limit|service|cached|getClient)\b/)?.[0].replace('cached', 'cached, one');
  const own = names === undefined ? code : `const {${names}} = await import('../../lib/prisma'); ${code}`;
  expect(await figuresOf(own, files)).toBe(expected);
});
