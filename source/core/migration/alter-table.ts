import type {AlterTableCmd, AlterTableStmt, Node} from 'libpg-query';
import type {LockMode} from '../../model/preflight.ts';
import {addColumn, alterType} from './alter-column.ts';
import {addConstraint, both, setNotNull, validate} from './constraint.ts';
import {type Effect, heaviest, type Lock, lockOn, lockRelation, noEffect, type Part} from './effect.ts';
import {referencedBy, referencingOf} from './foreign-keys.ts';
import {strongest} from './lock-mode.ts';
import {nameOf, type Relation, type SchemaState} from './schema-state.ts';

const [exclusive, share_row, share_update] = [
  'ACCESS EXCLUSIVE',
  'SHARE ROW EXCLUSIVE',
  'SHARE UPDATE EXCLUSIVE',
] as const satisfies LockMode[];

/** Subcommands that need not ACCESS EXCLUSIVE (AlterTableGetLockLevel in tablecmds.c), which every other takes. */
const weaker: Partial<Record<string, LockMode>> = {
  AT_EnableTrig: share_row,
  AT_EnableAlwaysTrig: share_row,
  AT_EnableReplicaTrig: share_row,
  AT_EnableTrigAll: share_row,
  AT_EnableTrigUser: share_row,
  AT_DisableTrig: share_row,
  AT_DisableTrigAll: share_row,
  AT_DisableTrigUser: share_row,
  AT_SetStatistics: share_update,
  AT_ClusterOn: share_update,
  AT_DropCluster: share_update,
  AT_SetOptions: share_update,
  AT_ResetOptions: share_update,
  AT_DetachPartitionFinalize: share_update,
};

const rewriting = new Set([
  'AT_SetAccessMethod',
  'AT_SetTableSpace',
  'AT_SetLogged',
  'AT_SetUnLogged',
  'AT_SetExpression',
]);

/** Storage parameters whose change needs ACCESS EXCLUSIVE (reloptions.c); every other takes SHARE UPDATE EXCLUSIVE. */
const exclusiveOptions = new Set([
  'user_catalog_table',
  'security_barrier',
  'security_invoker',
  'check_option',
  'fastupdate',
  'buffering',
  'autosummarize',
  'pages_per_range',
  'gin_pending_list_limit',
]);

export function alterTable(statement: AlterTableStmt, state: SchemaState): Effect {
  const {relation: range, objtype = 'OBJECT_TABLE'} = statement;
  // A composite type's own row in pg_class has no rows; tables that use it are locked, which only the server knows.
  if (range === undefined || objtype === 'OBJECT_TYPE') return noEffect;
  const relation = state.find(nameOf(range));
  const parts = commandsOf(statement).map(command => partOf(command, relation, state));
  const mode = strongest([share_update, ...parts.map(part => part.mode)]);
  const work = heaviest(parts.map(part => part.work ?? 'none'));
  // Parameters and partitions are the parent's own.
  const recurses = range.inh === true && commandsOf(statement).some(({subtype}) => !own.has(subtype ?? ''));
  return {
    ...noEffect,
    locks: [...lockOn(range, mode, state, {recurses}), ...parts.flatMap(part => part.locks ?? [])],
    work,
    worked:
      work === 'none'
        ? []
        : [
            relation,
            ...(recurses ? state.descendants(relation) : []),
            ...parts.flatMap(part => part.worked ?? []),
          ],
    in_transaction: parts.every(part => part.in_transaction ?? true),
    waits_for_snapshots: parts.some(part => part.in_transaction === false),
    notes: parts.flatMap(part => part.notes ?? []),
    failures: parts.flatMap(part => part.failures ?? []),
    remedies: parts.flatMap(part => part.remedy ?? []),
  };
}

const own = new Set([
  'AT_AttachPartition',
  'AT_DetachPartition',
  'AT_DetachPartitionFinalize',
  'AT_SetRelOptions',
  'AT_ResetRelOptions',
  'AT_ReplicaIdentity',
  'AT_ChangeOwner',
  'AT_SetLogged',
  'AT_SetUnLogged',
  'AT_SetTableSpace',
  'AT_SetAccessMethod',
  'AT_EnableRowSecurity',
  'AT_DisableRowSecurity',
  'AT_ForceRowSecurity',
  'AT_NoForceRowSecurity',
]);

export function commandsOf({cmds = []}: AlterTableStmt): AlterTableCmd[] {
  return cmds.flatMap(node => ('AlterTableCmd' in node ? node.AlterTableCmd : []));
}

