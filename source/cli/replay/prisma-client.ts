import {existsSync} from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';
import {usageError} from '../../core/errors.ts';
import {demoClients} from '../../demo/prisma/clients.ts';
import type {Endpoint} from '../../replay/endpoint/endpoint.ts';
import type {ClientClass, Prisma} from '../../replay/prisma/measured-client.ts';

/** Where to look for a Prisma Client: `--client`, the demo, the endpoint's application or the working directory. */
export type ClientSource = {client: string | undefined; isDemo: boolean; cwd: string};

/**
 * Loads the Prisma Client for an endpoint file: from `--client`, the demo, the file's application or the working directory.
 * null for a SQL file. Throws AbortError (exit 2) if `--client` contains none.
 */
export async function loadPrismaClient(endpoint: Endpoint, source: ClientSource): Promise<Prisma | null> {
  const {file: endpointFile} = endpoint;
  if (!/\.[cm]?[jt]s$/.test(endpointFile)) return null;
  if (isOfDemo(endpointFile, source)) return demoPrisma(endpoint.demoDatabase ?? 'assessments');
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
export async function hasPrismaClient(file: string, source: ClientSource): Promise<boolean> {
  return isOfDemo(file, source) || (await clientFileOf(file, source)) !== null;
}

function isOfDemo(file: string, {client, isDemo}: ClientSource): boolean {
  return client === undefined && (isDemo || isDemoEndpoint(file));
}

async function clientFileOf(file: string, {client, cwd}: ClientSource): Promise<string | null> {
  const {findClient} = await import('../../replay/prisma/application-client.ts');
  const folders = client === undefined ? [applicationOf(file), cwd] : [path.resolve(cwd, client)];
  return (await Promise.all(folders.map(findClient))).find(found => found !== null) ?? null;
}

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
export function demoEndpointsFolder(): string {
  const places = import.meta.url.endsWith('.ts')
    ? ['../../../recipes/endpoints']
    : ['../endpoints', './endpoints'];
  const folders = places.map(place => fileURLToPath(new URL(place, import.meta.url)));
  return folders.find(folder => existsSync(folder)) ?? '';
}
