import type {Catalog, Index} from '../../model/catalog.ts';
import type {Skipped} from '../../model/recipe.ts';
import {qualified} from '../recipe/parameters.ts';
import {formatAge, formatCount} from '../text/format.ts';
import {buildOf, describeIndex, lastForeignKeyOf, tableOf, whyNotDroppable} from './index-catalog.ts';
import type {DropReason} from './index-steps.ts';
import {type Redundant, redundantIndexes} from './redundant.ts';

export type Chosen = {index: Index; reason: DropReason};
type Choice = {chosen: Chosen[]; skipped: Skipped[]};

/** Which indexes the user wants dropped; `named` and `table` as in the catalog, empty for all. */
export type DropCriteria = {
  named: string[];
  table: string;
  stats_age_ms: number;
  max_scans: number;
  standby: 'keep' | 'drop';
  redundant: 'exact' | 'all' | 'keep';
  at_most: number;
};

/** The indexes to drop, the largest first, and those that are kept with the reason. */
export function chooseDrops(catalog: Catalog, criteria: DropCriteria): Choice {
  // An index named by the user is always reported, dropped or skipped.
  const candidates = catalog.indexes.filter(
    index => isSelected(index, criteria) && (criteria.named.length > 0 || index.scans <= criteria.max_scans),
  );
  const reason = whyNoneMayBeDropped(catalog, criteria);
  const idle = droppable(
    catalog,
    candidates.filter(({scans}) => scans <= criteria.max_scans),
  );
  const rest = without(catalog, idle);
  const skipped = candidates.flatMap(index => {
    const skipReason = idle.includes(index) ? reason : (reasonToKeep(rest, index) ?? usedOf(index));
    // A primary key is reported as skipped only if the user named it.
    const isReported = criteria.named.length > 0 || whyNotDroppable(index, null) === null;
    return skipReason === null || !isReported ? [] : [protectedIndex(index, skipReason)];
  });
  const unusedNow = reason === null ? idle : [];
  const {dropped, kept} = redundantOf(without(catalog, unusedNow), criteria);
  const chosen = [
    ...unusedNow.map((index): Chosen => ({index, reason: {kind: 'unused', max_scans: criteria.max_scans}})),
    ...dropped.map(({index, served_by}): Chosen => ({index, reason: {kind: 'redundant', served_by}})),
  ].toSorted((a, b) => largestFirst(a.index, b.index));
  const isReported = new Set([
    ...dropped.map(({index}) => subjectOf(index)),
    ...kept.map(({subject}) => subject),
  ]);
  const others = skipped.filter(({subject}) => !isReported.has(subject));
  return {chosen: chosen.slice(0, criteria.at_most), skipped: [...others, ...kept]};
}

/** Indexes that others serve, whatever their scans: those to drop, and used ones that are only reported. */
function redundantOf(catalog: Catalog, criteria: DropCriteria): {dropped: Redundant[]; kept: Skipped[]} {
  const {redundant, max_scans} = criteria;
  if (redundant === 'keep') return {dropped: [], kept: []};
  const find = (among: Catalog, kinds: Redundant['kind'][]) =>
    redundantIndexes(among, kinds).filter(({index}) => isSelected(index, criteria));
  if (redundant === 'all') return {dropped: find(catalog, ['exact', 'prefix']), kept: []};
  const dropped = find(catalog, ['exact']);
  const rest = without(
    catalog,
    dropped.map(({index}) => index),
  );
  const kept = find(rest, ['prefix'])
    .filter(({index}) => index.scans > max_scans)
    .map(({index, served_by}) =>
      protectedIndex(
        index,
        `${served_by.name} begins with its columns and would serve instead: redundant=all`,
      ),
    );
  return {dropped, kept};
}

function isSelected(index: Index, {named, table}: DropCriteria): boolean {
  return (
    (named.length === 0 || named.includes(qualified(index))) &&
    (table === '' || table === `${index.schema}.${index.table}`)
  );
}

/** Why no index may be dropped; null if the counters are reliable. */
export function whyNoneMayBeDropped(
  {stats_age_ms, is_counted, has_standby}: Catalog,
  {stats_age_ms: wanted_ms, standby}: DropCriteria,
) {
  if (!is_counted)
    return 'scans are not counted: track_counts is off. Turn it on, and wait until stats_age has passed';
  if ((stats_age_ms ?? 0) < wanted_ms) {
    const since = stats_age_ms === null ? 'since an unknown time' : `for only ${formatAge(stats_age_ms)}`;
    return `scans have been counted ${since}, less than stats_age`;
  }
  return has_standby && standby === 'keep'
    ? 'a standby replicates from this server and may use the index: check its scans there, then set standby=drop'
    : null;
}

/** Those of `indexes` that may be dropped, the largest first; one of two that cover the same foreign key is kept. */
function droppable(catalog: Catalog, indexes: readonly Index[]): Index[] {
  // Only the other indexes of the same table matter: check them, not thousands on other tables.
  const staying = byTable(catalog.indexes);
  const chosen: Index[] = [];
  for (const index of indexes.toSorted(largestFirst)) {
    const own = staying.get(index.table_oid) ?? new Set();
    if (reasonToKeep({...catalog, indexes: [...own]}, index) !== null) continue;
    own.delete(index);
    chosen.push(index);
  }
  return chosen;
}

function largestFirst(a: Index, b: Index): number {
  return b.size_bytes - a.size_bytes || Number(a.oid) - Number(b.oid);
}

function byTable(indexes: readonly Index[]): Map<string, Set<Index>> {
  const groups = new Map<string, Set<Index>>();
  for (const index of indexes) {
    const group = groups.get(index.table_oid) ?? new Set();
    groups.set(index.table_oid, group.add(index));
  }
  return groups;
}

/** The indexes without a scan that may be dropped, the largest first. */
export function unusedIndexes(catalog: Catalog, least_bytes = 0): Index[] {
  return droppable(
    catalog,
    catalog.indexes.filter(({scans, size_bytes}) => scans === 0 && size_bytes >= least_bytes),
  );
}

function without(catalog: Catalog, gone: readonly Index[]): Catalog {
  const dropped = new Set(gone);
  return {...catalog, indexes: catalog.indexes.filter(index => !dropped.has(index))};
}

function reasonToKeep(catalog: Catalog, index: Index): string | null {
  if (!index.is_valid) return 'it is invalid: use repair-invalid-indexes';
  const key = lastForeignKeyOf(catalog, index);
  if (key !== null) return `no other index covers foreign key ${key.name}`;
  if (buildOf(catalog, index) !== null) return 'it is being built';
  return whyNotDroppable(index, tableOf(catalog, index.table_oid));
}

function usedOf({scans}: Index): string {
  return `it is used: ${formatCount(scans)} ${scans === 1 ? 'scan' : 'scans'}, more than max_scans`;
}

function subjectOf(index: Index): string {
  return `index:${qualified(index)}`;
}

function protectedIndex(index: Index, reason: string): Skipped {
  return {subject: subjectOf(index), description: describeIndex(index), reason};
}
