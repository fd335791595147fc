import {existsSync} from 'node:fs';
import {dirname, join, relative} from 'node:path';
import type {Node} from '@oxc-project/types';
import type {Application} from '../model/application.ts';
import type {ScanReport} from '../model/scan-report.ts';
import {isApplicationSource, readApplication} from './application.ts';
import {unwrap, visit} from './code/nodes.ts';
import {lineAt, type Project} from './code/project.ts';
import {posixPath, type SourceFiles} from './code/walk-files.ts';
import {applicationIssue as issue} from './rules.ts';

type ApplicationIssue = ScanReport['application'][number];

/** Files that say how an application is deployed: one process per request, or nearly. */
const serverlessFiles = [
  'vercel.json',
  'netlify.toml',
  'serverless.yml',
  'serverless.ts',
  'wrangler.toml',
  'wrangler.jsonc',
  'sst.config.ts',
];

/** What concerns all endpoints together: how many clients there are, and the size of their pools. */
export async function applicationIssues(
  project: Project,
  {code, manifests}: SourceFiles,
  servesItself: boolean,
): Promise<ApplicationIssue[]> {
  const clients = clientsOf(project, code);
  const folders = new Set(manifests.map(dirname));
  const issues = severalClients(
    clients.filter(({isReached}) => isReached),
    [...folders],
  );
  // A folder that another tool refuses to read (no PostgreSQL) has no pool that poolctl knows.
  const application = await readApplication(project.root, undefined, {
    paths: code.filter(path => isApplicationSource(relative(project.root, path))),
    is_partial: false,
    read: async path => project.text(path),
  }).catch(() => null);
  if (application !== null) issues.push(...poolIssues(project, application, clients));
  const [first] = clients;
  if (
    servesItself &&
    first !== undefined &&
    !code.some(path => /\$disconnect\b|enableShutdownHooks/.test(project.text(path)))
  )
    issues.push(
      issue('no-shutdown', first.file, first.line, 'nothing disconnects this client when the process ends'),
    );
  return issues;
}

/** `isReached`: an endpoint's code comes by. A script or a test's helper is a process of its own. */
type ClientSite = {path: string; file: string; line: number; isReached: boolean};

/** Where the sources create Prisma Client. */
function clientsOf(project: Project, code: readonly string[]): ClientSite[] {
  return code.flatMap(path => {
    const isReached = project.isUsed(path);
    const module = /new\s+\w*PrismaClient\b/.test(project.text(path)) ? project.module(path) : null;
    if (module === null || /(?:^|\/)(?:scripts?|prisma|seeds?|bin|tools?)\//.test(module.file)) return [];
    const lines: number[] = [];
    visit(module.program, node => {
      if (isNewClient(node)) lines.push(lineAt(module.text, node.start));
      return undefined;
    });
    const [line] = lines;
    return line === undefined ? [] : [{path, file: module.file, line, isReached}];
  });
}

function isNewClient(node: Node): boolean {
  if (node.type !== 'NewExpression') return false;
  const callee = unwrap(node.callee);
  return callee.type === 'Identifier' && callee.name === 'PrismaClient';
}

/** Of the same package: another package is another application. */
function severalClients(clients: readonly ClientSite[], folders: readonly string[]): ApplicationIssue[] {
  const packageOf = (path: string) =>
    folders.filter(each => path.startsWith(`${each}/`)).toSorted((a, b) => b.length - a.length)[0] ?? '';
  return clients.flatMap((each, at) => {
    const first = clients.findIndex(other => packageOf(other.path) === packageOf(each.path));
    const other = clients[first];
    if (first === at || other === undefined) return [];
    return [
      issue(
        'several-clients',
        each.file,
        each.line,
        `another Prisma Client beside ${other.file}:${other.line}, with a pool of its own`,
      ),
    ];
  });
}

function poolIssues(
  project: Project,
  {prisma, env_file, pools, url_readers}: Application,
  clients: readonly ClientSite[],
): ApplicationIssue[] {
  if (prisma === null) return [];
  const {root} = project;
  const set =
    env_file?.problem === null
      ? ['connection_limit', 'pool_timeout', 'max'].filter(
          name => typeof env_file.parameters[name] === 'string',
        )
      : [];
  const isServerless = serverlessFiles.some(each => existsSync(join(root, each)));
  if (prisma.major >= 7) {
    const [name] = set;
    const ignored =
      env_file !== null && name !== undefined && url_readers.length === 0
        ? [
            issue(
              'ignored-url-parameters',
              ...placeIn(project, env_file.path, env_file.variable),
              `Prisma ${prisma.major} ignores ${set.join(' and ')} of the URL`,
            ),
          ]
        : [];
    const unset = pools.filter(({settings}) => settings.max === undefined);
    const sizes = isServerless
      ? unset.map(({path, line}) =>
          issue(
            'no-pool-setting',
            posixPath(root, path),
            line,
            'a pool of 10 connections in each serverless instance (the default of node-postgres)',
          ),
        )
      : [];
    return [...ignored, ...sizes];
  }
  const [client] = clients;
  const isUnset = env_file?.problem === null && !set.includes('connection_limit') && client !== undefined;
  if (!isServerless || !isUnset || env_file === null) return [];
  return [
    issue(
      'no-pool-setting',
      ...placeIn(project, env_file.path, env_file.variable),
      `${env_file.variable} has no connection_limit: 2 per core + 1 in each serverless instance`,
    ),
  ];
}

function placeIn(project: Project, path: string, variable: string): [file: string, line: number] {
  const line = project
    .text(path)
    .split('\n')
    .findIndex(each => each.replace(/^\s*export\s+/, '').startsWith(`${variable}=`));
  return [relative(project.root, path).replaceAll('\\', '/'), Math.max(0, line) + 1];
}
