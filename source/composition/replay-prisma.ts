import {existsSync} from 'node:fs';
import path from 'node:path';
import {usageError} from '../core/errors.ts';
import {demoClients} from '../demo/prisma/clients.ts';
import type {Endpoint} from '../replay/endpoint.ts';
import type {ClientClass, Prisma} from '../replay/prisma/prisma.ts';
import {isDemoEndpoint} from './replay-endpoint.ts';

/**
 * The Prisma Client an endpoint file is run with: the one that is named, the demo's on the demo, or the one that is
 * generated in the application around the file, or here; null for a file of SQL. Throws AbortError (exit 2) where
 * the named one is none.
 */
export async function prismaFor(
  endpoint: Endpoint,
  {client, isDemo, cwd}: {client: string | undefined; isDemo: boolean; cwd: string},
): Promise<Prisma | null> {
  if (!/\.[cm]?[jt]s$/.test(endpoint.file)) return null;
  if (client === undefined && (isDemo || isDemoEndpoint(endpoint.file)))
    return demoPrisma(endpoint.demoDatabase ?? 'assessments');
  const {findClient} = await import('../replay/prisma/find-client.ts');
  const folders = client === undefined ? [applicationOf(endpoint.file), cwd] : [path.resolve(cwd, client)];
  const file = (await Promise.all(folders.map(findClient))).find(found => found !== null) ?? null;
  if (file !== null) {
    const {loadApplicationClient} = await import('../replay/prisma/application-client.ts');
    return loadApplicationClient(file);
  }
  if (client === undefined) return withoutPrisma;
  throw usageError(
    `no generated Prisma Client is in ${client}`,
    'Name the folder that `prisma generate` writes to, or the application that holds it.',
  );
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
    import('../replay/prisma/prisma.ts'),
  ]);
  return bundledPrisma(PrismaClient as unknown as ClientClass, namespace.prismaVersion.client);
}

/** The nearest folder above the file that is a package; the file's own where none is. */
function applicationOf(file: string): string {
  for (let folder = path.dirname(file); folder !== path.dirname(folder); folder = path.dirname(folder)) {
    if (existsSync(path.join(folder, 'package.json'))) return folder;
  }
  return path.dirname(file);
}

/** For an endpoint of statements alone; one that wants Prisma is told what it lacks, on its own line. */
const withoutPrisma: Prisma = {
  version: '',
  major: null,
  semantics: 'node-postgres',
  open: () => ({
    client: new Proxy(
      {},
      {
        get() {
          throw new Error('no generated Prisma Client was found: name it with --client');
        },
      },
    ),
    close: async () => {},
  }),
};
