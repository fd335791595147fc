import type {RangeVar} from 'libpg-query';
import type {LockMode} from '../../model/preflight.ts';
import {lockModes} from './lock-mode.ts';
import {nameOf, type Relation, type SchemaState} from './schema-state.ts';

/** `copy`: writes what it reads. `rows`: locks many rows until the transaction ends. `unknown`: it depends on what only the server knows. */
export type Work = 'none' | 'scan' | 'copy' | 'rows' | 'rewrite' | 'unknown';

const works: readonly Work[] = ['none', 'scan', 'copy', 'rows', 'unknown', 'rewrite'];

export function heaviest(all: readonly Work[]): Work {
  return works[Math.max(0, ...all.map(work => works.indexOf(work)))] ?? 'none';
}

/** `only_read`: no other session writes the relation. */
export type Lock = {relation: Relation; mode: LockMode; only_read?: boolean};

/** What a better form of the statement is made of; `safe-form.ts` writes it as SQL. */
export type Remedy =
  | {kind: 'concurrently' | 'validate-later' | 'unique-index' | 'batches' | 'attach' | 'contract'}
  | {kind: 'not-null'; column: string}
  | {kind: 'volatile-default' | 'new-column'; column: string; type: string};

/** What one statement does to the relations it names. */
export type Effect = {
  locks: Lock[];
  work: Work;
  /** The relations that are read or written whole. */
  worked: Relation[];
  /** It runs code, or does what poolctl does not know: unsafe beside whatever locks. */
  is_opaque: boolean;
  in_transaction: boolean;
  /** CONCURRENTLY: it also waits for old snapshots. */
  waits_for_snapshots: boolean;
  notes: string[];
  /** Why the server would refuse it. */
  failures: string[];
  remedies: Remedy[];
};

export const noEffect: Effect = {
  locks: [],
  work: 'none',
  worked: [],
  is_opaque: false,
  in_transaction: true,
  waits_for_snapshots: false,
  notes: [],
  failures: [],
  remedies: [],
};

/** A lock on the relation that a statement names, and by default on its partitions and children. */
export function lockOn(
  range: RangeVar | undefined,
  mode: LockMode,
  state: SchemaState,
  {recurses = range?.inh ?? false}: {recurses?: boolean} = {},
): Lock[] {
  if (range === undefined || range.relpersistence === 't') return [];
  return lockRelation(state.find(nameOf(range)), mode, recurses ? state : null);
}

/** With a state: on its partitions and children, too. */
export function lockRelation(relation: Relation, mode: LockMode, state: SchemaState | null): Lock[] {
  return [relation, ...(state?.descendants(relation) ?? [])].map(each => ({relation: each, mode}));
}

/** One lock for each relation, the strongest; none for those that this migration makes. */
export function mergeLocks(locks: readonly Lock[]): Lock[] {
  const merged = new Map<string, Lock>();
  for (const lock of locks) {
    const {label, is_new} = lock.relation;
    const before = merged.get(label);
    const isStronger = before === undefined || lockModes.indexOf(lock.mode) > lockModes.indexOf(before.mode);
    if (!is_new && isStronger) merged.set(label, lock);
  }
  return [...merged.values()];
}

/** One subcommand of ALTER TABLE: the lock on its table, those on others, and what it does to the table. */
export type Part = {
  mode: LockMode;
  locks?: Lock[];
  work?: Work;
  /** Tables that are read or written beside its own. */
  worked?: Relation[];
  notes?: string[];
  /** Why it fails. */
  failures?: string[];
  remedy?: Remedy;
  in_transaction?: boolean;
};
