import type {BindingPattern, Node, ParamPattern} from '@oxc-project/types';
import {isFunction, nameOfKey, unwrap, visit} from '../code/nodes.ts';
import {type Module, moduleExports} from '../code/project.ts';
import {awaited, join, type Scope, unknown, type Value} from './values.ts';
import {type At, topFrame, type Walk} from './walk.ts';

type Names = Pick<Walk, 'lookup' | 'exported' | 'moduleScope' | 'typed'>;

/** What names mean: variables, imports through any number of files, and types. */
export function createNames(walk: Walk): Names {
  const scopes = new Map<Module, Scope>();
  const evaluating = new Set<Node>();

  const moduleScope = (module: Module): Scope => {
    const known = scopes.get(module);
    if (known !== undefined) return known;
    const scope: Scope = {names: new Map(), parent: null, module};
    scopes.set(module, scope);
    return scope;
  };

  const lookup = (name: string, scope: Scope): Value => {
    for (let each: Scope | null = scope; each !== null; each = each.parent) {
      const found = each.names.get(name);
      if (found !== undefined) return found;
      if (each.parent === null) return topLevel(name, each);
    }
    return unknown;
  };

  const topLevel = (name: string, scope: Scope): Value => {
    const {module} = scope;
    const declaration = module.declarations.get(name);
    const imported = module.imports.get(name);
    const found = declaration
      ? declared(name, declaration, scope)
      : imported && imports(module, imported.specifier, imported.name);
    if (found !== undefined) scope.names.set(name, found);
    return found ?? unknown;
  };

  /** Also of circular imports: what is under way is unknown. */
  const declared = (name: string, node: Node, scope: Scope): Value => {
    if (evaluating.has(node)) return unknown;
    evaluating.add(node);
    try {
      const at: At = {scope, out: [], frame: topFrame(), loop: null};
      if (node.type !== 'VariableDeclarator') return walk.evaluate(node, at);
      const typed = node.id.typeAnnotation
        ? walk.typed(node.id.typeAnnotation.typeAnnotation, scope)
        : unknown;
      const value =
        node.init === null
          ? join(assigned(name, scope, at), typed)
          : join(awaited(walk.evaluate(node.init, at)), typed);
      bind(walk, node.id, value, at);
      return scope.names.get(name) ?? unknown;
    } finally {
      evaluating.delete(node);
    }
  };

  /** `let db; if (...) db = new PrismaClient()` at the top level: all that is assigned there. */
  const assigned = (name: string, {module}: Scope, at: At): Value => {
    let value = unknown;
    visit(module.program, node => {
      if (isFunction(node)) return false;
      if (node.type === 'AssignmentExpression' && node.left.type === 'Identifier' && node.left.name === name)
        value = join(value, awaited(walk.evaluate(node.right, at)));
      return undefined;
    });
    return value;
  };

  const imports = (module: Module, specifier: string, name: string): Value => {
    const path = walk.project.resolve(module.path, specifier);
    if (path === null) return {kind: 'external', name: name === '*' ? specifier : `${specifier}.${name}`};
    const found = walk.project.module(path);
    if (found === null) return unknown;
    return name === '*' ? {kind: 'module', module: found} : exported(found, name);
  };

  const visiting = new Set<string>();
  const exported = (module: Module, name: string): Value => {
    const key = `${module.path}\0${name}`;
    if (visiting.has(key)) return unknown;
    visiting.add(key);
    try {
      return find(module, name);
    } finally {
      visiting.delete(key);
    }
  };

  const find = (module: Module, name: string): Value => {
    const found = module.exports.get(name);
    const scope = moduleScope(module);
    if (found?.kind === 'local') return lookup(found.name, scope);
    if (found?.kind === 'from') return imports(module, found.specifier, found.name);
    if (found?.kind === 'node') return declared(name, found.node, scope);
    const common = module.exports.get(moduleExports);
    if (common?.kind === 'node') {
      const value = declared(moduleExports, common.node, scope);
      return name === 'default'
        ? value
        : walk.memberOf(value, name, {scope, out: [], frame: topFrame(), loop: null});
    }
    for (const specifier of module.stars) {
      const path = walk.project.resolve(module.path, specifier);
      const next = path === null ? null : walk.project.module(path);
      const value = next === null ? unknown : exported(next, name);
      if (value.kind !== 'unknown') return value;
    }
    return unknown;
  };

  const typed = (type: Node, scope: Scope, depth = 0): Value => {
    if (depth > 4) return unknown;
    switch (type.type) {
      case 'TSTypeReference': {
        const name = type.typeName;
        const last = name.type === 'TSQualifiedName' ? name.right.name : 'name' in name ? name.name : '';
        if (/PrismaClient$/.test(last)) return {kind: 'client', inTransaction: false};
        if (/^(?:Prisma)?(?:Transaction|Tx)(?:Client)?$/.test(last))
          return {kind: 'client', inTransaction: true};
        const [first] = type.typeArguments?.params ?? [];
        if (last === 'ReturnType' && first !== undefined) {
          const factory = typed(first, scope, depth + 1);
          const at: At = {scope, out: [], frame: topFrame(), loop: null};
          return factory.kind === 'function' ? awaited(walk.call(factory, [], type, at)) : unknown;
        }
        const own = name.type === 'Identifier' ? typeNamed(name.name, scope, depth) : unknown;
        return own.kind === 'unknown' &&
          first !== undefined &&
          /^(?:Pick|Omit|Readonly|Partial|NonNullable|Awaited)$/.test(last)
          ? typed(first, scope, depth + 1)
          : own;
      }
      case 'TSTypeQuery':
        return type.exprName.type === 'Identifier' ? lookup(type.exprName.name, scope) : unknown;
      case 'TSTypeLiteral':
        return membersOf(type.members, scope, depth);
      case 'TSUnionType':
      case 'TSIntersectionType': {
        const values = type.types.map(each => typed(each, scope, depth + 1));
        // `PrismaClient | TransactionClient`: what calls it without a transaction uses the pool.
        return (
          values.find(each => each.kind === 'client' && !each.inTransaction) ?? values.reduce(join, unknown)
        );
      }
    }
    return unknown;
  };

  const typeNamed = (name: string, scope: Scope, depth: number): Value => {
    const {module} = scope;
    const found = findType(module, name);
    if (found === null) {
      const value = lookup(name, moduleScope(module));
      return value.kind === 'class' || value.kind === 'external'
        ? walk.instantiate(value, [], {scope, out: [], frame: topFrame(), loop: null})
        : unknown;
    }
    const inside = moduleScope(found.module);
    if (found.node.type === 'TSTypeAliasDeclaration')
      return typed(found.node.typeAnnotation, inside, depth + 1);
    return found.node.type === 'TSInterfaceDeclaration'
      ? membersOf(found.node.body.body, inside, depth)
      : unknown;
  };

  /** An interface or type alias, also through imports. */
  const findType = (module: Module, name: string, depth = 0): {module: Module; node: Node} | null => {
    const node = module.declarations.get(name);
    if (node?.type === 'TSInterfaceDeclaration' || node?.type === 'TSTypeAliasDeclaration')
      return {module, node};
    const imported = module.imports.get(name);
    const path = imported && depth < 5 ? walk.project.resolve(module.path, imported.specifier) : null;
    const next = path ? walk.project.module(path) : null;
    if (next === null || imported === undefined) return null;
    const exportedAs = next.exports.get(imported.name);
    return findType(next, exportedAs?.kind === 'local' ? exportedAs.name : imported.name, depth + 1);
  };

  const membersOf = (members: readonly Node[], scope: Scope, depth: number): Value => {
    const found = new Map<string, Value>();
    for (const each of members) {
      if (each.type !== 'TSPropertySignature' || !each.typeAnnotation) continue;
      const name = nameOfKey(each.key, each.computed);
      const value = typed(each.typeAnnotation.typeAnnotation, scope, depth + 1);
      const isOptionalTransaction = each.optional && value.kind === 'client' && value.inTransaction;
      if (name !== null && value.kind !== 'unknown' && !isOptionalTransaction) found.set(name, value);
    }
    return found.size === 0 ? unknown : {kind: 'object', members: found, node: null};
  };

  return {lookup, exported, moduleScope, typed: (type, scope) => typed(type, scope)};
}

