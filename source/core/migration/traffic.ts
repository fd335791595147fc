import type {Node} from 'libpg-query';
import type {MigrationTarget} from '../../model/preflight.ts';
import {descendants} from '../sql/named-objects.ts';
import {createSchemaState, nameOf, type Relation} from './schema-state.ts';

const writing = ['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'] as const;

/**
 * The relations that a statement reads and writes, by label, as far as the target has them: with their partitions, the tables below
 * a view, and the other side of the foreign keys that its writes check.
 */
export function relationsOf(statement: Node, target: MigrationTarget): {reads: string[]; writes: string[]} {
  const state = createSchemaState(target);
  const reads = new Set<string>();
  const writes = new Set<string>();
  /** Without a schema, every relation of this name: each session has a search_path of its own. */
  const meant = (range: {relname?: string; schemaname?: string}) =>
    range.schemaname === undefined
      ? target.relations.filter(({name}) => name === range.relname).flatMap(({oid}) => state.byOid(oid) ?? [])
      : [state.find(nameOf(range))];
  const add = (range: unknown, to: Set<string>) => {
    for (const relation of meant(range as {relname?: string; schemaname?: string})) addRelation(relation, to);
  };
  const addRelation = (relation: Relation, to: Set<string>) => {
    const {found} = relation;
    if (found === null) return;
    for (const each of [relation, ...state.descendants(relation)]) to.add(each.label);
    for (const oid of found.kind === 'v' ? found.reads : []) {
      const below = state.byOid(oid);
      // What is written through a view is written.
      if (below !== null) addRelation(below, to);
    }
    if (to !== writes) return;
    for (const {table_oid, references_oid} of target.foreign_keys) {
      if (table_oid === found.oid) reads.add(state.byOid(references_oid)?.label ?? '');
      if (references_oid === found.oid) reads.add(state.byOid(table_oid)?.label ?? '');
    }
  };
  for (const part of descendants(statement)) {
    for (const kind of writing) {
      const written = part[kind] as {relation?: unknown} | undefined;
      if (written?.relation !== undefined) add(written.relation, writes);
    }
    const {CopyStmt, TruncateStmt} = part as {
      CopyStmt?: {relation?: unknown; is_from?: boolean};
      TruncateStmt?: {relations?: {RangeVar?: unknown}[]};
    };
    if (CopyStmt?.is_from) add(CopyStmt.relation, writes);
    for (const {RangeVar} of TruncateStmt?.relations ?? []) add(RangeVar, writes);
    if ('relname' in part) add(part, reads);
  }
  return {reads: [...reads], writes: [...writes]};
}
