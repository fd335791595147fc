import type {Node} from 'libpg-query';
import type {MigrationTarget} from '../../model/preflight.ts';
import {descendants} from '../sql/named-objects.ts';
import {createSchemaState, nameOf} from './schema-state.ts';

const writing = ['InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt'] as const;

/**
 * The relations that a statement reads and writes, by label, as far as the target has them: with their partitions, the tables of a
 * view, and the other side of the foreign keys that its writes check.
 */
export function relationsOf(statement: Node, target: MigrationTarget): {reads: string[]; writes: string[]} {
  const state = createSchemaState(target);
  const reads = new Set<string>();
  const writes = new Set<string>();
  const add = (range: unknown, to: Set<string>) => {
    const relation = state.find(nameOf(range as {relname?: string}));
    if (relation.found === null) return;
    for (const each of [relation, ...state.descendants(relation)]) to.add(each.label);
    for (const oid of relation.found.reads) reads.add(state.byOid(oid)?.label ?? '');
    if (to !== writes) return;
    for (const {table_oid, references_oid} of target.foreign_keys) {
      if (table_oid === relation.found.oid) reads.add(state.byOid(references_oid)?.label ?? '');
      if (references_oid === relation.found.oid) reads.add(state.byOid(table_oid)?.label ?? '');
    }
  };
  for (const part of descendants(statement)) {
    for (const kind of writing) {
      const written = part[kind] as {relation?: unknown} | undefined;
      if (written?.relation !== undefined) add(written.relation, writes);
    }
    if ('relname' in part) add(part, reads);
  }
  return {reads: [...reads], writes: [...writes]};
}
