import {statSync} from 'node:fs';
import {join, relative, resolve} from 'node:path';
import {usageError} from '../core/errors.ts';
import type {
  AcceptedIssue,
  ScanEndpoint,
  ScanProblem,
  ScanReport,
  ScanSeverity,
} from '../model/scan-report.ts';
import {acceptedAt, acceptedInText} from './accepted.ts';
import {packageFolders, readSchemaOf} from './application-files.ts';
import {applicationIssues} from './application-issues.ts';
import {nameOfKey} from './code/nodes.ts';
import {loadParser} from './code/parser.ts';
import {createProject, lineAt, type Project} from './code/project.ts';
import {createResolver} from './code/resolve-import.ts';
import {walkFiles} from './code/walk-files.ts';
import {nestEndpoints, trpcEndpoints} from './endpoints/decorated.ts';
import {type Endpoint, nodeOfExport} from './endpoints/endpoint.ts';
import {nextEndpoints, remixEndpoints, serverActions} from './endpoints/files.ts';
import {addsRoutes, findMounts, type Mounts, serverEndpoints} from './endpoints/servers.ts';
import {type Cost, figuresOf, queriesOf, sequence} from './evaluate/cost.ts';
import {createWalk} from './evaluate/create-walk.ts';
import {isCallable} from './evaluate/values.ts';
import {topFrame} from './evaluate/walk.ts';
import {type FoundIssue, findIssues} from './find-issues.ts';
import {indexIssues} from './index-issues.ts';
import {type LiveStatement, liveCosts} from './live-cost.ts';
import {type PrismaModels, readPrismaModels} from './prisma-models.ts';
import {type IssueKind, levels, severityOf} from './rules.ts';

type Walk = ReturnType<typeof createWalk>;

/**
 * Reads an application's source and judges what each of its endpoints asks of the pool. `entries` are further endpoints,
 * `file#export`; `statements` those of a server, for what the endpoints cost there. Throws AbortError (exit 2) if the folder does not exist or an entry is not found.
 */
export async function scanDirectory(
  directory: string,
  entries: readonly string[] = [],
  statements: readonly LiveStatement[] | null = null,
): Promise<ScanReport> {
  const root = resolve(directory);
  if (!statSync(root, {throwIfNoEntry: false})?.isDirectory())
    throw usageError(`${directory} is not a directory`);
  const [parse, models] = await Promise.all([loadParser(), readModels(root)]);
  const files = walkFiles(root);
  const project = createProject(root, parse, createResolver(root, files, parse));
  const walk = createWalk(project, models);
  const endpoints = [...entriesOf(walk, root, entries), ...findEndpoints(walk, project, files.code)];
  const judged = endpoints.flatMap(
    each => guarded(project, each.module.file, () => judge(walk, each, models)) ?? [],
  );
  const withQueries = judged.filter(({endpoint}) => endpoint.queries !== 0);
  const costs =
    statements &&
    liveCosts(
      withQueries.map(({endpoint: {route}, cost}) => ({route, queries: queriesOf([cost])})),
      statements,
      models,
    );
  const found = withQueries.map(({endpoint}, at) => ({...endpoint, live: costs?.[at] ?? null}));
  const application = [
    ...(await applicationIssues(project, files, servesItself(endpoints))),
    ...indexIssues(models, queriesOf(judged.map(({cost}) => cost))),
  ];
  const withReasons = application.map(issue => {
    const {kind, file, line} = issue;
    return {issue, reason: acceptedInText(project.text(join(root, file)), line, kind)};
  });
  return {
    schema_version: 1,
    directory,
    files: files.code.length,
    endpoints: found.toSorted(statements === null ? byHarm : byCost),
    endpoints_without_queries: judged.length - withQueries.length,
    application: withReasons.flatMap(({issue, reason}) => (reason === null ? issue : [])),
    accepted: uniqueAccepted([
      ...withQueries.flatMap(({accepted}) => accepted),
      ...withReasons.flatMap(({issue: {kind, file, line}, reason}) =>
        reason === null ? [] : {kind, file, line, reason},
      ),
    ]),
    problems: [...files.problems, ...project.problems, ...noPrisma(models)],
  };
}

/** Not Next.js and its kin, whose processes belong to a platform: they serve procedures of tRPC and actions of next-safe-action, too. */
function servesItself(endpoints: readonly Endpoint[]): boolean {
  return endpoints.some(({node}) =>
    node.type === 'CallExpression'
      ? node.callee.type === 'MemberExpression' &&
        !/^(?:query|mutation|subscription|action)$/.test(nameOfKey(node.callee.property, false) ?? '')
      : node.type === 'MethodDefinition',
  );
}

async function readModels(root: string): Promise<PrismaModels | null> {
  const folders = [root, ...(await packageFolders(root))];
  const schemas = await Promise.all(folders.map(each => readSchemaOf(each).catch(() => null)));
  const files = schemas.flatMap(schema => schema?.files ?? []);
  const unique = new Map(files.map(each => [each.path, {...each, path: relative(root, each.path)}]));
  return unique.size === 0 ? null : readPrismaModels([...unique.values()]);
}

function noPrisma(models: PrismaModels | null): ScanProblem[] {
  const message = 'no Prisma schema found: relations are unknown, so includes without take are not reported';
  return models === null ? [{file: '.', line: null, message}] : [];
}