/** A default, or what its type says. */
function initial(
  walk: Walk,
  {left, right}: Extract<ParamPattern, {type: 'AssignmentPattern'}>,
  at: At,
): Value {
  const value = walk.evaluate(right, at);
  return value.kind === 'unknown' && left.typeAnnotation
    ? walk.typed(left.typeAnnotation.typeAnnotation, at.scope)
    : value;
}

/** Binds the names of a pattern to the parts of a value. */
export function bind(walk: Walk, pattern: BindingPattern | ParamPattern, value: Value, at: At): void {
  switch (pattern.type) {
    case 'Identifier':
      at.scope.names.set(pattern.name, value);
      return;
    case 'AssignmentPattern':
      bind(walk, pattern.left, value.kind === 'unknown' ? initial(walk, pattern, at) : value, at);
      return;
    case 'RestElement':
      bind(walk, pattern.argument, unknown, at);
      return;
    case 'TSParameterProperty':
      bind(walk, pattern.parameter, value, at);
      return;
    case 'ObjectPattern':
      for (const each of pattern.properties) {
        if (each.type === 'RestElement')
          bind(walk, each.argument, value.kind === 'client' ? value : unknown, at);
        else {
          const name = nameOfKey(each.key, each.computed);
          bind(walk, each.value, name === null ? unknown : walk.memberOf(value, name, at), at);
        }
      }
      return;
    case 'ArrayPattern':
      for (const [index, each] of pattern.elements.entries())
        if (each !== null)
          bind(walk, each, value.kind === 'list' ? (value.items[index] ?? unknown) : unknown, at);
  }
}

/** A new value replaces the old one where it says more: `client = globalThis.client` does not. */
export function assign(walk: Walk, target: Node, value: Value, at: At): void {
  const left = unwrap(target);
  if (left.type === 'Identifier') {
    for (let scope: Scope | null = at.scope; scope !== null; scope = scope.parent) {
      const old =
        scope.names.get(left.name) ?? (scope.parent === null ? walk.lookup(left.name, scope) : undefined);
      if (old === undefined) continue;
      scope.names.set(left.name, value.kind === 'unknown' && old.kind !== 'constant' ? old : value);
      return;
    }
  }
  if (left.type === 'ObjectPattern' || left.type === 'ArrayPattern') {
    if (left.type === 'ObjectPattern') bind(walk, left as unknown as BindingPattern, value, at);
    return;
  }
  if (left.type !== 'MemberExpression') return;
  const owner = walk.evaluate(left.object, {...at, out: []});
  const name = nameOfKey(left.property, left.computed);
  if (name === null || value.kind === 'unknown') return;
  if (owner.kind === 'instance') owner.fields.set(name, value);
  if (owner.kind === 'object') owner.members.set(name, value);
}
