import type {Class, Node, ObjectExpression} from '@oxc-project/types';
import type {FunctionLike} from '../code/nodes.ts';
import type {Module} from '../code/project.ts';
import {branch, type Cost, noCost, type Site} from './cost.ts';

/** Names and what they hold, as far as it matters for queries. */
export type Scope = {names: Map<string, Value>; parent: Scope | null; module: Module};

/** `count` null: unknown; `over` is its text. */
export type Loop = {count: number | null; over: string; node: Node};

export type ListValue = {
  kind: 'list';
  /** Null: unknown. */
  length: number | null;
  /** The first items, as far as they are known. */
  items: Value[];
  /** What the others are, where a list is made by `map` or filled in a loop. */
  each: {value: Value; count: number | null; over: string; site: Site}[];
  /** The loop in which it is made. */
  loop: Loop | null;
};

export type InstanceValue = {kind: 'instance'; node: Class; scope: Scope; fields: Map<string, Value>};

/** What an expression is, as far as it matters for queries. */
export type Value =
  | {kind: 'unknown'}
  | {kind: 'constant'; value: unknown}
  /** Prisma Client; `inTransaction` is the client of an interactive transaction, `own` what a class that extends it adds. */
  | {kind: 'client'; inTransaction: boolean; own?: InstanceValue}
  | {kind: 'delegate'; model: string; inTransaction: boolean}
  /** `given`: what the type of the parameter that holds it says its arguments are. */
  | {kind: 'function'; node: FunctionLike; scope: Scope; self: Value | null; given?: Value[]}
  | {kind: 'class'; node: Class; scope: Scope}
  | InstanceValue
  /** `node`: the literal; null if it is only known by its type. */
  | {kind: 'object'; members: Map<string, Value>; node: ObjectExpression | null}
  | ListValue
  /** A promise: what it costs, and what it resolves to. A query of Prisma begins when something waits for it. */
  | {kind: 'pending'; cost: Cost; value: Value; isRunning?: boolean}
  | {kind: 'module'; module: Module}
  /** What a package exports: `express`, `react.cache`. */
  | {kind: 'external'; name: string}
  /** Code that got functions which it may call: `asyncHandler(fn)`. */
  | {kind: 'wrapped'; functions: Value[]; name: string}
  /** `handlers[method]`: one of them. */
  | {kind: 'choice'; values: Value[]}
  /** p-limit(n). */
  | {kind: 'limiter'; limit: number | null};

export const unknown: Value = {kind: 'unknown'};

/** What an expression is that may be either. */
export function join(a: Value, b: Value): Value {
  if (a.kind === 'unknown' || a.kind === 'constant') return b.kind === 'unknown' ? a : b;
  if (b.kind === 'unknown' || b.kind === 'constant') return a;
  if (a.kind === 'pending' || b.kind === 'pending')
    return {kind: 'pending', cost: branch([costOf(a), costOf(b)]), value: join(awaited(a), awaited(b))};
  if (a.kind === 'list' && b.kind === 'list') {
    const longer = a.length === null || (b.length !== null && a.length >= b.length) ? a : b;
    return longer;
  }
  if (a.kind === 'object' && b.kind === 'object') {
    const members = new Map(a.members);
    for (const [name, value] of b.members) {
      const own = members.get(name) ?? unknown;
      members.set(name, own.kind === 'object' ? own : join(own, value));
    }
    return {...a, members};
  }
  return a;
}

/** Whether calling a value can run code of the application. */
export function isCallable({kind}: Value): boolean {
  return kind === 'function' || kind === 'wrapped' || kind === 'choice';
}

/** What waiting for a value costs. */
export function costOf(value: Value): Cost {
  return value.kind === 'pending' ? value.cost : noCost;
}

/** What a value is once it is awaited. */
export function awaited(value: Value): Value {
  return value.kind === 'pending' ? awaited(value.value) : value;
}
