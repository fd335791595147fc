import type {Constraint, Node} from 'libpg-query';
import type {LockMode} from '../../model/preflight.ts';
import type {Lock, Part} from './effect.ts';
import {nameOf, type Relation, type SchemaState, stringsOf} from './schema-state.ts';

const exclusive = 'ACCESS EXCLUSIVE';

const shareRow = 'SHARE ROW EXCLUSIVE';

export function setNotNull(column: string, relation: Relation, state: SchemaState): Part {
  const isProven = state.isProvenNotNull(relation, column);
  state.addConstraint(relation, null, {references: null, not_null_column: column, is_valid: true});
  return isProven ? {mode: exclusive} : {mode: exclusive, work: 'scan', remedy: {kind: 'not-null', column}};
}

export function addConstraint(constraint: Constraint, relation: Relation, state: SchemaState): Part {
  const {contype, conname = null, skip_validation = false, pktable, keys, raw_expr} = constraint;
  const isValid = !skip_validation;
  const validation: Part = isValid
    ? {mode: exclusive, work: 'scan', remedy: {kind: 'validate-later'}}
    : {mode: exclusive};
  if (contype === 'CONSTR_FOREIGN') {
    const references = pktable === undefined ? null : state.find(nameOf(pktable));
    state.addConstraint(relation, conname, {references, not_null_column: null, is_valid: isValid});
    return {...validation, mode: shareRow, locks: both(references, shareRow)};
  }
  if (contype === 'CONSTR_UNIQUE' || contype === 'CONSTR_PRIMARY' || contype === 'CONSTR_EXCLUSION')
    return addUnique(constraint, relation, state);
  const not_null_column =
    contype === 'CONSTR_NOTNULL' ? (stringsOf(keys)[0] ?? null) : provenColumn(raw_expr);
  const isProven =
    contype === 'CONSTR_NOTNULL' &&
    not_null_column !== null &&
    state.isProvenNotNull(relation, not_null_column);
  state.addConstraint(relation, conname, {references: null, not_null_column, is_valid: isValid});
  return isProven ? {mode: exclusive} : validation;
}

function addUnique(constraint: Constraint, relation: Relation, state: SchemaState): Part {
  const {contype, conname, indexname, keys} = constraint;
  const schema = /^(.*)\.[^.]*$/.exec(relation.label)?.[1] ?? null;
  const columns = indexname === undefined ? stringsOf(keys) : state.indexColumns({schema, name: indexname});
  // A primary key reads the table for columns that may be null, even if its index exists.
  const isProven = columns?.every(each => state.isProvenNotNull(relation, each)) ?? null;
  if (contype === 'CONSTR_PRIMARY')
    for (const column of columns ?? [])
      state.addConstraint(relation, null, {references: null, not_null_column: column, is_valid: true});
  if (indexname === undefined || conname !== undefined)
    createIndex(constraint, columns ?? [], relation, state);
  if (indexname !== undefined) {
    const isRead = contype === 'CONSTR_PRIMARY' && isProven !== true;
    return {mode: exclusive, work: isRead ? (isProven === null ? 'unknown' : 'scan') : 'none'};
  }
  const scan: Part = {mode: exclusive, work: 'scan'};
  return contype === 'CONSTR_EXCLUSION' ? scan : {...scan, remedy: {kind: 'unique-index'}};
}

/** The index of a key: with the constraint's name, or PostgreSQL's own (ChooseIndexName in indexcmds.c). */
export function createIndex(
  {contype, conname}: Constraint,
  columns: readonly string[],
  relation: Relation,
  state: SchemaState,
): void {
  const schema = /^(.*)\.[^.]*$/.exec(relation.label)?.[1] ?? null;
  if (conname !== undefined) state.create({schema, name: conname}, [...columns]);
  else if (contype === 'CONSTR_PRIMARY') state.createFor(relation, 'pkey');
  else state.createFor(relation, [...columns, contype === 'CONSTR_UNIQUE' ? 'key' : 'excl'].join('_'));
}

/** The column of `CHECK (column IS NOT NULL)`. */
function provenColumn(expression: Node | undefined): string | null {
  if (expression === undefined || !('NullTest' in expression)) return null;
  const {nulltesttype, arg} = expression.NullTest;
  if (nulltesttype !== 'IS_NOT_NULL' || arg === undefined || !('ColumnRef' in arg)) return null;
  return stringsOf(arg.ColumnRef.fields).at(-1) ?? null;
}

/** VALIDATE CONSTRAINT waits for no writer, and lets reads and writes go on. */
export function validate(name: string, relation: Relation, state: SchemaState): Part {
  const references = state.constraint(relation, name)?.references ?? null;
  state.validate(relation, name);
  return {mode: 'SHARE UPDATE EXCLUSIVE', locks: both(references, 'ROW SHARE'), work: 'scan'};
}

export function both(relation: Relation | null, mode: LockMode): Lock[] {
  return relation === null ? [] : [{relation, mode}];
}
