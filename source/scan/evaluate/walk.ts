import type {Node, Statement} from '@oxc-project/types';
import type {FunctionLike} from '../code/nodes.ts';
import type {Module, Project} from '../code/project.ts';
import type {PrismaModels} from '../prisma-models.ts';
import type {Cost} from './cost.ts';
import type {Loop, Scope, Value} from './values.ts';

/** One call of a function while its body is walked. */
export type Frame = {
  /** Null at a module's top level. */
  node: FunctionLike | null;
  returns: Value[];
  /** Within an interactive transaction, in whatever function. */
  inTransaction: boolean;
  /** Within what React's `cache` runs once per request. */
  isOnce: boolean;
};

/** Where the walk is: what names mean, where costs go. */
export type At = {scope: Scope; out: Cost[]; frame: Frame; loop: Loop | null};

/** The parts of the walk, which call each other. */
export type Walk = {
  project: Project;
  /** Null without a Prisma schema. */
  models: PrismaModels | null;
  evaluate(node: Node, at: At): Value;
  run(statements: readonly (Statement | Node)[], at: At): void;
  /** Calls a function or what stands for one; `node` is the call. */
  call(callee: Value, values: Value[], node: Node, at: At): Value;
  callExpression(node: Extract<Node, {type: 'CallExpression'}>, at: At): Value;
  memberOf(value: Value, name: string, at: At): Value;
  lookup(name: string, scope: Scope): Value;
  exported(module: Module, name: string): Value;
  instantiate(callee: Value, values: Value[], at: At): Value;
  /** What a type annotation says that a value is. */
  typed(type: Node, scope: Scope): Value;
  /** What waiting for a value costs, functions called that only a wrapper would call. */
  settle(value: Value, node: Node, at: At): Cost;
  moduleScope(module: Module): Scope;
};

export function topFrame(): Frame {
  return {node: null, returns: [], inTransaction: false, isOnce: false};
}
