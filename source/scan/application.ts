import {readdir, stat} from 'node:fs/promises';
import {dirname, join, resolve, sep} from 'node:path';
import {usageError} from '../core/errors.ts';
import {
  findOtherPools,
  findPoolCalls,
  type PoolCall,
  takesPoolFromElsewhere,
} from '../core/pool/adapter-call.ts';
import {readEnvFile} from '../core/pool/env.ts';
import {redactSecrets} from '../core/text/redact.ts';
import type {Application, EnvFile, PoolSite} from '../model/application.ts';
import {packageFolders, readConfig, readSchemaOf, readText, realPathOf} from './application-files.ts';

/**
 * Reads from an application's folder what determines its pool: Prisma's version, the variable that holds the database
 * URL (unless `variable` names it), `.env`, and the calls that create adapters, in `sources` if they are known. Throws AbortError (exit 2) if the
 * folder does not exist, or its Prisma schema is for another database.
 */
export async function readApplication(
  path: string,
  variable?: string,
  sources?: Sources,
): Promise<Application> {
  const folder = resolve(path);
  const isFolder = await stat(folder).then(
    found => found.isDirectory(),
    () => false,
  );
  if (!isFolder) throw usageError(`app: ${path} is not a folder`);
  const schema = ((await readSchemaOf(folder))?.files ?? []).map(({text}) => text);
  const provider = schema.flatMap(text => datasourceProvider.exec(text)?.[1] ?? [])[0];
  if (provider !== undefined && !/^postgres(?:ql)?$/.test(provider))
    throw usageError(`app: the Prisma schema in ${path} is for ${provider}, not for PostgreSQL`);
  const url_variable = variable ?? (await readUrlVariable(folder, schema));
  return {
    folder,
    prisma: await readPrismaVersion(folder, schema.length > 0),
    url_variable,
    ...(await readEnvFiles(folder, url_variable)),
    ...(await readPools(sources ?? {...(await findSources(folder)), read: readText})),
  };
}

const datasourceProvider = /^[^/\n]*\bdatasource\s+\w+\s*\{[^{}]*?\bprovider\s*=\s*"(\w+)"/m;

/** As Next.js and Vite rank them in production: the first that sets a variable wins. Prisma itself reads `.env` only. */
const envNames = ['.env.production.local', '.env.local', '.env.production', '.env'];

/** `.env`; without the variable in it, the first of the others that sets it. */
async function readEnvFiles(
  folder: string,
  variable: string,
): Promise<{env_file: EnvFile | null; shadowed_by: string[]}> {
  const files: {name: string; file: EnvFile}[] = [];
  for (const name of envNames) {
    const path = join(folder, name);
    const text = await readText(path);
    if (text !== null) files.push({name, file: readEnvFile(await realPathOf(path), variable, text)});
  }
  const setting = files.filter(({file}) => file.problem === null || file.pooler !== null);
  const own = files.find(({name}) => name === '.env');
  const [first] = setting;
  const chosen = own !== undefined && setting.includes(own) ? own : (first ?? own);
  return {
    env_file: chosen?.file ?? null,
    shadowed_by: setting.slice(0, chosen && setting.indexOf(chosen)).map(({name}) => name),
  };
}

/**
 * From a config (`url`, in Prisma 8's `db.connection`), then a schema: `env('DATABASE_URL')`, `process.env.DATABASE_URL` or `process.env["DATABASE_URL"]` (as
 * `prisma init` writes it) after `url`; or a name destructured from process.env.
 */
async function readUrlVariable(folder: string, schema: readonly string[]): Promise<string> {
  const config = await readConfig(folder);
  for (const text of config === null ? schema : [config.text, ...schema]) {
    const [, called, member, indexed, local] =
      /^[^/\n]*\b(?:url|connection)\s*[=:]\s*(?:env\(\s*["'](\w+)["']|process\.env(?:\?*\.(\w+)|(?:\?\.)?\[\s*["'`](\w+)["'`]\s*\])|(\w+)\b)/m.exec(
        text,
      ) ?? [];
    const variable = called ?? member ?? indexed ?? (local && variableOf(local, text));
    if (variable) return variable;
  }
  return 'DATABASE_URL';
}

