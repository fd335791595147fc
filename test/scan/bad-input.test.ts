import {chmod, symlink} from 'node:fs/promises';
import {join} from 'node:path';
import {describe, expect, test} from 'vitest';
import {isIgnored, readIgnoreFile} from '../../source/scan/code/ignore-file.ts';
import {loadParser} from '../../source/scan/code/parser.ts';
import {createResolver} from '../../source/scan/code/resolve-import.ts';
import {walkFiles} from '../../source/scan/code/walk-files.ts';
import {scanDirectory} from '../../source/scan/scan-directory.ts';
import {createApp} from './create-app.ts';

const prisma = "import {PrismaClient} from '@prisma/client'; export const prisma = new PrismaClient();";
const route =
  "import {prisma} from '../../prisma'; export async function GET() { await prisma.user.count(); }";

describe('each is one line, and the rest is read', () => {
  test('syntax errors', async () => {
    const app = await createApp({
      'prisma.ts': prisma,
      'app/a/route.ts': route,
      'app/b/route.ts': 'export async function GET( {',
    });
    const {endpoints, problems} = await scanDirectory(app);
    expect(endpoints.map(each => each.route)).toEqual(['GET /a']);
    expect(problems).toContainEqual({
      file: 'app/b/route.ts',
      line: 1,
      message: expect.stringContaining('syntax error'),
    });
  });

  test('bundles', async () => {
    const app = await createApp({
      'prisma.ts': prisma,
      'app/a/route.ts': route,
      'public/bundle.js': 'f();\n'.repeat(250_000),
    });
    const {files, problems} = await scanDirectory(app);
    expect(files).toBe(2);
    expect(problems).toContainEqual({
      file: 'public/bundle.js',
      line: null,
      message: 'not read: 1.2M is a bundle, not a source',
    });
  });

  test('symbolic links in a circle or to nowhere', async () => {
    const app = await createApp({'prisma.ts': prisma, 'app/a/route.ts': route});
    await symlink(app, join(app, 'app/a/again'));
    await symlink('/nowhere', join(app, 'app/gone.ts'));
    expect((await scanDirectory(app)).endpoints).toHaveLength(1);
  });

  // Root reads whatever the mode says.
  test.skipIf(process.getuid?.() === 0)('files that may not be read', async () => {
    const app = await createApp({'prisma.ts': prisma, 'app/a/route.ts': route, 'app/b/route.ts': route});
    await chmod(join(app, 'app/b/route.ts'), 0);
    expect((await scanDirectory(app)).problems).toContainEqual({
      file: 'app/b/route.ts',
      line: null,
      message: 'not read: permission denied',
    });
  });

  test('no Prisma, no code at all', async () => {
    expect(await scanDirectory(await createApp({}))).toMatchObject({
      files: 0,
      endpoints: [],
      problems: [{file: '.'}],
    });
  });
});

test('files that call each other in a circle end', async () => {
  const app = await createApp({
    'prisma.ts': prisma,
    'app/a/route.ts': "import {b} from '../../b'; export const GET = () => b(); export {GET as HEAD};",
    'b.ts':
      "import {GET} from './app/a/route'; import {prisma} from './prisma'; export async function b(): Promise<unknown> { await prisma.user.count(); return (await GET()) ?? b(); } export * from './c';",
    'c.ts': "export * from './b';",
  });
  const {endpoints} = await scanDirectory(app);
  expect(endpoints).toMatchObject([{route: 'GET /a', queries: 1}, {route: 'HEAD /a'}]);
});

test('what Git ignores, what is installed, built, generated or a test is not read', async () => {
  const app = await createApp({
    '.gitignore': '*.local.ts\n/out-*/\n!keep.local.ts\nlogs/**/*.ts\n',
    'a.ts': '',
    'b.local.ts': '',
    'keep.local.ts': '',
    'out-1/x.ts': '',
    'logs/deep/x.ts': '',
    'sub/.gitignore': 'own.ts\n',
    'sub/own.ts': '',
    'sub/other.tsx': '',
    'own.ts': '',
    ...Object.fromEntries(
      [
        'node_modules/p/i.js',
        'dist/i.js',
        'src/generated/c.ts',
        'a.test.ts',
        'types.d.ts',
        '.next/x.js',
        'x.min.js',
      ].map(each => [each, '']),
    ),
  });
  const found = walkFiles(app).code.map(path => path.slice(app.length + 1));
  expect(found).toEqual(['a.ts', 'keep.local.ts', 'own.ts', 'sub/other.tsx']);
});

