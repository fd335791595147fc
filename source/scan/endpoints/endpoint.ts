import type {Node} from '@oxc-project/types';
import type {Module} from '../code/project.ts';
import type {Value} from '../evaluate/values.ts';

/** Code that a request runs. */
export type Endpoint = {
  /** `GET /api/users`, `action saveUser`, `user.list`. */
  route: string;
  module: Module;
  node: Node;
  /** Its handlers, middleware first; each is called once. */
  handlers: Value[];
};

/** The node to name for an export: its declaration, not the word `export`. */
export function nodeOfExport(module: Module, name: string): Node {
  const found = module.exports.get(name);
  if (found?.kind === 'node') return found.node;
  return (found?.kind === 'local' && module.declarations.get(found.name)) || module.program;
}

/** `/users` below `/api`, without doubled slashes. */
export function joinPaths(...parts: readonly string[]): string {
  const path = `/${parts.join('/')}`.replace(/\/+/g, '/');
  return path.length > 1 ? path.replace(/\/$/, '') : path;
}