function partOf(command: AlterTableCmd, relation: Relation, state: SchemaState): Part {
  const {subtype = '' as never, name = '', def, behavior} = command;
  switch (subtype) {
    case 'AT_AddColumn':
      return addColumn(def, relation, state);
    case 'AT_AlterColumnType':
      return alterType(name, def, relation, state);
    case 'AT_SetNotNull':
      return setNotNull(name, relation, state);
    case 'AT_AddConstraint':
      return def !== undefined && 'Constraint' in def
        ? addConstraint(def.Constraint, relation, state)
        : {mode: exclusive};
    case 'AT_ValidateConstraint':
      return validate(name, relation, state);
    case 'AT_DropConstraint': {
      const referenced = state.constraint(relation, name)?.references ?? null;
      const referencing = behavior === 'DROP_CASCADE' ? referencingOf(relation, state) : [];
      return {mode: exclusive, locks: [...both(referenced, exclusive), ...referencing]};
    }
    case 'AT_DropColumn':
      return {
        mode: exclusive,
        locks: [
          ...referencedBy(name, relation, state).flatMap(each => both(each, exclusive)),
          ...(behavior === 'DROP_CASCADE' ? referencingOf(relation, state, name) : []),
        ],
        notes: [`the running application may still use column ${name}`],
        remedy: {kind: 'contract'},
      };
    case 'AT_SetRelOptions':
    case 'AT_ResetRelOptions':
      return {mode: optionsOf(def).some(each => exclusiveOptions.has(each)) ? exclusive : share_update};
    case 'AT_AddInherit':
      return {
        mode: exclusive,
        locks:
          def !== undefined && 'RangeVar' in def
            ? lockOn(def.RangeVar, share_update, state, {recurses: false})
            : [],
      };
    case 'AT_AttachPartition':
    case 'AT_DetachPartition':
      return partition(subtype, def, relation, state);
    default:
      return {mode: weaker[subtype] ?? exclusive, work: rewriting.has(subtype) ? 'rewrite' : 'none'};
  }
}

function partition(
  subtype: 'AT_AttachPartition' | 'AT_DetachPartition',
  def: Node | undefined,
  parent: Relation,
  state: SchemaState,
): Part {
  const {name, concurrent = false} = def !== undefined && 'PartitionCmd' in def ? def.PartitionCmd : {};
  const referencing = referencingOf(parent, state);
  const isWeak = subtype === 'AT_DetachPartition' && versionOf(state) < 140_000 && referencing.length === 0;
  const child =
    name === undefined
      ? []
      : lockRelation(state.find(nameOf(name)), isWeak ? share_update : exclusive, state);
  const rest = defaultOf(parent, state);
  if (subtype === 'AT_DetachPartition' && concurrent)
    return {mode: share_update, locks: child, in_transaction: false};
  if (subtype === 'AT_DetachPartition')
    return {
      mode: exclusive,
      locks: [...child, ...rest, ...keysOf(parent, state), ...referencing],
      remedy: {kind: 'concurrently'},
    };
  return {
    mode: share_update,
    locks: [...child, ...rest, ...keysOf(parent, state)],
    work: child.every(({relation}) => relation.is_new) && rest.length === 0 ? 'none' : 'scan',
    notes: ['a valid CHECK constraint that implies the partition bound spares the scan'],
    remedy: {kind: 'attach'},
  };
}

/** The default partition, whose rows are checked against a new one's bound. */
export function defaultOf(parent: Relation, state: SchemaState): Lock[] {
  return state
    .descendants(parent)
    .filter(({found}) => found?.is_default_partition && found.parents.includes(parent.found?.oid ?? ''))
    .map(relation => ({relation, mode: exclusive}));
}

/** A new partition gets its parent's foreign keys, from it and to it, and their triggers. */
export function keysOf(parent: Relation, state: SchemaState): Lock[] {
  const oid = parent.found?.oid;
  const isReferenceLocked = versionOf(state) >= 150_000;
  return (state.target?.foreign_keys ?? []).flatMap(({table_oid, references_oid}) => {
    const other =
      table_oid === oid ? references_oid : references_oid === oid && isReferenceLocked ? table_oid : null;
    return other === null ? [] : both(state.byOid(other), share_row);
  });
}

function versionOf({target}: SchemaState): number {
  return target?.server_version_num ?? Number.POSITIVE_INFINITY;
}

function optionsOf(def: Node | undefined): string[] {
  return stringsOfOptions(def !== undefined && 'List' in def ? (def.List.items ?? []) : []);
}

export function stringsOfOptions(nodes: readonly Node[]): string[] {
  return nodes.flatMap(node => ('DefElem' in node ? (node.DefElem.defname ?? []) : []));
}
