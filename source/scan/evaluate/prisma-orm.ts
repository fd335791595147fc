import type {Node} from '@oxc-project/types';
import {nameOfKey, unwrap} from '../code/nodes.ts';
import {emptyList} from './lists.ts';
import {unknown, type Value} from './values.ts';
import type {At, Walk} from './walk.ts';

type Call = Extract<Node, {type: 'CallExpression'}>;

/** What runs a query of Prisma 8; the calls before it (`where`, `select`, `limit`) only describe it. */
const terminals = new Set(
  'all first firstOrThrow count aggregate create createAll update updateAll delete deleteAll upsert'.split(
    ' ',
  ),
);

/** Prisma 8: `db.orm.public.User.where(...).limit(20).all()`, one query for the whole chain; null for other calls. */
export function ormCall(walk: Walk, node: Call, name: string, at: At): Value | null {
  if (!terminals.has(name)) return null;
  let link = unwrap(node.callee);
  let isLimited = false;
  // From the last call down to `db.orm.public.User`.
  while (link.type === 'MemberExpression') {
    const below = unwrap(link.object);
    if (below.type !== 'CallExpression') break;
    link = unwrap(below.callee);
    const called = link.type === 'MemberExpression' ? nameOfKey(link.property, link.computed) : null;
    if (called === 'limit') isLimited = true;
    // A query that has run already: `create(...).then(...)`.
    if (called === null || terminals.has(called)) return null;
  }
  const model = link.type === 'MemberExpression' ? modelOf(unwrap(link.object)) : null;
  if (model === null) return null;
  const owner = walk.evaluate(model.client, {...at, out: []});
  const inTransaction = owner.kind === 'client' ? owner.inTransaction : at.frame.inTransaction;
  return {
    kind: 'pending',
    cost: {
      kind: 'query',
      query: {
        model: model.name.charAt(0).toLowerCase() + model.name.slice(1),
        operation: name === 'all' && isLimited ? 'first' : name,
        argument: null,
        inTransaction,
        site: {module: at.scope.module, node},
        within: at.frame.node,
        isOnce: at.frame.isOnce,
      },
    },
    value: name === 'all' ? emptyList(null) : unknown,
  };
}

/** `db.orm.public.User`: its client and model; null for anything else. */
function modelOf(node: Node): {client: Node; name: string} | null {
  if (node.type !== 'MemberExpression') return null;
  const namespace = unwrap(node.object);
  if (namespace.type !== 'MemberExpression') return null;
  const orm = unwrap(namespace.object);
  const name = nameOfKey(node.property, node.computed);
  if (orm.type !== 'MemberExpression' || nameOfKey(orm.property, orm.computed) !== 'orm') return null;
  return name === null ? null : {client: orm.object, name};
}

/** Prisma 8: `db.transaction(async tx => tx.orm...)`. */
export function isOrmTransaction(node: Call, name: string, text: string): boolean {
  return name === 'transaction' && text.slice(node.start, node.end).includes('.orm.');
}
