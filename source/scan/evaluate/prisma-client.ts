import type {Node} from '@oxc-project/types';
import {nameOfKey, unwrap} from '../code/nodes.ts';
import {type Cost, noCost, sequence} from './cost.ts';
import {emptyList} from './lists.ts';
import {isOrmTransaction, ormCall} from './prisma-orm.ts';
import {unknown, type Value} from './values.ts';
import type {At, Walk} from './walk.ts';

type Call = Extract<Node, {type: 'CallExpression'}>;

const distinctive = new Set(
  'findMany findUnique findUniqueOrThrow findFirst findFirstOrThrow createMany createManyAndReturn updateMany updateManyAndReturn upsert deleteMany groupBy'.split(
    ' ',
  ),
);
const operations = new Set([
  ...distinctive,
  'count',
  'aggregate',
  'create',
  'update',
  'delete',
  'findRaw',
  'aggregateRaw',
]);
const raw = /^\$(?:queryRaw|executeRaw|queryRawUnsafe|executeRawUnsafe|queryRawTyped)$/;
const clientName = /^_?(?:\w*[pP]risma\w*|[dD]b|DB|db[A-Z_]\w*|tx|trx|client|database)$/;
const transactionName = /^(?:tx|trx|transaction|prismaTx|txClient)$/;

/** A member of Prisma Client: a model's delegate, or what makes another client. */
export function memberOfClient(client: Extract<Value, {kind: 'client'}>, name: string): Value {
  if (name.startsWith('$') || name.startsWith('_')) return unknown;
  return {kind: 'delegate', model: name, inTransaction: client.inTransaction};
}

/** A call on a client or one of its models; null if it is none. */
export function prismaCall(walk: Walk, node: Call, owner: Value, name: string, at: At): Value | null {
  const found = ormCall(walk, node, name, at);
  if (found !== null) return found;
  if (isOrmTransaction(node, name, at.scope.module.text)) return transaction(walk, node, at);
  if (owner.kind === 'delegate')
    return operations.has(name) ? query(node, owner.model, name, owner.inTransaction, walk, at) : null;
  if (owner.kind !== 'client')
    return owner.kind === 'unknown' || owner.kind === 'external'
      ? callByShape(walk, node, owner, name, at)
      : null;
  if (raw.test(name)) return query(node, null, name, owner.inTransaction, walk, at);
  if (name === '$transaction') return transaction(walk, node, at);
  if (/^\$(?:extends|replica|primary)$/.test(name)) return owner;
  return null;
}

/** `prisma.$queryRaw` followed by a template; null for other templates. */
export function rawQuery(
  walk: Walk,
  node: Extract<Node, {type: 'TaggedTemplateExpression'}>,
  at: At,
): Value | null {
  const tag = unwrap(node.tag);
  if (tag.type !== 'MemberExpression') return null;
  const name = nameOfKey(tag.property, tag.computed);
  if (name === null || !raw.test(name)) return null;
  const owner = walk.evaluate(tag.object, at);
  const inTransaction = owner.kind === 'client' ? owner.inTransaction : isTransactionName(tag.object);
  return pending(
    {
      kind: 'query',
      query: {
        model: null,
        operation: name,
        argument: null,
        inTransaction,
        site: {module: at.scope.module, node},
        within: at.frame.node,
        isOnce: at.frame.isOnce,
      },
    },
    unknown,
  );
}

/** Where the walk lost the client (`ctx.db`, a request's decorator): a model of the schema with one of Prisma's operations. */
function callByShape(walk: Walk, node: Call, {kind}: Value, operation: string, at: At): Value | null {
  const callee = unwrap(node.callee);
  if (callee.type !== 'MemberExpression') return null;
  const owner = unwrap(callee.object);
  if (raw.test(operation))
    return isClientName(owner) ? query(node, null, operation, isTransactionName(owner), walk, at) : null;
  if (operation === '$transaction' && isClientName(owner)) return transaction(walk, node, at);
  if (!operations.has(operation) || owner.type !== 'MemberExpression') return null;
  const model = nameOfKey(owner.property, owner.computed);
  if (model === null) return null;
  const isNamed = isClientName(owner.object);
  const isModel =
    walk.models === null
      ? isNamed
      : walk.models.has(model) && (isNamed || (kind === 'unknown' && distinctive.has(operation)));
  return isModel ? query(node, model, operation, isTransactionName(owner.object), walk, at) : null;
}

function lastName(node: Node): string {
  const own = unwrap(node);
  if (own.type === 'Identifier') return own.name;
  return own.type === 'MemberExpression' ? (nameOfKey(own.property, own.computed) ?? '') : '';
}

function isClientName(node: Node): boolean {
  return clientName.test(lastName(node));
}

function isTransactionName(node: Node): boolean {
  return transactionName.test(lastName(node));
}

function query(
  node: Call,
  model: string | null,
  operation: string,
  inTransaction: boolean,
  walk: Walk,
  at: At,
): Value {
  const [argument = null] = node.arguments;
  const given = argument === null ? unknown : walk.evaluate(argument, {...at, out: []});
  const resolved = given.kind === 'object' && given.node !== null ? given.node : argument;
  const {module} = at.scope;
  const cost: Cost = {
    kind: 'query',
    query: {
      model,
      operation,
      argument: resolved,
      inTransaction,
      site: {module, node},
      within: at.frame.node,
      isOnce: at.frame.isOnce,
    },
  };
  const isList = /^findMany|groupBy|AndReturn$|queryRaw/.test(operation);
  return pending(cost, isList ? emptyList(takeOf(given)) : unknown);
}

function takeOf(argument: Value): unknown {
  const take = argument.kind === 'object' ? argument.members.get('take') : undefined;
  return take?.kind === 'constant' ? take.value : null;
}

function pending(cost: Cost, value: Value): Value {
  return {kind: 'pending', cost, value};
}

/** `$transaction([...])` in one batch, or `$transaction(async tx => ...)`. */
function transaction(walk: Walk, node: Call, at: At): Value {
  const site = {module: at.scope.module, node};
  const [argument] = node.arguments;
  const given = argument === undefined ? unknown : walk.evaluate(argument, at);
  if (given.kind === 'list') {
    const costs = given.items.map(each => walk.settle(each, node, at));
    for (const {value, count, over, site: place} of given.each) {
      costs.push({
        kind: 'loop',
        body: walk.settle(value, node, at),
        count,
        isParallel: false,
        isPaging: false,
        over,
        site: place,
      });
    }
    const body = sequence(costs);
    return pending(
      body.kind === 'sequence' && body.parts.length === 0
        ? noCost
        : {kind: 'transaction', body, isBatch: true, site},
      {...given, items: []},
    );
  }
  const out: Cost[] = [];
  const frame = {...at.frame, inTransaction: true};
  const result = walk.call(given, [{kind: 'client', inTransaction: true}], node, {...at, out, frame});
  const body = sequence([...out, walk.settle(result, node, at)]);
  return pending(
    {kind: 'transaction', body, isBatch: false, site},
    result.kind === 'pending' ? result.value : result,
  );
}
