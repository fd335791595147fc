import type {Node} from 'libpg-query';
import type {LockMode} from '../../model/preflight.ts';
import {alterTable, stringsOfOptions} from './alter-table.ts';
import {isKnownType} from './column-type.ts';
import {columnsOf, createTable, refreshView, reindex, vacuum} from './create-and-maintain.ts';
import {dataEffect} from './data.ts';
import {dropObjects} from './drop.ts';
import {type Effect, lockOn, lockRelation, noEffect} from './effect.ts';
import {referencingOf} from './foreign-keys.ts';
import {lockModes} from './lock-mode.ts';
import {isCreated, nameOf, nameOfList, type SchemaState, stringsOf} from './schema-state.ts';

type KindOf<N> = N extends unknown ? keyof N : never;
type Kind = KindOf<Node>;
type Content<K extends Kind> = Extract<Node, Record<K, unknown>>[K];
type Kinds = {[K in Kind]?: (statement: Content<K>, state: SchemaState) => Partial<Effect>};

/** Every kind of statement that locks relations which exist: what it locks, and what it does to them. */
const kinds: Kinds = {
  AlterTableStmt: alterTable,
  CreateStmt: createTable,
  DropStmt: dropObjects,
  ReindexStmt: reindex,
  RefreshMatViewStmt: refreshView,
  VacuumStmt: vacuum,
  IndexStmt: ({relation, idxname, indexParams, if_not_exists, concurrent = false}, state) => {
    if (relation === undefined) return {};
    const table = state.find(nameOf(relation));
    const name = {schema: relation.schemaname ?? null, name: idxname ?? ''};
    if (idxname === undefined) state.createFor(table, [...columnsOf(indexParams), 'idx'].join('_'));
    else if (isCreated(name, if_not_exists, state)) state.create(name, columnsOf(indexParams));
    if (concurrent) {
      const locks = lockOn(relation, 'SHARE UPDATE EXCLUSIVE', state);
      return {locks, work: 'scan', worked: [table], in_transaction: false, waits_for_snapshots: true};
    }
    const isWhole = relation.inh === true || table.found?.kind !== 'p';
    return {
      locks: lockOn(relation, 'SHARE', state),
      work: isWhole ? 'scan' : 'none',
      worked: isWhole ? [table, ...state.descendants(table)] : [],
      remedies: [{kind: 'concurrently'}],
    };
  },
  RenameStmt: ({renameType = '', relationType, relation, object, subname = '', newname = ''}, state) => {
    if (renameType === 'OBJECT_POLICY' || relation !== undefined) {
      const range = relation ?? {relname: stringsOf(object)[0] ?? ''};
      const isIndex = renameType === 'OBJECT_INDEX';
      const isType = renameType === 'OBJECT_ATTRIBUTE' && relationType === 'OBJECT_TYPE';
      if (isType) return {};
      const recurses = renameType === 'OBJECT_COLUMN' || renameType === 'OBJECT_TRIGGER';
      const locks = lockOn(range, isIndex ? 'SHARE UPDATE EXCLUSIVE' : 'ACCESS EXCLUSIVE', state, {recurses});
      if (relations.has(renameType) || isIndex)
        state.rename(state.find(nameOf(range)), {schema: range.schemaname ?? null, name: newname});
      const isUsed = renameType === 'OBJECT_COLUMN' || relations.has(renameType);
      const what = subname || (range.relname ?? '');
      return isUsed
        ? {locks, notes: [`the running application still uses ${what}`], remedies: [{kind: 'contract'}]}
        : {locks};
    }
    return {};
  },
  AlterObjectSchemaStmt: ({relation, newschema = ''}, state) => {
    if (relation === undefined) return {};
    const locks = lockOn(relation, 'ACCESS EXCLUSIVE', state, {recurses: false});
    state.rename(state.find(nameOf(relation)), {schema: newschema, name: relation.relname ?? ''});
    return {locks, notes: [`the running application still uses ${relation.relname}`]};
  },
  CreateTableAsStmt: (statement, state) => {
    const {into, query, if_not_exists} = statement;
    const effect = dataEffect({CreateTableAsStmt: statement}, state);
    if (into?.rel !== undefined && isCreated(nameOf(into.rel), if_not_exists, state))
      state.create(nameOf(into.rel));
    if (query === undefined || into?.skipData === true) return {};
    return {...effect, work: effect.work === 'scan' ? 'copy' : (effect.work ?? 'none')};
  },
  ViewStmt: ({view, replace = false}, state) => {
    if (view === undefined) return {};
    const known = state.find(nameOf(view));
    if (replace && known.found !== null) return {locks: lockOn(view, 'ACCESS EXCLUSIVE', state)};
    state.create(nameOf(view));
    return {};
  },
  CreateTrigStmt: ({relation}, state) => ({locks: lockOn(relation, 'SHARE ROW EXCLUSIVE', state)}),
  RuleStmt: ({relation}, state) => ({locks: lockOn(relation, 'ACCESS EXCLUSIVE', state, {recurses: false})}),
  CreatePolicyStmt: ({table}, state) => ({
    locks: lockOn(table, 'ACCESS EXCLUSIVE', state, {recurses: false}),
  }),
  AlterPolicyStmt: ({table}, state) => ({
    locks: lockOn(table, 'ACCESS EXCLUSIVE', state, {recurses: false}),
  }),
  CreateStatsStmt: ({relations: nodes}, state) => lockEach(nodes, 'SHARE UPDATE EXCLUSIVE', state, false),
  TruncateStmt: ({relations: nodes, behavior}, state) => {
    const {locks} = lockEach(nodes, 'ACCESS EXCLUSIVE', state);
    const seen = new Set(locks.map(({relation}) => relation.label));
    // TRUNCATE CASCADE follows foreign keys from table to table. The list grows while it is read.
    if (behavior === 'DROP_CASCADE')
      for (const {relation} of locks)
        for (const other of referencingOf(relation, state))
          if (!seen.has(other.relation.label)) {
            seen.add(other.relation.label);
            locks.push(...lockRelation(other.relation, 'ACCESS EXCLUSIVE', state));
          }
    return {locks};
  },
  ClusterStmt: ({relation}, state) =>
    relation === undefined
      ? unknownEffect('CLUSTER rewrites every table that was clustered before', false)
      : {
          locks: lockOn(relation, 'ACCESS EXCLUSIVE', state),
          work: 'rewrite',
          worked: [state.find(nameOf(relation))],
        },
  CommentStmt: ({objtype = '', object}, state) => {
    const names = stringsOf(object);
    const isPart = objtype === 'OBJECT_COLUMN';
    if (!isPart && !relations.has(objtype) && objtype !== 'OBJECT_INDEX') return {};
    const relation = state.find(nameOfList(isPart ? names.slice(0, -1) : names));
    return {locks: lockRelation(relation, 'SHARE UPDATE EXCLUSIVE', null)};
  },
  AlterSeqStmt: ({sequence}, state) => ({locks: lockOn(sequence, 'SHARE ROW EXCLUSIVE', state)}),
  AlterDomainStmt: ({subtype = '', typeName, def}, state) => {
    if (subtype === 'C' || subtype === 'O') state.constrainDomain(stringsOf(typeName).at(-1) ?? '');
    const skips = def !== undefined && 'Constraint' in def && def.Constraint.skip_validation === true;
    if (!['C', 'O', 'V'].includes(subtype) || skips) return {};
    return unknownEffect(`reads every table with a column of ${stringsOf(typeName).join('.')}, under SHARE`);
  },
  CreateDomainStmt: ({domainname, typeName, constraints = []}, state) => {
    const name = stringsOf(domainname).at(-1) ?? '';
    if (constraints.length > 0 || state.isConstrainedDomain(stringsOf(typeName?.names).at(-1) ?? ''))
      state.constrainDomain(name);
    else if (isKnownType(typeName, state)) state.makeType(name);
    return {};
  },
  CreateEnumStmt: ({typeName}, state) => makeType(typeName, state),
  CreateRangeStmt: ({typeName}, state) => makeType(typeName, state),
  CompositeTypeStmt: ({typevar}, state) => {
    state.makeType(typevar?.relname ?? '');
    return {};
  },
  VariableSetStmt: ({kind, name = '', args = [], is_local = false}, state) => {
    if (name.toLowerCase() !== 'search_path' && kind !== 'VAR_RESET_ALL') return {};
    const values = args.flatMap(arg => ('A_Const' in arg ? (arg.A_Const.sval?.sval ?? []) : []));
    const schemas = values.filter(each => each !== '$user' && each !== '');
    state.setSearchPath(kind === 'VAR_SET_VALUE' ? schemas : null, is_local);
    return {};
  },
  AlterEnumStmt: () => ({notes: ['the new value cannot be used before the transaction ends']}),
  LockStmt: ({relations: nodes, mode = 8}, state) =>
    lockEach(nodes, lockModes[mode - 1] ?? 'ACCESS EXCLUSIVE', state),
  InsertStmt: (InsertStmt, state) => dataEffect({InsertStmt}, state),
  UpdateStmt: (UpdateStmt, state) => dataEffect({UpdateStmt}, state),
  DeleteStmt: (DeleteStmt, state) => dataEffect({DeleteStmt}, state),
  MergeStmt: (MergeStmt, state) => dataEffect({MergeStmt}, state),
  ExplainStmt: ({query, options = []}, state) =>
    query !== undefined && stringsOfOptions(options).includes('analyze') ? effectOf(query, state) : {},
  DeclareCursorStmt: (DeclareCursorStmt, state) => dataEffect({DeclareCursorStmt}, state),
  FetchStmt: () => ({work: 'scan'}),
  CopyStmt: (statement, state) =>
    statement.is_from
      ? {locks: lockOn(statement.relation, 'ROW EXCLUSIVE', state, {recurses: false}), work: 'copy'}
      : dataEffect({CopyStmt: statement}, state),
  SelectStmt: (statement, state) => {
    const {lockingClause, fromClause, intoClause} = statement;
    const effect = dataEffect({SelectStmt: statement}, state);
    if (intoClause?.rel !== undefined) state.create(nameOf(intoClause.rel));
    if (lockingClause === undefined) return effect;
    return {...effect, locks: [...lockEach(fromClause, 'ROW SHARE', state).locks, ...(effect.locks ?? [])]};
  },
  CreatePublicationStmt: ({pubobjects}, state) => publish(pubobjects, state),
  AlterPublicationStmt: ({pubobjects}, state) => publish(pubobjects, state),
  CreateForeignTableStmt: ({base}, state) => {
    if (base?.relation !== undefined) state.create(nameOf(base.relation));
    return {};
  },
  CreateSeqStmt: ({sequence, if_not_exists}, state) => {
    if (sequence !== undefined && isCreated(nameOf(sequence), if_not_exists, state))
      state.create(nameOf(sequence));
    return {};
  },
  CreateFunctionStmt: ({funcname, options = []}, state) => {
    const volatility = options.flatMap(each =>
      'DefElem' in each && each.DefElem.defname === 'volatility' && each.DefElem.arg !== undefined
        ? stringsOf(each.DefElem.arg)
        : [],
    );
    const isSteady = volatility.some(each => each === 'stable' || each === 'immutable');
    state.makeFunction(stringsOf(funcname).at(-1) ?? '', !isSteady);
    return {};
  },
  DoStmt: () => unknownEffect('runs code that poolctl cannot read'),
  CallStmt: () => unknownEffect('calls a procedure that poolctl cannot read'),
  ExecuteStmt: () => unknownEffect('executes a prepared statement that poolctl cannot read'),
};

