import type {Node} from 'libpg-query';
import {descendants} from '../sql/named-objects.ts';
import {isHarmless} from './column-type.ts';
import {type Effect, heaviest, type Lock, lockOn, type Work} from './effect.ts';
import {nameOf, type Relation, type SchemaState, stringsOf} from './schema-state.ts';
import {sideEffects} from './side-effects.ts';

type Part = Record<string, unknown>;
type Written = {relation?: {relname?: string}; whereClause?: Node; selectStmt?: Node};

/** What is read or executed for a time that does not follow from a size. */
const unsized: Relation = {label: '', found: null, is_new: false};

/**
 * What SELECT, INSERT, UPDATE, DELETE, MERGE and COPY do, in WITH, too: the rows that they change stay locked, and what they read keeps
 * the locks of earlier statements for as long.
 */
export function dataEffect(statement: Node, state: SchemaState): Partial<Effect> {
  const parts = [...descendants(statement)];
  const locks: Lock[] = [];
  const worked: Relation[] = [];
  const works: Work[] = [];
  /** Names that are not read: targets, and what a key finds immediately. */
  const passed = new Set<unknown>();
  const notes = new Set<string>();
  for (const part of parts) {
    const made = part.intoClause ?? part.into;
    passed.add((made as {rel?: unknown} | undefined)?.rel);
    const insert = part.InsertStmt as Written | undefined;
    const change = (part.UpdateStmt ?? part.DeleteStmt ?? part.MergeStmt) as Written | undefined;
    const written = insert ?? change;
    if (written !== undefined) {
      passed.add(written.relation);
      const own = lockOn(written.relation as never, 'ROW EXCLUSIVE', state, insert ? {recurses: false} : {});
      locks.push(...own);
      const effects = {events: eventsOf(part), changed: changedBy(part)};
      const [named] = own;
      for (const each of named === undefined ? [] : sideEffects(named.relation, effects, state))
        notes.add(each);
      if (insert !== undefined && readsRows(insert.selectStmt)) works.push('copy');
      if (change === undefined) continue;
      const isEach = part.MergeStmt === undefined && change.whereClause === undefined;
      notes.add(`locks ${isEach ? 'every row' : 'the rows that it changes'} until the transaction ends`);
      if (findsByKey(change.relation, change.whereClause, state)) continue;
      works.push(isLimited(change.whereClause) ? 'scan' : 'rows');
      worked.push(...own.map(({relation}) => relation));
    }
    const select = part.SelectStmt as
      | {fromClause?: Node[]; whereClause?: Node; lockingClause?: Node[]; limitCount?: Node}
      | undefined;
    const [from, ...more] = select?.fromClause ?? [];
    if (from !== undefined && more.length === 0 && 'RangeVar' in from) {
      if (findsByKey(from.RangeVar, select?.whereClause, state)) passed.add(from.RangeVar);
      else if (select?.lockingClause !== undefined) works.push(isLimited(select) ? 'scan' : 'rows');
    }
    if ('RangeFunction' in part || returnsRows(part)) {
      worked.push(unsized);
      works.push('scan');
    }
  }
  const ctes = new Set(parts.flatMap(({ctename}) => (typeof ctename === 'string' ? ctename : [])));
  for (const part of parts) {
    if (typeof part.relname !== 'string' || passed.has(part)) continue;
    const name = nameOf(part as {relname: string; schemaname?: string});
    const relation = state.find(name);
    const isUnknown = relation.found === null && !relation.is_new;
    // A WITH query may have the name of a table that it reads: only the server can distinguish them.
    if (isUnknown && state.target !== null && ctes.has(part.relname)) continue;
    if (isUnknown && /^(?:pg_|information_schema$)/.test(name.schema ?? part.relname)) continue;
    worked.push(...readThrough(relation, state));
    works.push('scan');
  }
  const foreign = parts.flatMap(({funcname}) => {
    const names = Array.isArray(funcname) ? stringsOf(funcname as Node[]) : [];
    return names.length === 0 || isHarmless(names, state) ? [] : `${names.join('.')}()`;
  });
  // Which relations the names after it mean is unknown then.
  if (parts.some(({sval}) => sval === 'search_path')) foreign.push('set_config()');
  for (const each of new Set(foreign)) notes.add(`poolctl cannot read what ${each} does`);
  return {
    ...{locks, worked, notes: [...notes]},
    work: foreign.length > 0 ? 'unknown' : heaviest(works),
    is_opaque: foreign.length > 0,
    remedies: [...notes].some(note => note.includes('every row')) ? [{kind: 'batches'}] : [],
  };
}

