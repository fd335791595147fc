import {stat} from 'node:fs/promises';
import {join, resolve} from 'node:path';
import {usageError} from '../core/errors.ts';
import {readEnvFile} from '../core/pool/env-file.ts';
import {findPoolCalls} from '../core/pool/pool-patch.ts';
import {redactSecrets} from '../core/text/redact.ts';
import type {Application, PoolSite} from '../model/application.ts';
import {readPrismaVersion} from './prisma-version.ts';
import {readText, realPathOf} from './read-text.ts';
import {findSources} from './source-files.ts';

/**
 * Reads an application's folder for what bears on its pool: Prisma's version, the URL's variable (unless it is
 * given), its `.env`, and where adapters are made. Throws AbortError (exit 2) where there is no such folder.
 */
export async function readApplication(given: string, variable?: string): Promise<Application> {
  const folder = resolve(given);
  const isFolder = await stat(folder).then(
    found => found.isDirectory(),
    () => false,
  );
  if (!isFolder) throw usageError(`app: ${given} is no folder`);
  const url_variable = variable ?? (await readUrlVariable(folder));
  const dotenv = join(folder, '.env');
  const text = await readText(dotenv);
  return {
    folder,
    prisma: await readPrismaVersion(folder),
    url_variable,
    env_file: text === null ? null : readEnvFile(await realPathOf(dotenv), url_variable, text),
    ...(await readPools(folder)),
  };
}

/** Where Prisma looks for them by itself. */
const configurations = [
  'prisma.config.ts',
  'prisma.config.mts',
  'prisma.config.js',
  'prisma.config.mjs',
  '.config/prisma.ts',
  'prisma/schema.prisma',
  'schema.prisma',
  'src/prisma/schema.prisma',
];

/** `url = env("DATABASE_URL")` of a schema, `url: env('DATABASE_URL')` or `process.env.DATABASE_URL` of a config. */
async function readUrlVariable(folder: string): Promise<string> {
  for (const name of configurations) {
    const text = await readText(join(folder, name));
    const match = /^[^/\n]*\burl\s*[=:]\s*(?:env\(\s*["'](\w+)["']|process\.env\.(\w+))/m.exec(text ?? '');
    const variable = match?.[1] ?? match?.[2];
    if (variable !== undefined) return variable;
  }
  return 'DATABASE_URL';
}

async function readPools(folder: string): Promise<Pick<Application, 'pools' | 'is_partial'>> {
  const {paths, is_partial} = await findSources(folder);
  const pools: PoolSite[] = [];
  for (const path of paths) {
    const text = await readText(path);
    // Cheap, and rules out nearly every file.
    if (text?.includes('PrismaPg')) pools.push(...sitesOf(await realPathOf(path), text));
  }
  return {pools, is_partial};
}

function sitesOf(path: string, text: string): PoolSite[] {
  return findPoolCalls(text).map(({text: call, start, settings}) => ({
    path,
    line: text.slice(0, start).split('\n').length,
    // The journal keeps what a step replaces.
    call: holdsSecret(call) || text.split(call).length !== 2 ? null : call,
    settings,
  }));
}

/** A URL or a password written into the source. */
function holdsSecret(call: string): boolean {
  const isPasswordLiteral = /password['"]?\s*:\s*['"`]/i.test(call);
  return isPasswordLiteral || /['"`]\w+:\/\//.test(call) || redactSecrets(call) !== call;
}
