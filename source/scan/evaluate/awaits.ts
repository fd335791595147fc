import type {Node} from '@oxc-project/types';
import {namesOf, referencesOf, unwrap} from '../code/nodes.ts';
import {type Cost, figuresOf, type Query} from './cost.ts';
import type {At} from './walk.ts';

const reads = /^(?:find(?:Many|First|Unique)|count|aggregate|groupBy)$/;

/**
 * Looks at the statements of one block in turn: two that wait for reads, and neither needs the other's result, could
 * wait together. Calls of other functions do not count: they may check something, and throw.
 */
export function createAwaits(at: At) {
  let last: {names: Set<string>; isGroup: boolean} | null = null;
  return {
    see(statement: Node, costs: readonly Cost[]): void {
      const awaited = awaitedIn(statement);
      const declared = namesDeclared(statement);
      if (declared === null) {
        last = null;
        return;
      }
      const needsLast = last !== null && needsAny(statement, last.names);
      const found = awaited && readsOf(costs, at.frame.node);
      if (!found) {
        // What is derived from a result depends on it.
        if (last !== null && needsLast) for (const name of declared) last.names.add(name);
        if (costs.some(cost => figuresOf(cost).queries > 0)) last = null;
        return;
      }
      if (last !== null && !needsLast && !at.frame.inTransaction && awaited !== null) {
        const site = {module: at.scope.module, node: awaited};
        at.out.push(
          last.isGroup && found.isGroup
            ? {
                kind: 'note',
                note: 'parallel-in-a-row',
                detail: `${found.count} more queries wait for the group above without needing it`,
                site,
              }
            : {
                kind: 'note',
                note: 'independent-awaits',
                detail: 'waits for the query above without needing its result',
                site,
              },
        );
      }
      // Of a chain only the last results may be needed: those of before stay known.
      last = {
        names: new Set(needsLast || last === null ? declared : [...last.names, ...declared]),
        isGroup: found.isGroup,
      };
    },
  };
}

function needsAny(statement: Node, names: ReadonlySet<string>): boolean {
  const needed = referencesOf(statement);
  return [...names].some(name => needed.has(name));
}

/** The names that a simple statement declares or assigns; null for any other kind of statement. */
function namesDeclared(node: Node): string[] | null {
  if (node.type === 'VariableDeclaration') return node.declarations.flatMap(({id}) => namesOf(id));
  if (node.type !== 'ExpressionStatement') return null;
  const {expression} = node;
  return expression.type === 'AssignmentExpression' && expression.left.type === 'Identifier'
    ? [expression.left.name]
    : [];
}

/** The expression that a statement waits for: `const x = await ...`, `x = await ...`. */
function awaitedIn(node: Node): Node | null {
  const [only, more] = node.type === 'VariableDeclaration' ? node.declarations : [];
  const value =
    only !== undefined && more === undefined
      ? only.init
      : node.type === 'ExpressionStatement'
        ? node.expression.type === 'AssignmentExpression'
          ? node.expression.right
          : node.expression
        : null;
  const inner = value ? unwrap(value) : null;
  return inner?.type === 'AwaitExpression' ? inner : null;
}

/** The queries of a statement, if they are reads and nothing else: one, or one group. */
function readsOf(costs: readonly Cost[], within: Node | null): {isGroup: boolean; count: number} | null {
  const own = costs.filter(({kind}) => kind !== 'note');
  const [cost] = own;
  if (cost === undefined || own.length > 1) return null;
  if (cost.kind === 'query') return isRead(cost.query, within) ? {isGroup: false, count: 1} : null;
  if (cost.kind !== 'parallel') return null;
  const all = cost.parts.every(each => each.kind === 'query' && isRead(each.query, within));
  return all && cost.parts.length > 0 ? {isGroup: true, count: cost.parts.length} : null;
}

/** A query that another function makes may check something. */
function isRead(query: Query, within: Node | null): boolean {
  return reads.test(query.operation) && !query.inTransaction && query.within === within;
}
