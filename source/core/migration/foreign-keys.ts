import {both} from './constraint.ts';
import type {Lock} from './effect.ts';
import type {Relation, SchemaState} from './schema-state.ts';

/** Tables that a column's foreign keys refer to: their triggers are dropped with the key. */
export function referencedBy(column: string, relation: Relation, state: SchemaState): Relation[] {
  return (state.target?.foreign_keys ?? [])
    .filter(key => key.table_oid === relation.found?.oid && key.columns.includes(column))
    .flatMap(key => state.byOid(key.references_oid) ?? []);
}

/** Tables whose foreign keys refer to a relation; with a column, if it belongs to a key that they can refer to. */
export function referencingOf(relation: Relation, state: SchemaState, column?: string): Lock[] {
  const {found} = relation;
  const isKey = found?.constraints.some(
    ({kind, columns}) => /^[pu]$/.test(kind) && columns.includes(column ?? ''),
  );
  if (column !== undefined && isKey !== true) return [];
  return (state.target?.foreign_keys ?? [])
    .filter(key => key.references_oid === found?.oid)
    .flatMap(key => both(state.byOid(key.table_oid), 'ACCESS EXCLUSIVE'));
}