describe('.gitignore', () => {
  test.each<[pattern: string, ignored: string[], read: string[]]>([
    ['a', ['a', 'x/a'], ['ab']],
    ['/a', ['a'], ['x/a']],
    ['x/a', ['x/a'], ['y/x/a']],
    ['a*c', ['ac', 'abbc'], ['a/c', 'acd']],
    ['*a*b*', ['xaxbx', 'y/ab'], ['ba']],
    ['?.ts', ['a.ts'], ['ab.ts', '.ts']],
    ['[a-c!].ts', ['b.ts', '!.ts'], ['d.ts']],
    ['[!a-c].ts', ['d.ts'], ['b.ts', '/.ts']],
    ['[z-a].ts', ['z.ts'], ['b.ts']],
    ['[]x].ts', ['].ts', 'x.ts'], ['y.ts']],
    ['[a\\]-].ts', ['].ts', '-.ts'], ['b.ts']],
    ['\\*', ['*'], ['a']],
    ['a\\ ', ['a '], ['a']],
    ['a  \r', ['a'], ['a ']],
    ['**/a', ['a', 'x/y/a'], ['xa']],
    ['a/**', ['a/b', 'a/b/c'], ['a']],
    ['a/**/b', ['a/b', 'a/x/y/b'], ['a/xb']],
    ['a**c', ['abbc'], ['a/c']],
    ['a.+', ['a.+'], ['abb']],
  ])('%s', (pattern, ignored, read) => {
    const {rules} = readIgnoreFile(pattern);
    expect(ignored.filter(path => !isIgnored(rules, path, false))).toEqual([]);
    expect(read.filter(path => isIgnored(rules, path, false))).toEqual([]);
  });

  test('a line that is no pattern is a problem, and the others are applied', async () => {
    const bad = ['[a', 'a\\', '[a/b]'];
    const app = await createApp({'.gitignore': ['b.ts', ...bad].join('\n'), 'a.ts': '', 'b.ts': ''});
    expect(walkFiles(app)).toMatchObject({
      code: [join(app, 'a.ts')],
      problems: bad.map((_, index) => ({
        file: '.gitignore',
        line: index + 2,
        message: 'ignored: not a pattern',
      })),
    });
  });

  // A regular expression of the first took 7 minutes for a name of 60 characters.
  test('patterns that make regular expressions explode end', () => {
    const name = 'a'.repeat(255);
    const patterns = [`${'*a'.repeat(100)}*b`, `${'**/'.repeat(1000)}b`, '*'.repeat(1_000_000).concat('b')];
    patterns.push(`${' '.repeat(1_000_000)}b`, '['.repeat(1_000_000), `${'a/**/'.repeat(1000)}b`);
    const {rules} = readIgnoreFile(patterns.join('\n'));
    expect(isIgnored(rules, `${'a/'.repeat(1000)}${name}`, false)).toBe(undefined);
  });
});

test('imports are resolved as TypeScript does, without anything installed', async () => {
  const app = await createApp({
    'tsconfig.base.json':
      '{"compilerOptions": {"paths": {"@lib/*": ["./libs/*/src"], "@/*": ["./src/*"], "@/special/*": ["./other/*"],}}, /* c */}',
    'tsconfig.json': '{"extends": "./tsconfig.base.json"}',
    'src/a.ts': '',
    'src/b/index.tsx': '',
    'other/c.ts': '',
    'libs/db/src/index.ts': '',
    'web/jsconfig.json': '{"compilerOptions": {"baseUrl": "."}}',
    'web/util/d.js': '',
    'web/package.json': '{"name": "web", "imports": {"#d": "./util/d.js"}}',
    'packages/db/package.json':
      '{"name": "@acme/db", "exports": {".": {"types": "./dist/index.d.ts", "default": "./dist/index.js"}, "./*": "./src/*.ts"}}',
    'packages/db/src/index.ts': '',
    'packages/db/src/client.ts': '',
    'packages/ui/package.json': '{"name": "ui", "main": "lib/main.js"}',
    'packages/ui/src/main.ts': '',
  });
  const resolve = createResolver(app, walkFiles(app), await loadParser());
  const from = (file: string, specifier: string) =>
    resolve(join(app, file), specifier)?.slice(app.length + 1) ?? null;
  expect(from('src/a.ts', './b')).toBe('src/b/index.tsx');
  expect(from('src/b/index.tsx', '../a.js')).toBe('src/a.ts');
  expect(from('src/a.ts', '@/b')).toBe('src/b/index.tsx');
  expect(from('src/a.ts', '@/special/c')).toBe('other/c.ts');
  expect(from('src/a.ts', '@lib/db')).toBe('libs/db/src/index.ts');
  expect(from('web/util/d.js', 'util/d')).toBe('web/util/d.js');
  expect(from('web/util/d.js', '#d')).toBe('web/util/d.js');
  expect(from('src/a.ts', '@acme/db')).toBe('packages/db/src/index.ts');
  expect(from('src/a.ts', '@acme/db/client')).toBe('packages/db/src/client.ts');
  expect(from('src/a.ts', 'ui')).toBe('packages/ui/src/main.ts');
  expect(from('src/a.ts', 'express')).toBe(null);
});

/** A file as large as those that are read, of one piece that begins what never ends. */
const filled = (piece: string, head = '') => head + piece.repeat(Math.floor(900_000 / piece.length));

// With a regular expression that takes quadratic time, each takes minutes.
test.each<[file: string, text: string]>([
  ['schema.prisma', filled('datasource a{')],
  ['schema.prisma', `model A {\n  a B ${filled('@relation(fields:[')}\n}`],
  ['package.json', filled('"prisma":{')],
  ['prisma.config.ts', filled('/* ')],
  ['prisma.config.ts', filled('migrations:{path:a(')],
  ['prisma.config.ts', filled('url ')],
  ['pool.ts', filled('"\\', "import {Pool} from 'pg'; new Pool(; PrismaPg ")],
  ['pool.ts', filled('/* ', 'new PrismaPg(')],
  ['pool.ts', filled('new PrismaPg(')],
  ['pool.ts', `new PrismaPg({${'/**/'.repeat(200_000)}!})`],
  ['pool.ts', filled(' ', 'new PrismaPg')],
  ['app/b/route.ts', `${'/**/'.repeat(200_000)}!`],
  ['remix.ts', filled('export ')],
  ['app/b/route.ts', `// poolctl-accept query-in-loop: a${'* '.repeat(400_000)}b\n${route}`],
])('%s that makes regular expressions explode is read', async (file, text) => {
  const app = await createApp({'prisma.ts': prisma, 'app/a/route.ts': route, [file]: text});
  const {endpoints} = await scanDirectory(app);
  expect(endpoints.map(each => each.route)).toContain('GET /a');
});
