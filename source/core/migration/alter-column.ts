import type {Constraint, Node, TypeName} from 'libpg-query';
import {isKnownType, isPlainUsing, isSerial, requiresRewrite, typeText, volatilityOf} from './column-type.ts';
import {addConstraint, both} from './constraint.ts';
import {heaviest, type Part, type Work} from './effect.ts';
import {referencedBy, referencingOf} from './foreign-keys.ts';
import {type Relation, type SchemaState, stringsOf} from './schema-state.ts';

const mode = 'ACCESS EXCLUSIVE';

/** A constant default is kept in the catalog (PostgreSQL 11); a volatile one is written to every row. */
export function addColumn(def: Node | undefined, relation: Relation, state: SchemaState): Part {
  if (def === undefined || !('ColumnDef' in def)) return {mode};
  const {colname: column = '', typeName, constraints = []} = def.ColumnDef;
  const all = constraints.flatMap(node => ('Constraint' in node ? node.Constraint : []));
  const of = (contype: Constraint['contype']) => all.find(each => each.contype === contype);
  const value = of('CONSTR_DEFAULT')?.raw_expr;
  const generated = of('CONSTR_GENERATED');
  const isCounted = isSerial(typeName) || of('CONSTR_IDENTITY') !== undefined;
  const hasValue = isCounted || (value !== undefined && !isNull(value));
  if (isCounted) state.createFor(relation, `${column}_seq`);
  const isNotNull = of('CONSTR_NOTNULL') !== undefined || of('CONSTR_PRIMARY') !== undefined;
  const isEmptyNotNull = isNotNull && !hasValue && generated === undefined;
  const isVirtual = generated?.generated_kind === 'v';
  const isType = isKnownType(typeName, state);
  const computed =
    isCounted || (generated !== undefined && !isVirtual) || isConstrained(typeName, state)
      ? 'rewrite'
      : heaviest([volatility(value, state), isType ? 'none' : 'unknown']);
  const parts = all.flatMap(each => {
    if (!validated.has(each.contype ?? '')) return [];
    const isKey = each.contype === 'CONSTR_PRIMARY' || each.contype === 'CONSTR_UNIQUE';
    const keys = isKey ? {keys: [{String: {sval: column}}]} : {};
    const part = addConstraint({...each, ...keys}, relation, state);
    // Without a value there is nothing to look up.
    return each.contype === 'CONSTR_FOREIGN' && !hasValue ? {...part, work: 'none' as const} : part;
  });
  const isRead = isEmptyNotNull || (isVirtual && isNotNull);
  const failure = `column ${column} is NOT NULL without a default, which fails if the table has rows`;
  // reltuples is -1, up to PostgreSQL 13 0, before the first ANALYZE.
  const hasRows = [relation, ...state.descendants(relation)].some(
    ({found}) =>
      found !== null && found.kind !== 'p' && (found.estimated_rows !== 0 || found.size_bytes !== 0),
  );
  return {
    mode,
    locks: parts.flatMap(part => part.locks ?? []),
    work: heaviest([computed, ...parts.map(part => part.work ?? 'none'), isRead ? 'scan' : 'none']),
    notes: [
      ...(isEmptyNotNull && !hasRows ? [failure] : []),
      ...(isType
        ? []
        : [
            `${typeText(typeName as TypeName)} is not made here: a domain with a constraint rewrites the table`,
          ]),
    ],
    failures: isEmptyNotNull && hasRows ? [failure] : [],
    ...(computed !== 'none' &&
      isType &&
      generated === undefined &&
      typeName !== undefined && {
        remedy: {kind: 'volatile-default' as const, column, type: typeText(typeName)},
      }),
  };
}

/** Constraints of a column that are checked when it is added. */
const validated = new Set(['CONSTR_CHECK', 'CONSTR_UNIQUE', 'CONSTR_PRIMARY', 'CONSTR_FOREIGN']);

function isNull(value: Node): boolean {
  return 'A_Const' in value && value.A_Const.isnull === true;
}

function isConstrained(type: TypeName | undefined, state: SchemaState): boolean {
  return state.isConstrainedDomain(stringsOf(type?.names).at(-1) ?? '');
}

function volatility(value: Node | undefined, state: SchemaState): Work {
  const found = volatilityOf(value, state);
  return found === 'volatile' ? 'rewrite' : found === 'unknown' ? 'unknown' : 'none';
}

export function alterType(
  column: string,
  def: Node | undefined,
  relation: Relation,
  state: SchemaState,
): Part {
  if (def === undefined || !('ColumnDef' in def) || def.ColumnDef.typeName === undefined) return {mode};
  const {typeName, raw_default, collClause} = def.ColumnDef;
  const type = typeText(typeName);
  // CHECK constraints of the column are made again, and so validated.
  const isChecked = relation.found?.constraints.some(
    ({kind, columns}) => kind === 'c' && columns.includes(column),
  );
  const from = relation.found?.columns.find(({name}) => name === column)?.type;
  const work: Work = !isPlainUsing(raw_default, column, typeName)
    ? 'rewrite'
    : from === undefined
      ? state.target === null
        ? 'unknown'
        : 'rewrite'
      : requiresRewrite(from, type)
        ? 'rewrite'
        : isChecked ||
            ((collClause !== undefined || /^citext\b/.test(from)) && isIndexed(column, relation, state))
          ? 'scan'
          : 'none';
  const notes = from !== undefined && work !== 'rewrite' ? [`${from} to ${type} needs no rewrite`] : [];
  // Its foreign keys are made again, from it and to it, and checked if the type is another.
  const others = [
    ...referencedBy(column, relation, state).flatMap(each => both(each, mode)),
    ...referencingOf(relation, state, column),
  ];
  const worked = work === 'none' ? [] : others.map(lock => lock.relation);
  return {
    mode,
    locks: others,
    work,
    worked,
    notes,
    ...(work !== 'none' && {remedy: {kind: 'new-column' as const, column, type}}),
  };
}

/** Another collation or operator class: the column's indexes are built again. */
function isIndexed(column: string, {found}: Relation, {target}: SchemaState): boolean {
  const own = new Set(found?.columns.map(({name}) => name));
  const indexes = (target?.relations ?? []).filter(
    ({table_oid}) => table_oid !== null && table_oid === found?.oid,
  );
  // An index on an expression has columns of its own.
  return indexes.some(({columns}) => columns.some(({name}) => name === column || !own.has(name)));
}
