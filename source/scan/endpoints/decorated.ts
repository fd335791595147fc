import type {Class, Decorator, Node} from '@oxc-project/types';
import {literalOf} from '../code/literal.ts';
import {childrenOf, isFunction, nameOfKey, propertyOf, unwrap} from '../code/nodes.ts';
import type {Module} from '../code/project.ts';
import {isCallable} from '../evaluate/values.ts';
import {topFrame, type Walk} from '../evaluate/walk.ts';
import {type Endpoint, joinPaths} from './endpoint.ts';

const handlersByDecorator =
  /^(?:Get|Post|Put|Patch|Delete|Head|Options|All|Sse|Query|Mutation|Subscription|ResolveField|MessagePattern|EventPattern|GrpcMethod|Cron|Interval|Process)$/;

/** NestJS: the methods of controllers and resolvers that a decorator makes endpoints. */
export function nestEndpoints(walk: Walk, module: Module): Endpoint[] {
  if (!/@(?:Controller|Resolver|Processor|Injectable)\b/.test(module.text)) return [];
  const found: Endpoint[] = [];
  for (const node of module.declarations.values()) {
    if (node.type !== 'ClassDeclaration') continue;
    const own = decoratorOf(node.decorators, /^(?:Controller|Resolver|Processor|Injectable)$/);
    if (own !== null) found.push(...methodsOf(walk, module, node, own));
  }
  return found;
}

function methodsOf(walk: Walk, module: Module, node: Class, own: NamedDecorator): Endpoint[] {
  const at = {scope: walk.moduleScope(module), out: [], frame: topFrame(), loop: null};
  const instance = walk.instantiate({kind: 'class', node, scope: at.scope}, [], at);
  return node.body.body.flatMap((each): Endpoint[] => {
    if (each.type !== 'MethodDefinition') return [];
    const decorator = decoratorOf(each.decorators, handlersByDecorator);
    const name = nameOfKey(each.key, each.computed);
    if (decorator === null || name === null) return [];
    const isHttp = own.name === 'Controller';
    const path = decorator.text ?? '';
    const route = isHttp
      ? `${decorator.name.toUpperCase()} ${joinPaths(own.text ?? '', path)}`
      : `${decorator.name} ${node.id?.name ?? ''}.${name}`;
    const method = walk.memberOf(instance, name, at);
    return isCallable(method) ? [{route, module, node: each, handlers: [method]}] : [];
  });
}

type NamedDecorator = {name: string; text: string | null};

/** A decorator's name and path: `@Controller('users')`, `@Controller({path: 'users'})`. */
function decoratorOf(decorators: readonly Decorator[], pattern: RegExp): NamedDecorator | null {
  for (const {expression} of decorators) {
    const call = unwrap(expression);
    const callee = call.type === 'CallExpression' ? call.callee : call;
    if (callee.type !== 'Identifier' || !pattern.test(callee.name)) continue;
    const [argument] = call.type === 'CallExpression' ? call.arguments : [];
    const path =
      argument?.type === 'ObjectExpression' ? (propertyOf(argument, 'path') ?? argument) : argument;
    const text = path && literalOf(path);
    return {name: callee.name, text: typeof text === 'string' ? text : null};
  }
  return null;
}

/** tRPC: `list: publicProcedure.input(...).query(async ({ctx, input}) => ...)`. */
export function trpcEndpoints(walk: Walk, module: Module): Endpoint[] {
  if (!/procedure\b/i.test(module.text)) return [];
  const found: Endpoint[] = [];
  const path: string[] = [];
  const look = (node: Node, router: string | null): void => {
    if (node.type === 'CallExpression' && node.callee.type === 'MemberExpression') {
      const name = nameOfKey(node.callee.property, node.callee.computed);
      const [handler] = node.arguments;
      if (
        name !== null &&
        /^(?:query|mutation|subscription)$/.test(name) &&
        handler &&
        isProcedure(node.callee.object)
      ) {
        const value = walk.evaluate(handler, {
          scope: walk.moduleScope(module),
          out: [],
          frame: topFrame(),
          loop: null,
        });
        const base = router?.replace(/Router$/, '') ?? '';
        const route = [base, ...path].filter(Boolean).join('.') || module.file;
        if (isCallable(value)) found.push({route, module, node, handlers: [value]});
        return;
      }
    }
    if (isFunction(node)) return;
    const isNamed = node.type === 'Property' && nameOfKey(node.key, node.computed);
    if (isNamed) path.push(isNamed);
    for (const child of node.type === 'Property' ? [node.value] : childrenOf(node)) look(child, router);
    if (isNamed) path.pop();
  };
  for (const statement of module.program.body) look(statement, routerName(statement));
  return found;
}

/** The variable that a statement declares: `userRouter`. */
function routerName(node: Node): string | null {
  const declaration = node.type === 'ExportNamedDeclaration' ? node.declaration : node;
  const [first] = declaration?.type === 'VariableDeclaration' ? declaration.declarations : [];
  return first?.id.type === 'Identifier' ? first.id.name : null;
}

/** The chain begins with a procedure: `protectedProcedure.input(...)`, `t.procedure`. */
function isProcedure(node: Node): boolean {
  const own = unwrap(node);
  if (own.type === 'Identifier') return /procedure$/i.test(own.name);
  if (own.type === 'CallExpression') return isProcedure(own.callee);
  if (own.type !== 'MemberExpression') return false;
  return /procedure$/i.test(nameOfKey(own.property, own.computed) ?? '') || isProcedure(own.object);
}