/** The tables that a query of this name reads: with partitions, and those of a view. */
export function readThrough(relation: Relation, state: SchemaState): Relation[] {
  const {found} = relation;
  if (found?.kind === 'f') return [unsized];
  if (found?.kind === 'v') {
    const below = found.reads.map(oid => state.byOid(oid));
    // Without a size, what a view reads is not in the target.
    return below.flatMap(each => (each === null ? [unsized] : readThrough(each, state)));
  }
  return [relation, ...state.descendants(relation)];
}

/** What a statement may do to rows; INSERT ... ON CONFLICT DO UPDATE does both. */
function eventsOf(part: Part): ('INSERT' | 'UPDATE' | 'DELETE')[] {
  if ('UpdateStmt' in part) return ['UPDATE'];
  if ('DeleteStmt' in part) return ['DELETE'];
  if ('MergeStmt' in part) return ['INSERT', 'UPDATE', 'DELETE'];
  const {onConflictClause} = part.InsertStmt as {onConflictClause?: {action?: string}};
  return onConflictClause?.action === 'ONCONFLICT_UPDATE' ? ['INSERT', 'UPDATE'] : ['INSERT'];
}

/** The columns that UPDATE sets; null for any other statement. */
function changedBy({UpdateStmt}: Part): string[] | null {
  const {targetList} = (UpdateStmt ?? {}) as {targetList?: {ResTarget?: {name?: string}}[]};
  return targetList?.flatMap(({ResTarget}) => ResTarget?.name ?? []) ?? null;
}

/** Whether INSERT takes its rows from elsewhere than VALUES. */
function readsRows(select: Node | undefined): boolean {
  return [...descendants(select)].some(
    part => 'relname' in part || 'RangeFunction' in part || returnsRows(part),
  );
}

/** As many rows as its arguments say. */
function returnsRows({funcname}: Part): boolean {
  const name = Array.isArray(funcname) ? (stringsOf(funcname as Node[]).at(-1) ?? '') : '';
  return /^(?:generate_series|generate_subscripts|unnest|\w+_elements(?:_text)?|\w+_to_table|jsonb?_(?:each|populate_recordset|to_recordset)\w*)$/.test(
    name,
  );
}

function isLimited(condition: unknown): boolean {
  return [...descendants(condition)].some(part => 'limitCount' in part);
}

/** Whether the condition demands one value of each column of a unique key. Without a server no key is known. */
function findsByKey(range: object | undefined, condition: Node | undefined, state: SchemaState): boolean {
  if (range === undefined || condition === undefined) return false;
  const {found} = state.find(nameOf(range));
  const columns = new Set(equated(condition));
  return (found?.constraints ?? []).some(
    key => /^[pu]$/.test(key.kind) && key.columns.length > 0 && key.columns.every(each => columns.has(each)),
  );
}

/** Columns that must be equal to a constant: `a = 1 AND b IN (2, 3)`. */
function equated(condition: Node): string[] {
  if ('BoolExpr' in condition)
    return condition.BoolExpr.boolop === 'AND_EXPR' ? (condition.BoolExpr.args ?? []).flatMap(equated) : [];
  if (!('A_Expr' in condition)) return [];
  const {kind, name, lexpr, rexpr} = condition.A_Expr;
  const isEqual = (kind === 'AEXPR_OP' || kind === 'AEXPR_IN') && stringsOf(name).join('.') === '=';
  if (!isEqual || lexpr === undefined || !('ColumnRef' in lexpr)) return [];
  const isConstant = [...descendants(rexpr)].every(
    (part: Part) => !('ColumnRef' in part || 'SubLink' in part || 'FuncCall' in part),
  );
  const [column] = stringsOf(lexpr.ColumnRef.fields).slice(-1);
  return isConstant && column !== undefined ? [column] : [];
}
