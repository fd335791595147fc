import {readFile, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {Ajv} from 'ajv';
import {expect, test} from 'vitest';
import {run} from '../../../source/commands/scan/command.ts';
import {output, temporaryFolder} from '../../cli/execution/acting.ts';
import {createCliContext} from '../../helpers/cli-context.ts';
import {createApp} from '../../scan/create-app.ts';

const fixture = fileURLToPath(new URL('../../fixtures/scan-app', import.meta.url));

async function scan(directory: string, flags: Parameters<typeof run>[1]['flags'] = {}) {
  const stdout: string[] = [];
  const context = {...createCliContext(), output: output(stdout, [])};
  const code = await run(context, {words: [directory], flags});
  return {code, text: stdout.join('\n')};
}

test('prints a table, and each issue with its place and fix', async () => {
  const {code, text} = await scan(fixture);
  expect(code).toBe(1);
  expect(text).toContain('18 endpoints with queries in 21 files: 2 critical, 5 high, 5 medium, 6 low.');
  expect(text).toMatch(/^critical +9 +13 +21 {2}GET \/api\/reports\/dashboard$/m);
  expect(text).toMatch(/^critical +1 +n +n {2}POST \/api\/assessments$/m);
  expect(text).toContain(
    'app/api/reports/dashboard/route.ts:17  9 concurrent queries: 9 connections [parallel-overload]',
  );
});

test('prints JSON, with null for what is unknown', async () => {
  const document = JSON.parse((await scan(fixture, {json: true})).text);
  expect(Object.keys(document)[0]).toBe('schema_version');
  expect(document).toMatchObject({directory: fixture, files: 21});
  expect(document.endpoints[0]).toMatchObject({route: 'GET /api/reports/dashboard', connections: 9});
  expect(document.endpoints[1]).toMatchObject({route: 'POST /api/assessments', queries: null});
});

test('prints Markdown', async () => {
  const {text} = await scan(fixture, {markdown: true});
  expect(text).toContain(
    '| critical | `GET /api/reports/dashboard` | 9 | 13 | 21 | `app/api/reports/dashboard/route.ts:5` |',
  );
  expect(text).toContain('## critical: `GET /api/reports/dashboard`');
});

test('prints SARIF that its schema accepts', async () => {
  // As published for draft 4; it uses nothing that later drafts read otherwise.
  const path = new URL('../../fixtures/sarif-2.1.0-schema.json', import.meta.url);
  const {$schema: _draft, id: _id, ...schema} = JSON.parse(await readFile(path, 'utf8'));
  const validate = new Ajv({strict: false, validateFormats: false, unicodeRegExp: false}).compile(schema);
  const app = await createApp({'a b/broken.ts': 'import fastify from "fastify"; const ='});
  for (const folder of [fixture, app]) {
    const log = JSON.parse((await scan(folder, {sarif: true})).text);
    expect([validate(log), validate.errors]).toEqual([true, null]);
  }
  const [{results}] = JSON.parse((await scan(fixture, {sarif: true})).text).runs;
  expect(results[0]).toMatchObject({ruleId: 'parallel-overload', level: 'error'});
});

test('--fail-on sets from which severity on it fails', async () => {
  const app = await createApp({
    'prisma.ts': "import {PrismaClient} from '@prisma/client'; export const prisma = new PrismaClient();",
    'app/x/route.ts':
      "import {prisma} from '../../prisma'; export async function GET() { await prisma.user.findMany(); }",
  });
  expect((await scan(app)).code).toBe(1);
  expect((await scan(app, {failOn: 'medium'})).code).toBe(1);
  expect((await scan(app, {failOn: 'high'})).code).toBe(0);
  await expect(scan(app, {failOn: 'worse'})).rejects.toMatchObject({exitCode: 2});
});

test('--baseline reports only what is new, wherever it has moved', async () => {
  const route = (body: string) =>
    `import {prisma} from '../../prisma';\nexport async function GET() {\n${body}\n}`;
  const find = 'await prisma.user.findMany();';
  const app = await createApp({
    'prisma.ts': "import {PrismaClient} from '@prisma/client'; export const prisma = new PrismaClient();",
    'app/x/route.ts': route(find),
  });
  const file = join(await temporaryFolder(), 'scan.json');
  await writeFile(file, (await scan(app, {json: true})).text);
  await writeFile(join(app, 'app/x/route.ts'), route(`\n\n${find}`));
  expect(await scan(app, {baseline: file})).toMatchObject({
    code: 0,
    text: expect.stringContaining('0 endpoints'),
  });
  await writeFile(join(app, 'app/x/route.ts'), route(`if (Math.random() > 1) { ${find} }\n${find}`));
  const {code, text} = await scan(app, {baseline: file});
  expect(code).toBe(1);
  expect(text.match(/findMany without take/g)).toHaveLength(1);
  await writeFile(file, '[]');
  await expect(scan(app, {baseline: file})).rejects.toMatchObject({exitCode: 2});
});

test('refuses what is no directory, and two formats at once', async () => {
  await expect(scan('/nowhere')).rejects.toMatchObject({exitCode: 2});
  await expect(scan(fixture, {json: true, sarif: true})).rejects.toMatchObject({exitCode: 2});
});

test('--fix selects what is used of a record, and changes nothing else', async () => {
  const body = (first: string, second: string) => `import {prisma} from '../../prisma';
// Größe
export async function GET(request: Request, {id}: {id: number}) {
  const user = await prisma.user.findUnique({
    where: {id},${first}
  });
  if (!user) return null;
  const other = await prisma.user.findFirst({where: {role: 'a'}${second}});
  const whole = await prisma.user.findFirst({where: {role: 'b'}});
  return [other?.email, whole];
}
`;
  const app = await createApp({
    'prisma/schema.prisma': 'model User {\n  id Int @id\n  email String\n  role String\n}',
    'prisma.ts': "import {PrismaClient} from '@prisma/client'; export const prisma = new PrismaClient();",
    'app/x/route.ts': body('', ''),
  });
  const {text} = await scan(app, {fix: true, json: true});
  const {endpoints} = JSON.parse(text);
  expect(endpoints[0].issues.map(({kind}: {kind: string}) => kind)).not.toContain('whole-record');
  const changed = body(', select: {id: true},', ', select: {email: true}');
  expect(await readFile(join(app, 'app/x/route.ts'), 'utf8')).toBe(
    changed.replace('{id},, select', '{id}, select'),
  );
});

test('--fix selects no relation: without include it is undefined', async () => {
  const route = `import {prisma} from '../../prisma';
export async function GET(request, {id}) {
  const user = await prisma.user.findUnique({where: {id}});
  return user.posts ? 1 : 0;
}
`;
  const app = await createApp({
    'prisma/schema.prisma':
      'model User {\n  id Int @id\n  posts Post[]\n}\nmodel Post {\n  id Int @id\n  user User @relation(fields: [userId], references: [id])\n  userId Int\n}',
    'prisma.js': "import {PrismaClient} from '@prisma/client'; export const prisma = new PrismaClient();",
    'app/x/route.js': route,
  });
  const {text} = await scan(app, {fix: true, json: true});
  expect(JSON.parse(text).endpoints[0].issues).toContainEqual(
    expect.objectContaining({kind: 'whole-record', patch: null}),
  );
  expect(await readFile(join(app, 'app/x/route.js'), 'utf8')).toBe(route);
});
