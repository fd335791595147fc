import type {Node} from '@oxc-project/types';
import {literalOf} from '../code/literal.ts';
import {childrenOf, isFunction, nameOfKey, propertyOf, unwrap} from '../code/nodes.ts';
import {type Import, type Module, moduleExports} from '../code/project.ts';
import {bind} from '../evaluate/names.ts';
import {textOf} from '../evaluate/statements.ts';
import {isCallable, type Scope, unknown, type Value} from '../evaluate/values.ts';
import {type At, topFrame, type Walk} from '../evaluate/walk.ts';
import {type Endpoint, joinPaths} from './endpoint.ts';

type Call = Extract<Node, {type: 'CallExpression'}>;

const verbs = new Set(['get', 'post', 'put', 'patch', 'delete', 'head', 'options', 'all']);
const frameworks =
  /^(?:express|express-promise-router|fastify|@fastify\/.*|hono|hono\/.*|@hono\/.*|koa-router|@koa\/router|polka|restify|elysia|find-my-way)$/;

/** What routes are added to, where the file does not import the framework: `export default app => app.get('/users', ...)`. */
const routerNames = /^_?(?:\w*[rR]outer|\w*[aA]pp|server|fastify|api|routes?)$/;

/** Where each router is mounted: `app.use('/api', users)`, by the router's declaration. */
export type Mounts = Map<Node, string>;

/** Express, Fastify, Hono and others with `server.get(path, handler)`. */
export function serverEndpoints(walk: Walk, module: Module, mounts: Mounts): Endpoint[] {
  const isFramework = usesFramework(module);
  if (!isFramework && !addsRoutes.test(module.text)) return [];
  const found: Endpoint[] = [];
  for (const {call, scope, within} of callsIn(walk, module)) {
    const callee = unwrap(call.callee);
    if (callee.type !== 'MemberExpression') continue;
    const name = nameOfKey(callee.property, callee.computed);
    if (name === null || !(isFramework || routerNames.test(rootOf(callee.object)))) continue;
    const at: At = {scope, out: [], frame: topFrame(), loop: null};
    const prefix = prefixOf(walk, callee.object, {module, mounts, within});
    if (verbs.has(name) || name === 'on') found.push(...byVerb(walk, call, name, prefix, module, at));
    if (name === 'route') found.push(...byObject(walk, call, prefix, module, at));
  }
  return found;
}

/** Fills `mounts` with `app.use(path, router)`, `app.route(path, router)` and `app.register(plugin, {prefix})`. */
export function findMounts(walk: Walk, module: Module, mounts: Mounts): void {
  if (!usesFramework(module)) return;
  for (const {call, within} of callsIn(walk, module)) {
    const callee = unwrap(call.callee);
    if (callee.type !== 'MemberExpression') continue;
    const name = nameOfKey(callee.property, callee.computed) ?? '';
    if (!/^(?:use|route|register)$/.test(name)) continue;
    const [first, ...others] = call.arguments;
    const prefix =
      name === 'register'
        ? others[0]?.type === 'ObjectExpression' && literalOf(propertyOf(others[0], 'prefix') ?? others[0])
        : first && literalOf(first);
    const router = name === 'register' ? first : others.at(-1);
    if (typeof prefix !== 'string' || router === undefined) continue;
    const declaration = declarationOf(walk, router, module);
    if (declaration !== null)
      mounts.set(declaration, joinPaths(prefixOf(walk, callee.object, {module, mounts, within}), prefix));
  }
}

