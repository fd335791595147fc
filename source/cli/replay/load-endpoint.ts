import {existsSync, statSync} from 'node:fs';
import {readdir, readFile} from 'node:fs/promises';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {usageError} from '../../core/errors.ts';
import {didYouMean} from '../../core/text/nearest.ts';
import type {Endpoint} from '../../replay/endpoint/endpoint.ts';
import {parseSqlEndpoint} from '../../replay/endpoint/parse-sql.ts';
import {compileSqlEndpoint} from '../../replay/endpoint/sql-endpoint.ts';
import type {ClientClass, Prisma} from '../../replay/prisma/measured-client.ts';
import type {EndpointSource} from './measure.ts';
import {prisma8Of, prisma8Problem} from './prisma-8.ts';

/** Where to look for a Prisma Client: `--client`, the demo, the endpoint's application or the working directory. */
type ClientSource = Pick<EndpointSource, 'client' | 'clientModule' | 'isDemo' | 'cwd'>;

/**
 * Loads an endpoint from a file, or a demo endpoint by its name, and the Prisma Client that it is measured with: from
 * `--client`, the demo, the file's application or the working directory; null for a SQL file. Throws AbortError (exit 2)
 * if it cannot.
 */
export async function loadEndpoint(
  name: string,
  source: ClientSource,
): Promise<{endpoint: Endpoint; prisma: Prisma | null}> {
  const {cwd, client, clientModule} = source;
  const file = endpointFileOf(name, cwd);
  if (!/\.[cm]?[jt]sx?$/.test(file) || !existsSync(file)) {
    const text = await readEndpointText(name, file);
    return {endpoint: compileSqlEndpoint(parseSqlEndpoint(text, name), name), prisma: null};
  }
  const {loadEndpointFile} = await import('../../replay/prisma/endpoint-file.ts');
  if (client === undefined && (source.isDemo || isDemoEndpoint(file))) {
    const endpoint = await loadEndpointFile(file, {hasClient: true});
    return {endpoint, prisma: await demoPrisma(endpoint.demoDatabase ?? 'assessments')};
  }
  // First, because what the endpoint imports may create clients.
  const prisma = await loadPrismaClient(file, source);
  if (clientModule !== undefined && prisma === null)
    throw usageError('--client-module needs a generated Prisma Client', 'Set its folder with --client.');
  const replaced = clientModule === undefined ? undefined : moduleFileOf(clientModule, cwd);
  const version = prisma === null ? prisma8Of(file) : null;
  const endpoint = await loadEndpointFile(file, {hasClient: prisma !== null, clientModule: replaced}).catch(
    error => {
      const problem = prisma8Problem();
      throw version === null || problem === null ? error : usageError(String(error.message), problem, error);
    },
  );
  return {endpoint, prisma: prisma ?? (await noPrisma(file, version))};
}

/** `lib/prisma` names `lib/prisma.ts`, `lib/prisma/index.js`, ... Throws AbortError (exit 2) if there is none. */
function moduleFileOf(module: string, cwd: string): string {
  const location = path.resolve(cwd, module);
  const extensions = ['', '.ts', '.tsx', '.mts', '.js', '.mjs', '.cjs', '/index.ts', '/index.js'];
  const file = extensions
    .map(each => `${location}${each}`)
    .find(each => statSync(each, {throwIfNoEntry: false})?.isFile());
  if (file === undefined)
    throw usageError(`there is no module ${module}`, 'Name the file that exports the Prisma Client.');
  return file;
}

/** A name such as `reports-dashboard` means the demo's endpoint, unless a file has that name. */
function endpointFileOf(name: string, cwd: string): string {
  const file = path.resolve(cwd, name);
  const own = path.join(demoEndpointsFolder(), `${name}.ts`);
  return /^[\w-]+$/.test(name) && !existsSync(file) && existsSync(own) ? own : file;
}