/** `const {DATABASE_URL: url = '...'} = process.env`, or `const url = process.env["DATABASE_URL"] ?? '...'`. */
function variableOf(local: string, text: string): string | undefined {
  const [, parts = ''] = /\{([^{}]*)\}\s*=\s*process\.env\b/.exec(text) ?? [];
  const names = [...parts.matchAll(/(?:^|,)\s*(\w+)(?:\s*:\s*(\w+))?/g)];
  const destructured = names.find(([, name, renamed]) => (renamed ?? name) === local)?.[1];
  const assigned = new RegExp(
    `\\b${local}\\s*=\\s*process\\.env(?:\\.(\\w+)|\\[\\s*["'\`](\\w+)["'\`]\\s*\\])`,
  ).exec(text);
  return destructured ?? assigned?.[1] ?? assigned?.[2];
}

type Sources = {paths: string[]; is_partial: boolean; read: typeof readText};
type Pools = Pick<Application, 'pools' | 'other_pools' | 'url_readers' | 'is_partial'>;

async function readPools({paths, is_partial, read}: Sources): Promise<Pools> {
  const pools: PoolSite[] = [];
  const others: NonNullable<Pools['other_pools']> = [];
  let isTakenElsewhere = false;
  const url_readers: string[] = [];
  for (const path of paths) {
    const text = await read(path);
    // A cheap test that excludes most files.
    if (text !== null && /PrismaPg|@prisma\/orm-postgres/.test(text)) {
      const calls = findPoolCalls(text);
      isTakenElsewhere ||= calls.some(takesPoolFromElsewhere);
      pools.push(...sitesOf(await realPathOf(path), text, calls));
    }
    if (text?.includes('Pool(')) others.push(...sitesOf(await realPathOf(path), text, findOtherPools(text)));
    // In code, as `searchParams.get('connection_limit')`; in a comment it is only mentioned.
    if (text?.includes('connection_limit') && /^[^\n]*['"`.[]connection_limit\b(?![=\d])/m.test(text))
      url_readers.push(path);
  }
  const isBeside = pools.length > 0 && others.length > 0 && !isTakenElsewhere;
  return {pools, ...(isBeside && {other_pools: others}), url_readers, is_partial};
}

function sitesOf(path: string, text: string, calls: readonly PoolCall[]): PoolSite[] {
  return calls.map(({text: call, start, settings, isFixed}) => ({
    path,
    line: text.slice(0, start).split('\n').length,
    // A step replaces this text and stores it in the journal, so it must be unique and contain no secret.
    call: isFixed || containsSecret(call) || text.split(call).length !== 2 ? null : call,
    settings,
  }));
}

/** Whether a URL or a password is written into the call. */
function containsSecret(call: string): boolean {
  const isPasswordLiteral = /password['"]?\s*:\s*['"`]/i.test(call);
  return isPasswordLiteral || /['"`]\w+:\/\//.test(call) || redactSecrets(call) !== call;
}

const maxFiles = 5000;
const maxDepth = 12;
/** Names of what runs beside the application: its pools are not the application's. */
const besides = new Set(
  'test tests spec e2e seed seeds seeder seeding check checks bench benchmark mock mocks fixtures'.split(' '),
);
const skippedFolders = new Set([
  ...'node_modules dist build out coverage generated vendor scripts migrations __tests__ __mocks__'.split(
    ' ',
  ),
  ...besides,
]);
/** `seed.ts`, `test-pool.ts`, `db.check.ts`, `seedUsers.ts`; not `checkout.ts`. */
function isSource(name: string): boolean {
  const [, words] = /^(.*)\.[cm]?[jt]sx?$/.exec(name) ?? [];
  if (words === undefined || /\.d$/.test(words)) return false;
  return !words.split(/[^a-zA-Z\d]+|(?<=[a-z])(?=[A-Z])/).some(word => besides.has(word.toLowerCase()));
}

/** The same of a path: no folder on the way is skipped either. */
export function isApplicationSource(path: string): boolean {
  const names = path.split(sep);
  return isSource(names.pop() ?? '') && !names.some(name => skippedFolders.has(name));
}

/** Paths of JavaScript and TypeScript sources, sorted; without installed, built, generated and hidden files and tests. */
async function findSources(folder: string): Promise<{paths: string[]; is_partial: boolean}> {
  const paths: string[] = [];
  const queue = [{path: folder, depth: 0}];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const entries = await readdir(next.path, {withFileTypes: true}).catch(() => []);
    for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(next.path, entry.name);
      // A symbolic link is neither a directory nor a file here, so a loop of links ends.
      if (entry.isDirectory() && !skippedFolders.has(entry.name) && !entry.name.startsWith('.')) {
        if (next.depth < maxDepth) queue.push({path, depth: next.depth + 1});
      } else if (entry.isFile() && isSource(entry.name)) {
        if (paths.length === maxFiles) return {paths, is_partial: true};
        paths.push(path);
      }
    }
  }
  return {paths, is_partial: false};
}

/**
 * Prisma's version from the most reliable file: the installed package, a lock file, then package.json's range. Each is
 * searched for from the folder up to the repository's root, where workspaces keep them. null if none has it.
 */
async function readPrismaVersion(
  folder: string,
  hasSchema: boolean,
): Promise<{version: string; major: number; source: string} | null> {
  // A lock file alone proves nothing: others depend on Prisma optionally.
  const isNamed = hasSchema || (await names(folder, '@prisma/client|prisma'));
  const isPrisma8 = await names(folder, prisma8);
  for (const source of versionSources(isPrisma8 ? prisma8 : '@prisma/client')) {
    const path = source.file;
    if (path.includes('lock') && !isNamed && !isPrisma8) continue;
    for (const each of await foldersUp(folder)) {
      const text = await readText(join(each, path));
      const version = text === null ? null : source.read(text);
      const major = /\d+/.exec(version ?? '')?.[0];
      if (version && major !== undefined) return {version, major: Number(major), source: path};
    }
  }
  return null;
}

/** What an application of Prisma 8 installs instead of @prisma/client. */
const prisma8 = '@prisma/orm-postgres';

/** Whether a package.json of the folder, of those above it or of packages in it depends on one of these packages. */
async function names(folder: string, packages: string): Promise<boolean> {
  for (const each of [...(await foldersUp(folder)), ...(await packageFolders(folder))]) {
    const text = await readText(join(each, 'package.json'));
    if (text !== null && new RegExp(`"(?:${packages})"\\s*:\\s*"`).test(text)) return true;
  }
  return false;
}

type VersionSource = {file: string; read(text: string): string | null};

function versionSources(name: string): VersionSource[] {
  return [
    {file: `node_modules/${name}/package.json`, read: text => stringAt(parseJson(text), ['version'])},
    {
      file: 'package-lock.json',
      read: text => stringAt(parseJson(text), ['packages', `node_modules/${name}`, 'version']),
    },
    {file: 'pnpm-lock.yaml', read: text => new RegExp(`${name}@(\\d[\\w.+-]*)`).exec(text)?.[1] ?? null},
    {
      file: 'yarn.lock',
      read: text =>
        new RegExp(`^"?${name}@[^\\n]*:\\n\\s+version:?\\s+"?(\\d[\\w.+-]*)`, 'm').exec(text)?.[1] ?? null,
    },
    {file: 'bun.lock', read: text => new RegExp(`"${name}@(\\d[\\w.+-]*)"`).exec(text)?.[1] ?? null},
    {
      file: 'package.json',
      read(text) {
        const manifest = parseJson(text);
        const range = (of: string, each: string) => stringAt(manifest, [of, each]);
        return (
          range('dependencies', name) ??
          range('devDependencies', name) ??
          range('devDependencies', 'prisma') ??
          range('dependencies', 'prisma')
        );
      },
    },
  ];
}

/** The folder and those above it: at most six, up to the one with `.git`. */
async function foldersUp(folder: string): Promise<string[]> {
  const folders: string[] = [];
  for (let each = folder; folders.length < 6; each = dirname(each)) {
    folders.push(each);
    if (each === dirname(each) || (await readText(join(each, '.git', 'HEAD'))) !== null) break;
  }
  return folders;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function stringAt(value: unknown, path: readonly string[]): string | null {
  let at = value;
  for (const name of path) {
    if (typeof at !== 'object' || at === null) return null;
    at = (at as Record<string, unknown>)[name];
  }
  return typeof at === 'string' ? at : null;
}
