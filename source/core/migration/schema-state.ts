import type {Node, RangeVar} from 'libpg-query';
import type {MigrationTarget, TargetRelation} from '../../model/preflight.ts';

export type Name = {schema: string | null; name: string};

/** A relation that a statement names; `found` is null without a server, or if it is not there. */
export type Relation = {
  /** `public.orders` where the schema is known, else as written. */
  label: string;
  found: TargetRelation | null;
  /** This migration makes it: no other session knows it yet. */
  is_new: boolean;
};

type StatedConstraint = {
  references: Relation | null;
  not_null_column: string | null;
  is_valid: boolean;
};

/** What a migration's statements have changed so far, over what the server has. */
export type SchemaState = {
  target: MigrationTarget | null;
  find(name: Name): Relation;
  byOid(oid: string): Relation | null;
  /** Partitions and children, at any depth. */
  descendants(relation: Relation): Relation[];
  /** With the columns of an index. */
  create(name: Name, columns?: string[]): void;
  /** An index or a sequence that comes with a relation: `createFor(orders, 'id_seq')`. */
  createFor(relation: Relation, ending: string): void;
  /** Null if the index is not known. */
  indexColumns(name: Name): string[] | null;
  rename(relation: Relation, to: Name): void;
  addConstraint(relation: Relation, name: string | null, constraint: StatedConstraint): void;
  constraint(relation: Relation, name: string): StatedConstraint | null;
  validate(relation: Relation, name: string): void;
  makeFunction(name: string, isVolatile: boolean): void;
  /** Whether a function of the migration is VOLATILE; null if it makes none of this name. */
  madeFunction(name: string): boolean | null;
  /** A type that is no domain, or a domain without a constraint. */
  makeType(name: string): void;
  /** A domain with a CHECK or NOT NULL. */
  constrainDomain(name: string): void;
  madeType(name: string): boolean;
  isConstrainedDomain(name: string): boolean;
  /** Null: that of the session. */
  setSearchPath(schemas: string[] | null, isLocal: boolean): void;
  endTransaction(): void;
  /** Whether a constraint proves that the column holds no null, so that SET NOT NULL need not read the table. */
  isProvenNotNull(relation: Relation, column: string): boolean;
};

