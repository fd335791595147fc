import type {Node} from '@oxc-project/types';
import {isFunction, visit} from '../code/nodes.ts';
import type {Module} from '../code/project.ts';
import {isCallable} from '../evaluate/values.ts';
import type {Walk} from '../evaluate/walk.ts';
import {type Endpoint, joinPaths, nodeOfExport} from './endpoint.ts';

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'];

/** Next.js: route handlers, pages, layouts; the pages router; server actions. */
export function nextEndpoints(walk: Walk, module: Module): Endpoint[] {
  const {file} = module;
  const [, appPath, kind] =
    /^(?:.*\/)?app\/((?:.*\/)?)(route|page|layout|template|default)\.[cm]?[jt]sx?$/.exec(file) ?? [];
  if (appPath !== undefined && kind === 'route')
    return methods.flatMap(each => exportedEndpoint(walk, module, each, `${each} ${routeOf(appPath)}`));
  if (appPath !== undefined && kind !== undefined)
    return exportedEndpoint(walk, module, 'default', `${kind} ${routeOf(appPath)}`).map(page => ({
      ...page,
      handlers: [
        ...exportedEndpoint(walk, module, 'generateMetadata', '').flatMap(each => each.handlers),
        ...page.handlers,
      ],
    }));
  const [, page] = /^(?:.*\/)?pages\/(.*)\.[cm]?[jt]sx?$/.exec(file) ?? [];
  if (page === undefined) return [];
  const route = joinPaths(page.replace(/(?:^|\/)index$/, ''));
  if (page.startsWith('api/')) return exportedEndpoint(walk, module, 'default', route);
  return ['getServerSideProps', 'getStaticProps', 'getStaticPaths'].flatMap(each =>
    exportedEndpoint(walk, module, each, `${each} ${route}`),
  );
}

/** `(shop)/cart/@modal/` is `/cart`: groups and slots are no part of a URL. */
function routeOf(folder: string): string {
  const parts = folder.split('/').filter(part => !/^(?:\(.*\)|@.*)$/.test(part));
  return joinPaths(...parts);
}

function exportedEndpoint(walk: Walk, module: Module, name: string, route: string): Endpoint[] {
  if (!module.exports.has(name)) return [];
  const value = walk.exported(module, name);
  return isCallable(value) ? [{route, module, node: nodeOfExport(module, name), handlers: [value]}] : [];
}

/** Server actions: what a file with 'use server' exports, and functions that begin with it. */
export function serverActions(walk: Walk, module: Module): Endpoint[] {
  if (module.directives.has('use server'))
    return [...module.exports.keys()].flatMap(name =>
      exportedEndpoint(walk, module, name, `action ${name === 'default' ? module.file : name}`),
    );
  if (!module.text.includes('use server')) return [];
  const found: Endpoint[] = [];
  visit(module.program, (node, parent) => {
    if (isFunction(node) && beginsWithUseServer(node)) {
      const scope = walk.moduleScope(module);
      const name = nameOfFunction(node, parent);
      found.push({
        route: `action ${name}`,
        module,
        node,
        handlers: [{kind: 'function', node, scope, self: null}],
      });
    }
    return undefined;
  });
  return found;
}

function beginsWithUseServer(node: Node): boolean {
  if (!isFunction(node) || node.body?.type !== 'BlockStatement') return false;
  return node.body.body.some(each => 'directive' in each && each.directive === 'use server');
}

function nameOfFunction(node: Node, parent: Node | null): string {
  if (node.type === 'FunctionDeclaration' && node.id) return node.id.name;
  return parent?.type === 'VariableDeclarator' && parent.id.type === 'Identifier' ? parent.id.name : 'inline';
}

/** Remix and React Router: loaders and actions of route modules. */
export function remixEndpoints(walk: Walk, module: Module): Endpoint[] {
  const [, path] = /^(?:.*\/)?(?:app|src)\/(?:routes|modules|pages)\/(.*)\.[jt]sx?$/.exec(module.file) ?? [];
  const isRoute =
    path !== undefined ||
    [...module.imports.values()].some(({specifier}) =>
      /^(?:@remix-run\/|react-router$|@react-router\/|\.\/\+types\/)/.test(specifier),
    );
  if (!isRoute) return [];
  const route = joinPaths(
    (path ?? module.file).replace(/\/(?:route|index)$|^_index$/, '').replaceAll('.', '/'),
  );
  return ['loader', 'action'].flatMap(each => exportedEndpoint(walk, module, each, `${each} ${route}`));
}