function usesFramework({imports, text}: Module): boolean {
  return (
    [...imports.values()].some(({specifier}) => frameworks.test(specifier)) ||
    /require\(['"](?:express|fastify|koa-router|@koa\/router|polka|restify)['"]\)/.test(text)
  );
}

/** A cheap test of a file's text. */
export const addsRoutes =
  /(?:[rR]outer|[aA]pp|server|fastify|api|routes?)\s*\.\s*(?:get|post|put|patch|delete|all|route)\s*\(/;

/** The name that a chain of calls begins with: `this.router.get(...).post(...)` is router. */
function rootOf(node: Node): string {
  const own = unwrap(node);
  if (own.type === 'Identifier') return own.name;
  if (own.type === 'CallExpression') return rootOf(own.callee);
  if (own.type !== 'MemberExpression') return '';
  const object = unwrap(own.object);
  const name = nameOfKey(own.property, own.computed) ?? '';
  return object.type === 'CallExpression' || (object.type !== 'ThisExpression' && !routerNames.test(name))
    ? rootOf(object)
    : name;
}

type Place = {
  module: Module;
  mounts: Mounts;
  /** The functions around the call, outermost first. */
  within: readonly Node[];
};

function prefixOf(walk: Walk, router: Node, place: Place): string {
  const {module, mounts, within} = place;
  const own = unwrap(router);
  // app.route('/x').get(...): the path comes before.
  if (own.type === 'CallExpression' && own.callee.type === 'MemberExpression') {
    const [path] = own.arguments;
    const name = nameOfKey(own.callee.property, own.callee.computed);
    const text = name === 'route' && path !== undefined ? literalOf(path) : undefined;
    return joinPaths(prefixOf(walk, own.callee.object, place), typeof text === 'string' ? text : '');
  }
  const declaration = declarationOf(walk, own, module);
  if (declaration !== null) return mounts.get(declaration) ?? '';
  // A Fastify plugin gets its instance as an argument: its prefix is the plugin's.
  return within.map(each => mounts.get(each)).findLast(each => each !== undefined) ?? '';
}

/** The declaration that a router's name leads to, through imports; of a plugin its function. */
function declarationOf(walk: Walk, router: Node, module: Module, depth = 0): Node | null {
  const node = unwrap(router);
  if (isFunction(node)) return node;
  if (node.type !== 'Identifier' || depth > 5) return null;
  const own = module.declarations.get(node.name);
  const init = own?.type === 'VariableDeclarator' && own.init ? unwrap(own.init) : null;
  const required = init === null ? null : requiredFrom(init);
  if (required !== null) return exportedFrom(walk, module, {specifier: required, name: 'default'}, depth);
  if (own !== undefined) return init !== null && isFunction(init) ? init : own;
  const imported = module.imports.get(node.name);
  return imported === undefined ? null : exportedFrom(walk, module, imported, depth);
}

function exportedFrom(walk: Walk, module: Module, {specifier, name}: Import, depth: number): Node | null {
  const path = walk.project.resolve(module.path, specifier);
  const next = path === null ? null : walk.project.module(path);
  const exported = next?.exports.get(name) ?? next?.exports.get(moduleExports);
  if (!next || exported === undefined) return null;
  if (exported.kind === 'from') return depth > 5 ? null : exportedFrom(walk, next, exported, depth + 1);
  if (exported.kind === 'node') return declarationOf(walk, exported.node, next, depth + 1) ?? exported.node;
  const own = next.declarations.get(exported.name);
  const init = own?.type === 'VariableDeclarator' && own.init ? unwrap(own.init) : null;
  return init !== null && isFunction(init) ? init : (own ?? null);
}

/** The specifier of `require('./users')`. */
function requiredFrom(node: Node): string | null {
  if (node.type !== 'CallExpression' || node.callee.type !== 'Identifier' || node.callee.name !== 'require')
    return null;
  const [specifier] = node.arguments;
  const text = specifier && literalOf(specifier);
  return typeof text === 'string' ? text : null;
}

/** `app.get('/users', auth, handler)`. */
function byVerb(walk: Walk, call: Call, name: string, prefix: string, module: Module, at: At): Endpoint[] {
  const [method, path, rest] =
    name === 'on'
      ? [literalOf(call.arguments[0] ?? call), call.arguments[1], call.arguments.slice(2)]
      : [name, call.arguments[0], call.arguments.slice(1)];
  const text = path === undefined ? undefined : literalOf(path);
  const isChained = path !== undefined && text === undefined && isRouteCall(call.callee);
  const isComputed =
    !isChained &&
    path !== undefined &&
    /^(?:CallExpression|TemplateLiteral|BinaryExpression|MemberExpression|Identifier)$/.test(path.type) &&
    routerNames.test(rootOf(call.callee)) &&
    rest.length > 0;
  const isPath = typeof text === 'string' && /^[/*:]|^$/.test(text);
  if (typeof method !== 'string' || !(isChained || isComputed || isPath)) return [];
  const given = isChained ? call.arguments : rest;
  const handlers = given.map(each => walk.evaluate(each, {...at, out: []})).flatMap(handlersIn);
  const shown = isComputed ? `<${textOf(module.text, path)}>` : String(text ?? '');
  const route = `${method.toUpperCase()} ${joinPaths(prefix, shown)}`;
  return handlers.length === 0 ? [] : [{route, module, node: call, handlers}];
}

/** `app.route('/users').get(handler)`. */
function isRouteCall(callee: Node): boolean {
  const own = unwrap(callee);
  if (own.type === 'CallExpression') return isRouteCall(own.callee);
  if (own.type !== 'MemberExpression') return false;
  const object = unwrap(own.object);
  return (
    (object.type === 'CallExpression' &&
      object.callee.type === 'MemberExpression' &&
      nameOfKey(object.callee.property, object.callee.computed) === 'route') ||
    isRouteCall(object)
  );
}

/** Fastify: `app.route({method: 'GET', url: '/users', handler})`. */
function byObject(walk: Walk, call: Call, prefix: string, module: Module, at: At): Endpoint[] {
  const [options] = call.arguments;
  if (options?.type !== 'ObjectExpression') return [];
  const method = propertyOf(options, 'method');
  const url = propertyOf(options, 'url');
  const handler = propertyOf(options, 'handler');
  const text = url && literalOf(url);
  if (typeof text !== 'string' || handler === null) return [];
  const verb = method ? [literalOf(method)].flat().join('|') : 'ALL';
  const handlers = handlersIn(walk.evaluate(handler, {...at, out: []}));
  return handlers.length === 0
    ? []
    : [{route: `${verb} ${joinPaths(prefix, text)}`, module, node: call, handlers}];
}

function handlersIn(value: Value): Value[] {
  if (isCallable(value)) return [value];
  return value.kind === 'list' ? value.items.flatMap(handlersIn) : [];
}

/** Every call of a module, with the names that the functions around it declare. */
type FoundCall = {call: Call; scope: Scope; within: readonly Node[]};

function callsIn(walk: Walk, module: Module): FoundCall[] {
  const found: FoundCall[] = [];
  const look = (node: Node, scope: Scope, within: readonly Node[]): void => {
    if (node.type === 'CallExpression') found.push({call: node, scope, within});
    let inside = scope;
    if (isFunction(node)) {
      inside = {names: new Map(), parent: scope, module};
      const at: At = {scope: inside, out: [], frame: topFrame(), loop: null};
      for (const parameter of node.params) {
        const annotation = 'typeAnnotation' in parameter ? parameter.typeAnnotation : null;
        bind(
          walk,
          parameter,
          annotation?.type === 'TSTypeAnnotation' ? walk.typed(annotation.typeAnnotation, scope) : unknown,
          at,
        );
      }
      if (node.body?.type === 'BlockStatement')
        for (const each of node.body.body)
          if (each.type === 'VariableDeclaration' || each.type === 'FunctionDeclaration')
            walk.run([each], {...at, out: []});
    }
    for (const child of childrenOf(node)) look(child, inside, isFunction(node) ? [...within, node] : within);
  };
  look(module.program, walk.moduleScope(module), []);
  return found;
}