export function createSchemaState(target: MigrationTarget | null): SchemaState {
  const made = new Map<string, string[]>();
  const renamed = new Map<string, Relation>();
  const constraints = new Map<string, Map<string, StatedConstraint>>();
  const relations = target?.relations ?? [];
  const byOid = new Map(relations.map(each => [each.oid, each]));
  const byLabel = new Map(relations.map(each => [labelOf(each), each]));
  const known = (found: TargetRelation): Relation => ({label: labelOf(found), found, is_new: false});
  const statedOf = ({label}: Relation) => constraints.get(label) ?? new Map<string, StatedConstraint>();

  const initialPath = target?.search_path ?? ['public'];
  let path = initialPath;
  let isLocalPath = false;
  const find = ({schema, name}: Name): Relation => {
    const schemas = schema === null ? path : [schema];
    for (const each of schemas) {
      const label = `${each}.${name}`;
      const relation = renamed.get(label);
      if (relation !== undefined) return relation;
      if (made.has(label)) return {label, found: null, is_new: true};
      const found = byLabel.get(label);
      if (found !== undefined) return known(found);
    }
    const first = schemas[0] ?? 'public';
    return {
      label: target === null && schema === null ? name : `${first}.${name}`,
      found: null,
      is_new: false,
    };
  };
  const functions = new Map<string, boolean>();
  const domains = new Set(target?.constrained_domains);
  const types = new Set<string>();
  return {
    target,
    find,
    makeFunction: (name, isVolatile) => void functions.set(name, isVolatile),
    madeFunction: name => functions.get(name) ?? null,
    makeType: name => void types.add(name),
    madeType: name => types.has(name),
    constrainDomain: name => void domains.add(name),
    isConstrainedDomain: name => domains.has(name),
    setSearchPath: (schemas, isLocal) => {
      path = schemas ?? initialPath;
      isLocalPath = isLocal;
    },
    endTransaction: () => {
      if (isLocalPath) path = initialPath;
    },
    byOid: oid => {
      const found = byOid.get(oid);
      return found === undefined ? null : known(found);
    },
    descendants: relation => {
      const below = (oid: string): TargetRelation[] =>
        relations.filter(({parents}) => parents.includes(oid)).flatMap(each => [each, ...below(each.oid)]);
      return relation.found === null ? [] : below(relation.found.oid).map(known);
    },
    create: ({schema, name}, columns = []) => {
      made.set(`${schema ?? path[0] ?? 'public'}.${name}`, columns);
    },
    createFor: ({label}, ending) => {
      made.set(`${label.includes('.') ? label : `public.${label}`}_${ending}`, []);
    },
    indexColumns: name => {
      const {label, found} = find(name);
      return made.get(label) ?? found?.columns.map(each => each.name) ?? null;
    },
    rename: (relation, {schema, name}) => {
      const own = relation.found?.schema ?? /^(.*)\./.exec(relation.label)?.[1] ?? 'public';
      renamed.set(`${schema ?? own}.${name}`, relation);
    },
    addConstraint: (relation, name, constraint) => {
      const own = statedOf(relation);
      own.set(name ?? `unnamed ${own.size}`, constraint);
      constraints.set(relation.label, own);
    },
    constraint: (relation, name) => {
      const stated = statedOf(relation).get(name);
      if (stated !== undefined) return stated;
      const own = relation.found?.constraints.find(each => each.name === name);
      if (own === undefined) return null;
      const key = target?.foreign_keys.find(
        each => each.name === name && each.table_oid === relation.found?.oid,
      );
      const referenced = key === undefined ? undefined : byOid.get(key.references_oid);
      return {
        references: referenced === undefined ? null : known(referenced),
        not_null_column: own.not_null_column,
        is_valid: own.is_valid,
      };
    },
    validate: (relation, name) => {
      const stated = statedOf(relation);
      const own = relation.found?.constraints.find(each => each.name === name);
      const before = stated.get(name) ?? {references: null, not_null_column: own?.not_null_column ?? null};
      constraints.set(relation.label, stated.set(name, {...before, is_valid: true}));
    },
    isProvenNotNull: (relation, column) => {
      const own = relation.found?.columns.find(each => each.name === column);
      const isProof = (each: {not_null_column: string | null; is_valid: boolean}) =>
        each.is_valid && each.not_null_column === column;
      return (
        own?.not_null === true ||
        (relation.found?.constraints.some(isProof) ?? false) ||
        [...statedOf(relation).values()].some(isProof)
      );
    },
  };
}

function labelOf({schema, name}: {schema: string; name: string}): string {
  return `${schema}.${name}`;
}

export function nameOf({schemaname, relname}: RangeVar): Name {
  return {schema: schemaname ?? null, name: relname ?? ''};
}

/** A name written as a list: `a.b`. */
export function nameOfList(parts: readonly string[]): Name {
  return {schema: parts.at(-2) ?? null, name: parts.at(-1) ?? ''};
}

export function stringsOf(node: Node | Node[] | undefined): string[] {
  if (node === undefined) return [];
  if (Array.isArray(node)) return node.flatMap(stringsOf);
  if ('String' in node) return [node.String.sval ?? ''];
  if ('List' in node) return stringsOf(node.List.items ?? []);
  if ('TypeName' in node) return stringsOf(node.TypeName.names ?? []);
  return [];
}

/** Whether CREATE makes it: IF NOT EXISTS does nothing if it is there, which without a server is not known. */
export function isCreated(name: Name, if_not_exists: boolean | undefined, state: SchemaState): boolean {
  return if_not_exists !== true || (state.target !== null && state.find(name).found === null);
}
