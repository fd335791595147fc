import {existsSync} from 'node:fs';
import {readdir, readFile} from 'node:fs/promises';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {usageError} from '../../core/errors.ts';
import {didYouMean} from '../../core/text/nearest.ts';
import type {Endpoint, Variant} from '../../replay/endpoint/endpoint.ts';
import {parseSqlEndpoint} from '../../replay/endpoint/parse-sql.ts';
import {compileSqlEndpoint} from '../../replay/endpoint/sql-endpoint.ts';
import type {ClientClass, Prisma} from '../../replay/prisma/measured-client.ts';
import type {ReplayOptions} from './options.ts';

/** Where to look for a Prisma Client: `--client`, the demo, the endpoint's application or the working directory. */
type ClientSource = {client: string | undefined; isDemo: boolean; cwd: string};

/** Loads an endpoint from a file, or a demo endpoint by its name. Throws AbortError (exit 2) if it cannot. */
export async function loadEndpoint(name: string, source: ClientSource): Promise<Endpoint> {
  const {cwd} = source;
  const file = endpointFileOf(name, cwd);
  if (/\.[cm]?[jt]s$/.test(file) && existsSync(file)) {
    const {loadEndpointFile} = await import('../../replay/prisma/endpoint-file.ts');
    return loadEndpointFile(file, {hasClient: await hasPrismaClient(file, source)});
  }
  const text = await readEndpointText(name, file);
  return compileSqlEndpoint(parseSqlEndpoint(text, name), name);
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

/** The requested variants, in that order. Throws AbortError (exit 2) for an unknown one. */
export function selectVariants(endpoint: Endpoint, {variants}: Pick<ReplayOptions, 'variants'>): Variant[] {
  const names = endpoint.variants.map(({name}) => name);
  const unknown = variants?.find(name => !names.includes(name));
  if (unknown !== undefined) {
    throw usageError(`${endpoint.file} has no variant "${unknown}"`, `Variants: ${names.join(', ')}.`);
  }
  return (variants ?? names).flatMap(name => endpoint.variants.find(each => each.name === name) ?? []);
}

/**
 * Loads the Prisma Client for an endpoint file: from `--client`, the demo, the file's application or the working directory.
 * null for a SQL file. Throws AbortError (exit 2) if `--client` contains none.
 */
export async function loadPrismaClient(endpoint: Endpoint, source: ClientSource): Promise<Prisma | null> {
  const {file: endpointFile} = endpoint;
  if (!/\.[cm]?[jt]s$/.test(endpointFile)) return null;
  if (usesDemoClient(endpointFile, source)) return demoPrisma(endpoint.demoDatabase ?? 'assessments');
  const file = await clientFileOf(endpointFile, source);
  if (file !== null) {
    const {loadApplicationClient} = await import('../../replay/prisma/application-client.ts');
    return loadApplicationClient(file);
  }
  const {client} = source;
  if (client === undefined) {
    const {interceptPg} = await import('../../replay/sandbox/redirect-pg.ts');
    const own = interceptPg(endpointFile);
    return {...withoutPrisma, ...(own && {Pool: own.Pool})};
  }
  throw usageError(
    `no generated Prisma Client in ${client}`,
    "Give the folder that `prisma generate` writes to, or the application's folder.",
  );
}

/** Whether an endpoint file has a Prisma Client. */
async function hasPrismaClient(file: string, source: ClientSource): Promise<boolean> {
  return usesDemoClient(file, source) || (await clientFileOf(file, source)) !== null;
}

function usesDemoClient(file: string, {client, isDemo}: ClientSource): boolean {
  return client === undefined && (isDemo || isDemoEndpoint(file));
}

async function clientFileOf(file: string, {client, cwd}: ClientSource): Promise<string | null> {
  const {findClient} = await import('../../replay/prisma/application-client.ts');
  const folders = client === undefined ? [applicationOf(file), cwd] : [path.resolve(cwd, client)];
  return (await Promise.all(folders.map(findClient))).find(found => found !== null) ?? null;
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

/** For an endpoint without Prisma. Throws only when `prisma` is used, so that the error has the endpoint's line. */
const withoutPrisma: Prisma = {
  version: '',
  major: null,
  semantics: 'node-postgres',
  open: () => ({
    client: new Proxy(
      {},
      {
        get() {
          throw new Error('no generated Prisma Client found; set its folder with --client');
        },
      },
    ),
    close: async () => {},
  }),
};

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