function makeType(name: Node[] | undefined, state: SchemaState): Partial<Effect> {
  state.makeType(stringsOf(name).at(-1) ?? '');
  return {};
}

/** Statements that lock no relation, or only those that they make. */
const harmless =
  /^(?:Transaction|VariableShow|Create(?:Schema|Extension|Cast|Role|OpClass|OpFamily|Conversion|Transform|PLang|EventTrig|Fdw|ForeignServer|UserMapping|Am)|Alter(?:Extension(?:Contents)?|Function|Role(?:Set)?|Database(?:Set|RefreshColl)?|DefaultPrivileges|Owner|Type|Stats|Operator|OpFamily|Collation|EventTrig|ObjectDepends|TSDictionary|TSConfiguration|Fdw|ForeignServer|UserMapping)|Define|Drop(?:Role|UserMapping)|Grant(?:Role)?|Notify|Listen|Unlisten|Prepare|Deallocate|Discard|ConstraintsSet|CheckPoint|Load|ClosePortal)Stmt$/;

/** Statements that name no relation, and run only by themselves. */
const alone =
  /^(?:Createdb|Dropdb|AlterSystem|(?:Create|Drop)TableSpace|(?:Create|Drop|Alter)Subscription)Stmt$/;

/** What a statement does; `state` then has it, too. */
export function effectOf(node: Node, state: SchemaState): Effect {
  const [kind, statement] = Object.entries(node)[0] ?? ['', {}];
  const read = kinds[kind as Kind] as
    | ((statement: unknown, state: SchemaState) => Partial<Effect>)
    | undefined;
  if (read !== undefined) return {...noEffect, ...read(statement, state)};
  if (harmless.test(kind)) return noEffect;
  if (alone.test(kind)) return {...noEffect, in_transaction: false};
  return {...noEffect, ...unknownEffect(`poolctl does not know what ${kind.replace(/Stmt$/, '')} locks`)};
}

const relations = new Set<string>([
  'OBJECT_TABLE',
  'OBJECT_VIEW',
  'OBJECT_MATVIEW',
  'OBJECT_SEQUENCE',
  'OBJECT_FOREIGN_TABLE',
]);

function unknownEffect(note: string, in_transaction = true): Partial<Effect> {
  return {work: 'unknown', is_opaque: true, notes: [note], in_transaction};
}

function lockEach(nodes: Node[] | undefined, mode: LockMode, state: SchemaState, recurses?: boolean) {
  const ranges = (nodes ?? []).flatMap(node => ('RangeVar' in node ? node.RangeVar : []));
  return {
    locks: ranges.flatMap(range => lockOn(range, mode, state, recurses === undefined ? {} : {recurses})),
  };
}

function publish(nodes: Node[] | undefined, state: SchemaState): Partial<Effect> {
  const ranges = (nodes ?? []).flatMap(node =>
    'PublicationObjSpec' in node ? (node.PublicationObjSpec.pubtable?.relation ?? []) : [],
  );
  return {locks: ranges.flatMap(range => lockOn(range, 'SHARE UPDATE EXCLUSIVE', state))};
}
