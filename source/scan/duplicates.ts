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
    // What one branch has read, the other has not.
    if (each.kind === 'branch') for (const part of each.parts) look(part, new Map(before));
    else if ('parts' in each) for (const part of each.parts) look(part, before);
    if ('body' in each) look(each.body, new Map(before));
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
    else if (first.site.node !== node) found.set(query, first);
  }
}