async function readEndpointText(name: string, file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const {code} = error as {code?: string};
    const entries = await readdir(demoEndpointsFolder()).catch(() => []);
    const names = entries.filter(entry => entry.endsWith('.ts')).map(entry => entry.slice(0, -'.ts'.length));
    const reason = didYouMean(name, names) || ` (${code ?? 'unknown error'})`;
    throw usageError(
      `cannot read the endpoint file ${name}${reason}`,
      `Name a SQL, TypeScript or JavaScript file, or with --demo one of ${names.join(', ')}.`,
      error,
    );
  }
}

/** The application's client, or null. Throws AbortError (exit 2) if `--client` contains none. */
async function loadPrismaClient(endpointFile: string, {client, cwd}: ClientSource): Promise<Prisma | null> {
  const {findClient, loadApplicationClient} = await import('../../replay/prisma/application-client.ts');
  const folders = client === undefined ? [applicationOf(endpointFile), cwd] : [path.resolve(cwd, client)];
  const file = (await Promise.all(folders.map(findClient))).find(found => found !== null);
  if (file != null) return loadApplicationClient(file);
  if (client === undefined) return null;
  throw usageError(
    `no generated Prisma Client in ${client}`,
    "Give the folder that `prisma generate` writes to, or the application's folder.",
  );
}

/** The generated clients of the demo's databases with endpoints. Each import loads Prisma (2 MB). */
export const demoClients = {
  assessments: () => import('../../demo/prisma/generated/assessments/client.ts'),
  taskdesk: () => import('../../demo/prisma/generated/taskdesk/client.ts'),
} as const;

async function demoPrisma(database: string): Promise<Prisma> {
  const load = demoClients[database as keyof typeof demoClients];
  if (load === undefined) {
    throw usageError(
      `the demo has no database "${database}" to replay on`,
      `It has ${Object.keys(demoClients).join(', ')}.`,
    );
  }
  const [{PrismaClient, Prisma: namespace}, {bundledPrisma}] = await Promise.all([
    load(),
    import('../../replay/prisma/measured-client.ts'),
  ]);
  return bundledPrisma(PrismaClient as unknown as ClientClass, namespace.prismaVersion.client);
}

/** The nearest parent folder with a package.json, otherwise the file's folder. */
function applicationOf(file: string): string {
  for (let folder = path.dirname(file); folder !== path.dirname(folder); folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, 'package.json'))) return folder;
  }
  return path.dirname(file);
}

/**
 * For an endpoint without a client to hand over: none, or Prisma 8's `db`, which it imports and whose pool is redirected. Throws
 * only when `prisma` is used, so that the error has the endpoint's line.
 */
async function noPrisma(file: string, prisma8: string | null): Promise<Prisma> {
  const {interceptPg} = await import('../../replay/sandbox/redirect-pg.ts');
  const own = interceptPg(file);
  const get = () => {
    throw new Error(
      prisma8 === null
        ? 'no generated Prisma Client found; set its folder with --client'
        : 'Prisma 8 generates no client: import the db of your application',
    );
  };
  return {
    version: prisma8 ?? '',
    major: prisma8 === null ? null : Number.parseInt(prisma8, 10),
    semantics: 'node-postgres',
    open: () => ({client: new Proxy({}, {get}), close: async () => {}}),
    ...(own && {Pool: own.Pool}),
  };
}

/** Whether a file is one of the demo's endpoints. */
function isDemoEndpoint(file: string): boolean {
  return path.dirname(file) === demoEndpointsFolder();
}

/** The folder of the demo's endpoints: in the sources, or next to the built program. */
function demoEndpointsFolder(): string {
  const places = import.meta.url.endsWith('.ts')
    ? ['../../../recipes/endpoints']
    : ['../endpoints', './endpoints'];
  const folders = places.map(place => fileURLToPath(new URL(place, import.meta.url)));
  return folders.find(folder => existsSync(folder)) ?? '';
}
