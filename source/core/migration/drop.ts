import type {DropStmt} from 'libpg-query';
import type {LockMode} from '../../model/preflight.ts';
import {defaultOf} from './alter-table.ts';
import {type Effect, type Lock, lockRelation} from './effect.ts';
import {referencingOf} from './foreign-keys.ts';
import {nameOfList, type Relation, type SchemaState, stringsOf} from './schema-state.ts';

const exclusive = 'ACCESS EXCLUSIVE';

export function dropObjects(statement: DropStmt, state: SchemaState): Partial<Effect> {
  const {objects = [], removeType = '', behavior, concurrent = false} = statement;
  const cascades = behavior === 'DROP_CASCADE';
  const names = objects.map(node => stringsOf(node));
  const relations = () => names.map(each => state.find(nameOfList(each)));
  switch (removeType) {
    case 'OBJECT_TABLE':
    case 'OBJECT_FOREIGN_TABLE':
      return {
        locks: relations().flatMap(relation => tableLocks(relation, cascades, state)),
        notes: names.map(each => `the running application may still use ${each.at(-1)}`),
        remedies: [{kind: 'contract'}],
      };
    case 'OBJECT_INDEX': {
      const mode = concurrent ? 'SHARE UPDATE EXCLUSIVE' : exclusive;
      const locks = relations().flatMap(relation => indexLocks(relation, mode, state));
      return concurrent
        ? {locks, in_transaction: false, waits_for_snapshots: true}
        : {locks, remedies: [{kind: 'concurrently'}]};
    }
    case 'OBJECT_VIEW':
    case 'OBJECT_MATVIEW':
    case 'OBJECT_SEQUENCE':
      return {
        locks: relations().flatMap(relation => [
          ...lockRelation(relation, exclusive, null),
          ...(cascades ? viewsOf(relation, state) : []),
        ]),
      };
    case 'OBJECT_STATISTIC_EXT':
      return {locks: names.flatMap(each => statisticsLocks(each, state))};
    case 'OBJECT_TRIGGER':
    case 'OBJECT_RULE':
    case 'OBJECT_POLICY': {
      const tables = names.map(each => state.find(nameOfList(each.slice(0, -1))));
      const within = removeType === 'OBJECT_TRIGGER' ? state : null;
      return {locks: tables.flatMap(table => lockRelation(table, exclusive, within))};
    }
    case 'OBJECT_SCHEMA':
      return {locks: cascades ? names.flatMap(([schema]) => schemaLocks(schema ?? '', state)) : []};
    default:
      return cascades
        ? {work: 'unknown', notes: ['CASCADE drops what depends on it, which poolctl does not know']}
        : {};
  }
}

/** A dropped foreign key also drops the triggers on the table it refers to. */
function tableLocks(relation: Relation, cascades: boolean, state: SchemaState): Lock[] {
  const dropped = lockRelation(relation, exclusive, state);
  const oids = new Set(dropped.flatMap(lock => lock.relation.found?.oid ?? []));
  const referenced = (state.target?.foreign_keys ?? [])
    .filter(({table_oid, is_inherited}) => oids.has(table_oid) && !is_inherited)
    .flatMap(({references_oid}) => state.byOid(references_oid) ?? []);
  const parents = (relation.found?.parents ?? []).flatMap(oid => state.byOid(oid) ?? []);
  return [
    ...dropped,
    ...referenced.map((each): Lock => ({relation: each, mode: exclusive})),
    ...(cascades
      ? dropped.flatMap(({relation: each}) => [...referencingOf(each, state), ...viewsOf(each, state)])
      : []),
    ...parents
      .filter(({found}) => found?.kind === 'p')
      .flatMap(parent => [{relation: parent, mode: exclusive} as Lock, ...defaultOf(parent, state)]),
  ];
}

/** Views that read a relation, and those that read them. */
function viewsOf({found}: Relation, state: SchemaState): Lock[] {
  return (state.target?.relations ?? [])
    .filter(({reads}) => found !== null && reads.includes(found.oid))
    .flatMap(({oid}) => state.byOid(oid) ?? [])
    .flatMap(view => [...lockRelation(view, exclusive, null), ...viewsOf(view, state)]);
}

function statisticsLocks(names: readonly string[], {target, byOid}: SchemaState): Lock[] {
  const own = (target?.statistics ?? []).filter(({name}) => name === names.at(-1));
  return own.flatMap(({table_oid}) => {
    const relation = byOid(table_oid);
    return relation === null ? [] : lockRelation(relation, 'SHARE UPDATE EXCLUSIVE', null);
  });
}

/** Of an index that only the server knows, the table is not known either. */
export function indexLocks(index: Relation, mode: LockMode, state: SchemaState): Lock[] {
  const {table_oid} = index.found ?? {};
  const known = table_oid == null ? null : state.byOid(table_oid);
  const table = known ?? {label: `table of ${index.label}`, found: null, is_new: index.is_new};
  return [...lockRelation(table, mode, state), ...lockRelation(index, mode, state)];
}

function schemaLocks(schema: string, {target, find}: SchemaState): Lock[] {
  return (target?.relations ?? [])
    .filter(each => each.schema === schema)
    .map(({name}) => ({relation: find({schema, name}), mode: exclusive}));
}
