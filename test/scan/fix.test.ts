import {execFile} from 'node:child_process';
import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';
import {expect, test} from 'vitest';
import {applyPatches} from '../../source/scan/apply-patches.ts';
import {scanDirectory} from '../../source/scan/scan-directory.ts';
import {createApp} from './create-app.ts';

const inRepository = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const run = promisify(execFile);

/** Each function before and after; without a second text it stays as it is. */
const bodies: [name: string, before: string, after?: string][] = [
  [
    'existence',
    `const user = await prisma.user.findUnique({where: {id}});
  return user ? 'yes' : 'no';`,
    `const user = await prisma.user.findUnique({where: {id}, select: {id: true}});
  return user ? 'yes' : 'no';`,
  ],
  [
    'existence, over several lines',
    `const school = await prisma.pilotSchool.findFirst({
    where: {school_code: 'a'},
    orderBy: {id: 'asc'},
  });
  if (school === null) throw new Error('none');
  return 1;`,
    `const school = await prisma.pilotSchool.findFirst({
    where: {school_code: 'a'},
    orderBy: {id: 'asc'}, select: {id: true},
  });
  if (school === null) throw new Error('none');
  return 1;`,
  ],
  [
    'one field',
    `const user = await prisma.user.findFirst({where: {role: 'mentor'}});
  const email: string | undefined = user?.email;
  return email ?? '';`,
    `const user = await prisma.user.findFirst({where: {role: 'mentor'}, select: {email: true}});
  const email: string | undefined = user?.email;
  return email ?? '';`,
  ],
  [
    'one field, that may be null',
    `const {subject} = await prisma.user.findFirstOrThrow({where: {id}});
  const user = await prisma.user.findUniqueOrThrow({where: {id}});
  return [subject, user.subject!.length];`,
    `const {subject} = await prisma.user.findFirstOrThrow({where: {id}});
  const user = await prisma.user.findUniqueOrThrow({where: {id}, select: {subject: true}});
  return [subject, user.subject!.length];`,
  ],
  [
    'their number',
    `const users = await prisma.user.findMany({where: {is_active: true}});
  return users.length === 0 ? 'none' : users.length;`,
    `const users = await prisma.user.findMany({where: {is_active: true}, select: {id: true}});
  return users.length === 0 ? 'none' : users.length;`,
  ],
  [
    'their number, and one of them',
    `const users = await prisma.user.findMany({where: {is_active: true}});
  return users.length > 1 ? users[0] : null;`,
  ],
  [
    'two fields, a whole record, a relation',
    `const two = await prisma.user.findUnique({where: {id}});
  const whole = await prisma.user.findUnique({where: {id}});
  const other = await prisma.user.findUnique({where: {id}, include: {pilot_school: true}});
  return [two?.name, two?.role, whole, other?.pilot_school];`,
  ],
  [
    'assigned again, or given to a type',
    `let user = await prisma.user.findUnique({where: {id}});
  if (!user) user = await prisma.user.findFirst();
  const known: {name: string} | null = await prisma.user.findUnique({where: {id}});
  return [user?.id, known?.name];`,
  ],
];

const moduleOf = (texts: string[]) =>
  `import {prisma} from './prisma';\n// Größe 🙂\n${texts
    .map((text, at) => `export async function GET${at}(id: number) {\n  ${text}\n}`)
    .join('\n')}\n`;

test('--fix changes only what its patches say, and the files type-check afterwards', async () => {
  const client = inRepository('source/demo/prisma/generated/assessments/client.ts');
  const app = await createApp({
    'prisma/schema.prisma': await readFile(inRepository('source/demo/prisma/assessments.prisma'), 'utf8'),
    'prisma.ts': `import {PrismaClient} from '${client}';\nexport const prisma = new PrismaClient({} as never);\n`,
    'routes.ts': moduleOf(bodies.map(([, before]) => before)),
    'tsconfig.json': JSON.stringify({
      compilerOptions: {
        ...{module: 'esnext', target: 'es2023', strict: true, skipLibCheck: true, noEmit: true},
        ...{moduleResolution: 'bundler', allowImportingTsExtensions: true, types: ['node']},
        typeRoots: [inRepository('node_modules/@types')],
      },
      files: ['routes.ts'],
    }),
  });
  const entries = bodies.map((_, at) => `${join(app, 'routes.ts')}#GET${at}`);
  const {problems} = await applyPatches({...(await scanDirectory(app, entries)), directory: app});
  expect(problems).toEqual([]);
  expect(await readFile(join(app, 'routes.ts'), 'utf8')).toBe(
    moduleOf(bodies.map(([, before, after = before]) => after)),
  );
  const compiler = inRepository('node_modules/.bin/tsc');
  await expect(run(compiler, ['-p', app]).catch(error => error.stdout)).resolves.toEqual({
    stdout: '',
    stderr: '',
  });
});
