import type {Constraint, Node} from 'libpg-query';
import {isPlainUsing, isSerial, requiresRewrite, typeText, volatilityOf} from './column-type.ts';
import {addConstraint} from './constraint.ts';
import {heaviest, type Part, type Remedy, type Work} from './effect.ts';
import {type Relation, type SchemaState, stringsOf} from './schema-state.ts';

const mode = 'ACCESS EXCLUSIVE';

/** A constant default is kept in the catalog (PostgreSQL 11); a volatile one is written to every row. */
export function addColumn(def: Node | undefined, relation: Relation, state: SchemaState): Part {
  if (def === undefined || !('ColumnDef' in def)) return {mode};
  const {colname: column = '', typeName, constraints = []} = def.ColumnDef;
  const type = typeName === undefined ? '' : typeText(typeName);
  const all = constraints.flatMap(node => ('Constraint' in node ? node.Constraint : []));
  const of = (contype: Constraint['contype']) => all.find(each => each.contype === contype);
  const value = of('CONSTR_DEFAULT')?.raw_expr;
  const isConstantNull = value !== undefined && 'A_Const' in value && value.A_Const.isnull === true;
  const generated = of('CONSTR_GENERATED');
  const hasValue =
    (value !== undefined && !isConstantNull) || isSerial(typeName) || of('CONSTR_IDENTITY') !== undefined;
  const isConstrained = state.target?.constrained_domains.includes(stringsOf(typeName?.names).at(-1) ?? '');
  const computed = isConstrained
    ? 'rewrite'
    : computedWork({value, isSerial: isSerial(typeName), all, state});
  const unnamed: Constraint = {contype: 'CONSTR_CHECK'};
  const others = all
    .filter(({contype}) => others_kinds.has(contype ?? ''))
    .map(each => addConstraint({...unnamed, ...each, ...keysOf(each, column)}, relation, state));
  // Without a value there is nothing to validate, and a NOT NULL column fails if there is a row.
  const isNotNull = of('CONSTR_NOTNULL') !== undefined || of('CONSTR_PRIMARY') !== undefined;
  const isEmptyNotNull = isNotNull && !hasValue && generated === undefined;
  const foreign = of('CONSTR_FOREIGN') !== undefined;
  const checked: Work[] = others.map((part, index) =>
    foreign && !hasValue && kindsOf(all)[index] === 'CONSTR_FOREIGN' ? 'none' : (part.work ?? 'none'),
  );
  const isVirtual = generated?.generated_kind === 'v';
  const remedy = remedyFor(computed, {column, type, isGenerated: generated !== undefined});
  return {
    mode,
    locks: others.flatMap(part => part.locks ?? []),
    work: heaviest([computed, ...checked, isEmptyNotNull || (isVirtual && isNotNull) ? 'scan' : 'none']),
    notes: isEmptyNotNull
      ? [`column ${column} is NOT NULL without a default: fails if the table has rows`]
      : [],
    ...(remedy !== null && {remedy}),
  };
}

const others_kinds = new Set(['CONSTR_CHECK', 'CONSTR_UNIQUE', 'CONSTR_PRIMARY', 'CONSTR_FOREIGN']);

function kindsOf(all: readonly Constraint[]) {
  return all.flatMap(({contype = 'CONSTR_NULL'}) => (others_kinds.has(contype) ? contype : []));
}

function keysOf({contype}: Constraint, column: string) {
  return contype === 'CONSTR_PRIMARY' ? {keys: [{String: {sval: column}}]} : {};
}

type Computed = {
  value: Node | undefined;
  isSerial: boolean;
  all: readonly Constraint[];
  state: SchemaState;
};

function computedWork({value, isSerial: isFromSequence, all, state}: Computed): Work {
  const isComputed = all.some(
    ({contype, generated_kind}) =>
      contype === 'CONSTR_IDENTITY' || (contype === 'CONSTR_GENERATED' && generated_kind !== 'v'),
  );
  if (isComputed || isFromSequence) return 'rewrite';
  const volatility = volatilityOf(value, state.target?.volatile_functions ?? null);
  return volatility === 'volatile' ? 'rewrite' : volatility === 'unknown' ? 'unknown' : 'none';
}

function remedyFor(
  computed: Work,
  {column, type, isGenerated}: {column: string; type: string; isGenerated: boolean},
): Remedy | null {
  if (computed === 'none' || isGenerated) return null;
  return {kind: 'volatile-default', column, type};
}

export function alterType(
  column: string,
  def: Node | undefined,
  relation: Relation,
  {target}: SchemaState,
): Part {
  if (def === undefined || !('ColumnDef' in def) || def.ColumnDef.typeName === undefined) return {mode};
  const {typeName, raw_default} = def.ColumnDef;
  const type = typeText(typeName);
  // CHECK constraints of the column are made again, and so validated.
  const isChecked = relation.found?.constraints.some(
    ({kind, columns}) => kind === 'c' && columns.includes(column),
  );
  const from = relation.found?.columns.find(({name}) => name === column)?.type;
  const work: Work = !isPlainUsing(raw_default, column, typeName)
    ? 'rewrite'
    : from === undefined
      ? target === null
        ? 'unknown'
        : 'rewrite'
      : requiresRewrite(from, type)
        ? 'rewrite'
        : isChecked
          ? 'scan'
          : 'none';
  const notes = from !== undefined && work !== 'rewrite' ? [`${from} to ${type} needs no rewrite`] : [];
  return {mode, work, notes, ...(work !== 'none' && {remedy: {kind: 'new-column' as const, column, type}})};
}
