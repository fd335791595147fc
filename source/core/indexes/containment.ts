import type {Condition} from './shape.ts';
import type {IndexSpec} from './spec.ts';

/**
 * GIN indexes for what a statement looks for inside jsonb, arrays and text search vectors. Where all it asks of
 * jsonb is @>, @? and @@, jsonb_path_ops makes a smaller and faster one (PostgreSQL's manual, "jsonb Indexing").
 */
export function containmentIndexes(conditions: readonly Condition[]): IndexSpec[] {
  const operators = new Map<string, {operators: Set<string>; type: string}>();
  for (const each of conditions) {
    if (each.kind !== 'contains') continue;
    const {expression} = each.term;
    const known = operators.get(expression) ?? {operators: new Set<string>(), type: each.type};
    known.operators.add(each.operator);
    operators.set(expression, known);
  }
  return [...operators].map(([expression, {operators: used, type}]) => {
    const isByPath = type === 'jsonb' && [...used].every(operator => pathOperators.has(operator));
    return {
      method: 'gin',
      keys: [{expression, order: '', opclass: isByPath ? 'jsonb_path_ops' : ''}],
      included: [],
      predicate: null,
      is_unique: false,
    };
  });
}

const pathOperators = new Set(['@>', '@?', '@@']);

/** The operators that a GIN index with the type's own operator class answers; none where it has no such class. */
export function ginOperators(type: string): readonly string[] {
  if (type === 'jsonb') return ['@>', '?', '?|', '?&', '@?', '@@'];
  if (type === 'tsvector') return ['@@'];
  return type.startsWith('_') ? ['@>', '<@', '&&'] : [];
}
