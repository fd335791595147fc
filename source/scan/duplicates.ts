import type {Node} from '@oxc-project/types';
import {childrenOf, nameOfKey, propertyOf, referencesOf, unwrap, visit} from './code/nodes.ts';
import type {Cost, Query} from './evaluate/cost.ts';

/**
 * Reads that one function makes twice with the same words in one request: the second of each, and the first. Of two
 * branches a request takes one, and after a write of its model a query may find something else.
 */
export function duplicatesIn(cost: Cost): {query: Query; first: Query}[] {
  const found = new Map<Query, Query>();
  const seen = new Set<Cost>();
  look(cost, new Map());
  return [...found].map(([query, first]) => ({query, first}));

  function look(each: Cost, before: Map<string, Query>): void {
    if (each.kind === 'query') {
      add(each.query, before);
      return;
    }
    if (seen.has(each)) return;
    seen.add(each);
    if (each.kind === 'branch' || each.kind === 'loop' || each.kind === 'limited') {
      // What one branch has read, the other has not; what one has written, the rest may find.
      const parts = each.kind === 'branch' ? each.parts : [each.body];
      const after = parts.map(part => {
        const own = new Map(before);
        look(part, own);
        return own;
      });
      for (const key of before.keys()) if (after.some(own => !own.has(key))) before.delete(key);
    } else if ('parts' in each) for (const part of each.parts) look(part, before);
    else if ('body' in each) look(each.body, before);
  }

  function add(query: Query, before: Map<string, Query>): void {
    if (!/^(?:find|count|aggregate|groupBy)/.test(query.operation)) {
      for (const [key, {model}] of before)
        if (query.model === null || model === query.model) before.delete(key);
      return;
    }
    const {module, node} = query.site;
    const key = [
      module.file,
      query.within?.start,
      module.text.slice(node.start, node.end).replace(/\s+/g, ''),
    ].join('\0');
    const first = before.get(key);
    if (first === undefined) before.set(key, query);
    else if (
      first.site.node !== node &&
      !isConditional(first.within, first.site.node, node) &&
      !isChangedBetween(first.within, first.site.node, node)
    )
      found.set(query, first);
  }
}

/** Whether a branch holds the first and not the second: a request may run the second alone. In a catch it looks again. */
function isConditional(within: Node | null, first: Node, second: Node): boolean {
  const around = (inner: Node) => (within === null ? [] : pathTo(within, inner));
  const [aroundFirst, aroundSecond] = [around(first), around(second)];
  return (
    aroundFirst.some(each => each.isBranch && !aroundSecond.some(({node}) => node === each.node)) ||
    aroundSecond.some(
      ({node}) => node.type === 'CatchClause' && !aroundFirst.some(each => each.node === node),
    )
  );
}

/** Whether a variable that the query reads gets another value after the first: `slug = next(); ...` */
function isChangedBetween(within: Node | null, first: Node, second: Node): boolean {
  const read = referencesOf(second);
  let isChanged = false;
  if (within !== null)
    visit(within, ({type, start, ...node}) => {
      const target = 'left' in node ? node.left : 'argument' in node ? node.argument : null;
      if (!/^(?:Assignment|Update)Expression$/.test(type) || start < first.end || start > second.start)
        return undefined;
      if (target?.type === 'Identifier' && read.has(target.name)) isChanged = true;
      return undefined;
    });
  return isChanged;
}

/** The nodes around one, from the outside in. */
function pathTo(outer: Node, inner: Node): {node: Node; isBranch: boolean}[] {
  const node = childrenOf(outer).find(each => each.start <= inner.start && inner.end <= each.end);
  if (node === undefined || node === inner) return [];
  return [{node, isBranch: isBranchOf(node, outer)}, ...pathTo(node, inner)];
}

function isBranchOf(child: Node, parent: Node): boolean {
  switch (parent.type) {
    case 'IfStatement':
    case 'ConditionalExpression':
      return parent.test !== child;
    case 'LogicalExpression':
      return parent.right === child;
  }
  return child.type === 'SwitchCase' || child.type === 'CatchClause';
}

/** Three or more counts of one model, equal but for the value of one field: one groupBy counts them all. */
export function countsPerValue(parts: readonly Cost[]): {model: string; field: string; count: number} | null {
  const groups = new Map<string, Set<string>>();
  for (const part of parts) {
    if (part.kind !== 'query' || part.query.operation !== 'count') continue;
    const {model, site} = part.query;
    const textOf = (node: Node) => site.module.text.slice(node.start, node.end).replace(/\s+/g, '');
    const where = whereOf(part.query.argument);
    for (const field of where) {
      if (field.type !== 'Property' || !isScalar(field.value)) continue;
      const name = nameOfKey(field.key, field.computed);
      const others = where.filter(each => each !== field).map(textOf);
      const key = [model, name, ...others.toSorted()].join('\0');
      groups.set(key, (groups.get(key) ?? new Set()).add(textOf(field.value)));
    }
  }
  const [most] = [...groups].toSorted(([, a], [, b]) => b.size - a.size);
  if (most === undefined || most[1].size < 3) return null;
  const [model = '', field = ''] = most[0].split('\0');
  return {model, field, count: most[1].size};
}

function whereOf(argument: Node | null) {
  const options = argument && unwrap(argument);
  const where = options?.type === 'ObjectExpression' ? propertyOf(options, 'where') : null;
  const own = where && unwrap(where);
  return own?.type === 'ObjectExpression' ? own.properties : [];
}

function isScalar(value: Node): boolean {
  return /^(?:Literal|Identifier|MemberExpression)$/.test(unwrap(value).type);
}