/** A cheap test of the text that excludes most files: they are not parsed unless an endpoint uses them. */
const namesFramework =
  /['"](?:express(?:-promise-router)?|fastify|hono|koa-router|@koa\/router|polka|restify|elysia|react-router|use server|(?:@fastify|hono|@hono|@nestjs|@remix-run|@react-router|\.\/\+types)\/[^'"\n]*)['"]|[pP]rocedure\b|\bexport\b(?:(?!\bexport\b)[^\n])*\b(?:loader|action)\b/;
const mayHoldEndpoint = (text: string) => namesFramework.test(text) || addsRoutes.test(text);
const isRouteFile =
  /(?:^|\/)(?:app\/(?:.*\/)?(?:route|page|layout|template|default)|pages\/.*)\.[cm]?[jt]sx?$/;

function findEndpoints(walk: Walk, project: Project, code: readonly string[]): Endpoint[] {
  const modules = code.flatMap(path => {
    const file = relative(project.root, path).replaceAll('\\', '/');
    return isRouteFile.test(file) || mayHoldEndpoint(project.text(path)) ? (project.module(path) ?? []) : [];
  });
  const mounts: Mounts = new Map();
  // Twice: a router can be mounted on another one that is mounted later.
  for (const _pass of [1, 2])
    for (const module of modules) guarded(project, module.file, () => findMounts(walk, module, mounts));
  const finders = [nextEndpoints, serverActions, remixEndpoints, nestEndpoints, trpcEndpoints];
  const all = modules.flatMap(
    module =>
      guarded(project, module.file, () => [
        ...finders.flatMap(find => find(walk, module)),
        ...serverEndpoints(walk, module, mounts),
      ]) ?? [],
  );
  const seen = new Set<string>();
  return all.filter(({route, module, node}) => {
    const key = `${route}\0${module.path}\0${node.start}`;
    return !seen.has(key) && seen.add(key);
  });
}

/** Code that defeats the walk, such as expressions nested beyond the stack, costs one line. */
function guarded<T>({problems}: Project, file: string, judgeFile: () => T): T | null {
  try {
    return judgeFile();
  } catch (error) {
    if (!problems.some(each => each.file === file))
      problems.push({
        file,
        line: null,
        message: `not understood: ${error instanceof Error ? error.message : error}`,
      });
    return null;
  }
}

function entriesOf(walk: Walk, root: string, entries: readonly string[]): Endpoint[] {
  return entries.map(entry => {
    const [path = '', name = 'default'] = entry.split('#');
    const module = walk.project.module(resolve(root, path));
    const value = module?.exports.has(name) ? walk.exported(module, name) : null;
    if (module === null || value === null || !isCallable(value))
      throw usageError(`--entry ${entry}: ${path} exports no function ${name}`, 'Use --entry file.ts#name.');
    return {route: `entry ${entry}`, module, node: nodeOfExport(module, name), handlers: [value]};
  });
}

function judge(walk: Walk, {route, module, node, handlers}: Endpoint, models: PrismaModels | null) {
  walk.startOver();
  const out: Cost[] = [];
  const at = {scope: walk.moduleScope(module), out, frame: topFrame(), loop: null};
  for (const handler of handlers) out.push(walk.settle(walk.call(handler, [], node, at), node, at));
  const cost = sequence(out);
  const issues: FoundIssue[] = [];
  const accepted: AcceptedIssue[] = [];
  for (const issue of findIssues(cost, models)) {
    const reason = acceptedAt(issue.site.module, issue.line, issue.kind);
    if (reason === null) issues.push(issue);
    else accepted.push({kind: issue.kind, file: issue.file, line: issue.line, reason});
  }
  const {connections, queries, sequential} = figuresOf(cost);
  const endpoint: ScanEndpoint = {
    route,
    file: module.file,
    line: lineAt(module.text, node.start),
    severity: severityOf(weightsOf(issues)),
    connections: finite(connections),
    sequential_queries: finite(sequential),
    queries: finite(queries),
    live: null,
    issues: issues
      .toSorted((a, b) => b.weight - a.weight)
      .map(({kind, file, line, detail, fix, patch}) => ({kind, file, line, detail, fix, patch})),
  };
  return {endpoint, accepted, cost};
}

/** The heaviest weight of each kind. */
function weightsOf(issues: readonly FoundIssue[]): Map<IssueKind, number> {
  const weights = new Map<IssueKind, number>();
  for (const {kind, weight} of issues) weights.set(kind, Math.max(weight, weights.get(kind) ?? 0));
  return weights;
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

const rank = new Map<ScanSeverity, number>(levels.map(([severity], at) => [severity, at]));

function byHarm(a: ScanEndpoint, b: ScanEndpoint): number {
  const bySeverity = (rank.get(a.severity) ?? 0) - (rank.get(b.severity) ?? 0);
  const more = (x: number | null, y: number | null) => (y ?? Infinity) - (x ?? Infinity) || 0;
  return (
    bySeverity ||
    more(a.connections, b.connections) ||
    more(a.queries, b.queries) ||
    (a.route < b.route ? -1 : a.route > b.route ? 1 : 0)
  );
}

/** What costs most now first. */
function byCost(a: ScanEndpoint, b: ScanEndpoint): number {
  return (b.live?.total_exec_time_ms ?? -1) - (a.live?.total_exec_time_ms ?? -1) || byHarm(a, b);
}

function uniqueAccepted(all: readonly AcceptedIssue[]): AcceptedIssue[] {
  return [...new Map(all.map(each => [`${each.kind}\0${each.file}\0${each.line}`, each])).values()];
}
