import type {Constraint, CreateStmt, Node, RefreshMatViewStmt, ReindexStmt, VacuumStmt} from 'libpg-query';
import {defaultOf, keysOf, stringsOfOptions} from './alter-table.ts';
import {isSerial} from './column-type.ts';
import {createIndex} from './constraint.ts';
import {readThrough} from './data.ts';
import {indexLocks} from './drop.ts';
import {type Effect, type Lock, lockOn, lockRelation} from './effect.ts';
import {isCreated, nameOf, type Relation, type SchemaState, stringsOf} from './schema-state.ts';

const exclusive = 'ACCESS EXCLUSIVE';
const shareUpdate = 'SHARE UPDATE EXCLUSIVE';

/** Foreign keys lock the tables they refer to; a partition locks its parent, and reads the default partition. */
export function createTable(statement: CreateStmt, state: SchemaState): Partial<Effect> {
  const {relation, inhRelations = [], partbound, tableElts = []} = statement;
  if (relation === undefined) return {};
  const isKnown = statement.if_not_exists === true && state.find(nameOf(relation)).found !== null;
  if (isKnown) return {notes: ['it exists: nothing is done']};
  const isTemporary = relation.relpersistence === 't';
  if (isCreated(nameOf(relation), statement.if_not_exists, state)) {
    state.create(nameOf(relation));
    createImplied(tableElts, state.find(nameOf(relation)), state);
  }
  const parents = inhRelations.flatMap(node => ('RangeVar' in node ? node.RangeVar : []));
  const isPartition = partbound !== undefined;
  const rest = isPartition ? parents.flatMap(parent => defaultOf(state.find(nameOf(parent)), state)) : [];
  const referenced = foreignKeysOf(tableElts).flatMap(({pktable}) =>
    isTemporary ? [] : lockOn(pktable, 'SHARE ROW EXCLUSIVE', state, {recurses: false}),
  );
  return {
    locks: [
      ...parents.flatMap(parent =>
        lockOn(parent, isPartition ? exclusive : shareUpdate, state, {recurses: false}),
      ),
      ...(isPartition ? parents.flatMap(parent => keysOf(state.find(nameOf(parent)), state)) : []),
      ...rest,
      ...referenced,
    ],
    work: rest.length === 0 ? 'none' : 'scan',
    worked: rest.map(lock => lock.relation),
    ...(isPartition && {remedies: [{kind: 'attach'}]}),
  };
}

/** The indexes and sequences that come with a table: orders_pkey, orders_id_seq. */
function createImplied(elements: readonly Node[], table: Relation, state: SchemaState): void {
  const keys = new Set(['CONSTR_PRIMARY', 'CONSTR_UNIQUE', 'CONSTR_EXCLUSION']);
  for (const element of elements) {
    const column = 'ColumnDef' in element ? element.ColumnDef : null;
    const name = column?.colname ?? '';
    for (const node of column?.constraints ?? [element]) {
      if (!('Constraint' in node)) continue;
      const {contype = '', keys: columns, exclusions = []} = node.Constraint;
      if (contype === 'CONSTR_IDENTITY') state.createFor(table, `${name}_seq`);
      const excluded = exclusions.flatMap(each => ('List' in each ? columnsOf(each.List.items) : []));
      const own = column === null ? [...stringsOf(columns), ...excluded] : [name];
      if (keys.has(contype)) createIndex(node.Constraint, own, table, state);
    }
    if (isSerial(column?.typeName)) state.createFor(table, `${name}_seq`);
  }
}

export function columnsOf(nodes: Node[] | undefined): string[] {
  return (nodes ?? []).flatMap(node => ('IndexElem' in node ? (node.IndexElem.name ?? []) : []));
}

function foreignKeysOf(elements: readonly Node[]): Constraint[] {
  const constraints = elements.flatMap(node =>
    'ColumnDef' in node ? (node.ColumnDef.constraints ?? []) : [node],
  );
  return constraints.flatMap(node =>
    'Constraint' in node && node.Constraint.contype === 'CONSTR_FOREIGN' ? node.Constraint : [],
  );
}

export function reindex({kind, relation, params = []}: ReindexStmt, state: SchemaState): Partial<Effect> {
  if (relation === undefined)
    return {work: 'unknown', in_transaction: false, notes: ['rebuilds the indexes of every table']};
  const isConcurrent = stringsOfOptions(params).includes('concurrently');
  const named = state.find(nameOf(relation));
  const isIndex = kind === 'REINDEX_OBJECT_INDEX';
  const locks = (
    table: 'SHARE' | typeof shareUpdate,
    index: typeof exclusive | typeof shareUpdate,
  ): Lock[] =>
    isIndex
      ? indexLocks(named, index, state).map(lock =>
          lock.relation.label === named.label ? lock : {...lock, mode: table},
        )
      : [...lockOn(relation, table, state), ...indexesOf(named.found?.oid, index, state)];
  const worked = isIndex
    ? locks('SHARE', exclusive)
        .slice(0, 1)
        .map(lock => lock.relation)
    : [named];
  if (isConcurrent) {
    const concurrent = {in_transaction: false, waits_for_snapshots: true} as const;
    return {locks: locks(shareUpdate, shareUpdate), work: 'scan', worked, ...concurrent};
  }
  return {
    locks: locks('SHARE', exclusive),
    work: 'scan',
    worked,
    notes: ['reads of the table wait, too: planning a query locks each of its indexes'],
    remedies: [{kind: 'concurrently'}],
  };
}

function indexesOf(oid: string | undefined, mode: Lock['mode'], state: SchemaState): Lock[] {
  return (state.target?.relations ?? [])
    .filter(({table_oid, kind}) => table_oid === oid && oid !== undefined && kind === 'i')
    .flatMap(index => state.byOid(index.oid) ?? [])
    .flatMap(relation => lockRelation(relation, mode, null));
}

export function refreshView(
  {relation, concurrent = false}: RefreshMatViewStmt,
  state: SchemaState,
): Partial<Effect> {
  if (relation === undefined) return {};
  return {
    locks: lockOn(relation, concurrent ? 'EXCLUSIVE' : exclusive, state).map(lock => ({
      ...lock,
      only_read: true,
    })),
    work: concurrent ? 'scan' : 'rewrite',
    // Its own size says nothing of what its query reads.
    worked: readThroughView(state.find(nameOf(relation)), state),
    remedies: concurrent ? [] : [{kind: 'concurrently'}],
  };
}

function readThroughView(view: Relation, state: SchemaState): Relation[] {
  return [
    view,
    ...(view.found?.reads ?? []).flatMap(oid =>
      readThrough(state.byOid(oid) ?? {...view, found: null}, state),
    ),
  ];
}

export function vacuum(
  {options = [], rels = [], is_vacuumcmd = false}: VacuumStmt,
  state: SchemaState,
): Partial<Effect> {
  const isFull = stringsOfOptions(options).includes('full');
  const ranges = rels.flatMap(node => ('VacuumRelation' in node ? (node.VacuumRelation.relation ?? []) : []));
  if (isFull && ranges.length === 0)
    return {work: 'unknown', in_transaction: false, notes: ['rewrites every table of the database']};
  return {
    locks: ranges.flatMap(range => lockOn(range, isFull ? exclusive : shareUpdate, state)),
    work: isFull ? 'rewrite' : 'scan',
    worked: ranges.map(range => state.find(nameOf(range))),
    in_transaction: !is_vacuumcmd,
  };
}
