import {spawn} from 'node:child_process';
import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {dirname, join, resolve} from 'node:path';
import process from 'node:process';
import {parseArgs} from 'node:util';
import {readUsage} from './process-usage.ts';

/**
 * `npm run bench:scan [-- --files 10000]`: how long `poolctl scan` takes for an application of that many files, and the
 * compiler for the same files. A tenth are route handlers, two tenths services that they call, the rest components.
 */
const {values} = parseArgs({options: {files: {type: 'string', default: '10000'}}});
const count = Number(values.files);
const folder = await mkdtemp(join(tmpdir(), 'poolctl-bench-scan-'));
try {
  const bytes = await writeApp();
  console.log(`${count} files, ${(bytes / 1e6).toFixed(1)} MB`);
  const scan = await measure(process.execPath, [resolve('dist/cli.js'), 'scan', folder, '--json']);
  console.log(`poolctl scan  ${scan}`);
  const compiler = resolve('node_modules/.bin/tsc');
  console.log(`tsc --noEmit  ${await measure(compiler, ['--noEmit', '-p', folder])}`);
} finally {
  await rm(folder, {recursive: true, force: true});
}

async function writeApp(): Promise<number> {
  let bytes = 0;
  const write = async (path: string, text: string) => {
    const full = join(folder, path);
    await mkdir(dirname(full), {recursive: true});
    await writeFile(full, text);
    bytes += text.length;
  };
  const models = Array.from(
    {length: 50},
    (_, at) => `model M${at} {\n  id Int @id\n  name String\n  others M${(at + 1) % 50}[]\n}\n`,
  );
  await write('prisma/schema.prisma', models.join('\n'));
  await write(
    'tsconfig.json',
    '{"compilerOptions": {"module": "esnext", "moduleResolution": "bundler", "jsx": "preserve", "strict": true, "skipLibCheck": true, "types": [], "paths": {"@/*": ["./*"]}}}',
  );
  // What the compiler would read from node_modules: without it, it spends its time on errors.
  await write(
    'installed.d.ts',
    `declare module '@prisma/client' {export class PrismaClient {[model: string]: any}}
declare module 'react' {export function useState<T>(value: T): [T, (value: T) => void]}
declare namespace JSX {interface IntrinsicElements {[name: string]: any}}
`,
  );
  await write(
    'lib/prisma.ts',
    "import {PrismaClient} from '@prisma/client';\nexport const prisma = new PrismaClient();\n",
  );
  for (let at = 0; at < count; at++) {
    if (at % 10 === 0) await write(`app/api/r${at}/route.ts`, routeText(at));
    else if (at % 10 < 3) await write(`lib/services/s${at}.ts`, serviceText(at));
    else await write(`components/c${at % 97}/C${at}.tsx`, componentText(at));
  }
  return bytes;
}

function routeText(at: number): string {
  const [first, second] = [at + 1, (at + 12) % count];
  const other = second % 10 === 1 || second % 10 === 2 ? second : first;
  return `import {list${first}} from '@/lib/services/s${first}';
import {list${other} as more} from '@/lib/services/s${other}';
import {prisma} from '@/lib/prisma';

export async function GET(request: Request) {
  const url = new URL(request.url);
  const id = Number(url.searchParams.get('id') ?? 0);
  const [rows, total] = await Promise.all([list${first}(id), prisma.m${at % 50}.count()]);
  for (const row of rows) await more(row.id);
  return Response.json({rows, total});
}
`;
}

function serviceText(at: number): string {
  const helpers = Array.from(
    {length: 8},
    (_, each) => `export function format${at}_${each}(value: {name: string; at: Date}): string {
  const parts = [value.name.trim(), value.at.toISOString().slice(0, 10)];
  if (parts.some(part => part.length === 0)) return 'unknown ${each}';
  return parts.map(part => part.toLowerCase()).join(', ');
}
`,
  );
  return `import {prisma} from '../prisma';

export async function list${at}(id: number) {
  const found = await prisma.m${at % 50}.findMany({where: {id: {gt: id}}, take: 20, include: {others: {take: 3}}});
  return found.map(({id: own, name}: {id: number; name: string}) => ({id: own, name}));
}

${helpers.join('\n')}`;
}

function componentText(at: number): string {
  const rows = Array.from(
    {length: 40},
    (_, each) =>
      `        <li key="${each}" className="row row-${each}" onClick={() => setOpen(open === ${each} ? null : ${each})}>\n          {items[${each}] ?? 'Item ${each}'} <span>{open === ${each} ? 'open' : 'closed'}</span>\n        </li>`,
  );
  return `'use client';
import {useState} from 'react';

export function C${at}({items, title}: {items: string[]; title: string}) {
  const [open, setOpen] = useState<number | null>(null);
  return (
    <section>
      <h2>{title}</h2>
      <ul>
${rows.join('\n')}
      </ul>
    </section>
  );
}
`;
}

/** Elapsed time, processor time and peak memory. */
async function measure(command: string, args: string[]): Promise<string> {
  const started = performance.now();
  const child = spawn(command, args, {stdio: ['ignore', 'ignore', 'inherit']});
  const code = new Promise(done => child.once('close', done));
  let [cpu_s, peak_MB] = [0, 0];
  const watch = setInterval(() => {
    try {
      const usage = readUsage(child.pid ?? 0);
      cpu_s = usage.cpu_s;
      peak_MB = Math.max(peak_MB, usage.peakMemory_MB);
    } catch {
      // It has just started, or has ended.
    }
  }, 50);
  // 1: poolctl has found something.
  if (Number(await code) > 1) throw new Error(`${command} ended with ${child.exitCode}`);
  clearInterval(watch);
  const elapsed_s = (performance.now() - started) / 1000;
  return `${elapsed_s.toFixed(1)} s, ${cpu_s.toFixed(1)} s of processor time, ${Math.round(peak_MB)} MB`;
}
