import {usageError} from '../source/core/errors.ts';
import {thresholds} from '../source/core/health/thresholds.ts';
import {
  buildOf,
  describeIndex,
  lastForeignKeyOf,
  tableOf,
  whyNotDroppable,
} from '../source/core/indexes/index-catalog.ts';
import {
  lockTimeoutParameter,
  preflightLines,
  readLockTimeout,
  type Waiting,
} from '../source/core/indexes/index-preview.ts';
import {type DropReason, dropStep} from '../source/core/indexes/index-steps.ts';
import {type Redundant, redundantIndexes} from '../source/core/indexes/redundant.ts';
import {
  completeParams,
  qualified,
  readChoice,
  readCount,
  readDuration,
  readInteger,
  readList,
  readValues,
  resolveName,
} from '../source/core/recipe/parameters.ts';
import {counted, formatAge, formatBytes, formatCount} from '../source/core/text/format.ts';
import {memoizeByObject} from '../source/core/text/memoize.ts';
import {writeDuration} from '../source/core/text/time.ts';
import type {Catalog, Index} from '../source/model/catalog.ts';
import type {Finding, Parameter, ParameterValues, Plan, Recipe, Skipped} from '../source/model/recipe.ts';
import type {RecipeData} from '../source/model/recipe-data.ts';
import type {Snapshot} from '../source/model/snapshot.ts';

const redundantChoices = ['exact', 'all', 'keep'] as const;

const parameters: Parameter[] = [
  {
    name: 'index',
    description: 'Only these indexes, as schema.name, comma-separated',
    kind: 'text',
    default: '',
    suggest: (_, {catalog}) => (catalog === undefined ? [] : unused(catalog).map(qualified)),
  },
  {
    name: 'table',
    description: 'Only indexes of this table, as schema.name',
    kind: 'text',
    default: '',
    suggest: (_, {catalog}) => [...new Set(catalog?.indexes.map(({schema, table}) => `${schema}.${table}`))],
  },
  {
    name: 'stats_age',
    description: 'Minimum time that scans have been counted; less than a month may miss a monthly report',
    kind: 'duration',
    default: writeDuration(thresholds.unused_index_age_ms.warning),
  },
  {
    name: 'max_scans',
    description: 'Maximum number of scans of an unused index',
    kind: 'integer',
    default: '0',
    check: readMaxScans,
  },
  {
    name: 'standby',
    description:
      'Keep or drop indexes if a standby replicates from this server; scans on a standby are not counted here',
    kind: 'choice',
    choices: ['keep', 'drop'],
    default: 'keep',
  },
  {
    name: 'redundant',
    description:
      'Also drop used indexes that another one serves: exact, of the same definition; all, also those that it begins with',
    kind: 'choice',
    choices: redundantChoices,
    default: 'exact',
  },
  {
    name: 'at_most',
    description: 'Maximum number of indexes, the largest first',
    kind: 'integer',
    default: '',
    check: text => readCount('at_most', text),
  },
  lockTimeoutParameter,
];

const recipe: Recipe = {
  id: 'drop-unused-indexes',
  title: 'Drop unused indexes',
  summary:
    'Drops indexes without a scan in a month, and duplicates, one by one and concurrently; never one that a constraint needs',
  parameters,
  diagnoseRequires: {catalog: true},
  planRequires: () => ({catalog: true, table_holders: true}),
  diagnose,
  plan,
};
export default recipe;

function diagnose(_snapshot: Snapshot, {catalog}: RecipeData): Finding[] {
  return catalog === undefined ? [] : unusedIndexes(catalog);
}

const unusedIndexes = memoizeByObject((catalog: Catalog): Finding[] => {
  if (refusal(catalog, criteriaOf({})) !== null) return [];
  // The larger ones are chosen first: small ones, of which there are thousands, change nothing about them.
  const idle = unused(catalog, thresholds.unused_index_bytes.warning);
  const [largest] = idle;
  if (largest === undefined) return [];
  const bytes = sum(idle);
  return [
    {
      recipe: recipe.id,
      severity: 'warning',
      subject: 'indexes:unused',
      cause: 'housekeeping',
      summary: `${counted(idle.length, 'index', 'indexes')} without a scan take ${formatBytes(bytes)} and slow down writes; the largest is ${describeIndex(largest)}`,
      evidence: {
        indexes: idle.length,
        size_bytes: bytes,
        largest: qualified(largest),
        stats_age_ms: catalog.stats_age_ms,
      },
    },
  ];
});

function plan(snapshot: Snapshot, params: ParameterValues, {catalog, table_holders}: RecipeData): Plan {
  const criteria = resolved(criteriaOf(params), catalog);
  const {chosen, skipped} = catalog === undefined ? nothingChosen : choose(catalog, criteria);
  const options = {
    lock_timeout_ms: criteria.lock_timeout_ms,
    server_version_num: snapshot.target.server_version_num,
  };
  return {
    recipe: recipe.id,
    params: completeParams(params, parameters),
    explanation: explain({snapshot, holders: table_holders}, chosen, criteria, skipped),
    steps: chosen.map(({index, reason}) => dropStep(index, reason, options)),
    skipped,
    batch_size: Math.max(1, chosen.length),
    pause_ms: 0,
    slots_freed: 0,
    watch_groups: [],
    on_failure: 'continue',
  };
}

const nothingChosen: Choice = {chosen: [], skipped: []};

type Chosen = {index: Index; reason: DropReason};
type Choice = {chosen: Chosen[]; skipped: Skipped[]};

function readMaxScans(text: string): number {
  return readInteger('max_scans', text, 0);
}

type Criteria = ReturnType<typeof criteriaOf>;

function criteriaOf(params: ParameterValues) {
  const read = readValues(params, parameters);
  const standby = read('standby');
  if (standby !== 'keep' && standby !== 'drop') throw usageError(`standby: no "${standby}"`, 'keep or drop');
  return {
    named: readList(read('index')),
    table: read('table'),
    stats_age_ms: readDuration('stats_age', read('stats_age')),
    max_scans: readMaxScans(read('max_scans')),
    standby,
    redundant: readChoice('redundant', read('redundant'), redundantChoices),
    at_most: readCount('at_most', read('at_most')) ?? Number.POSITIVE_INFINITY,
    lock_timeout_ms: readLockTimeout(read('lock_timeout')),
  };
}

/** Resolves names in the catalog. Throws AbortError (exit 2) for an unknown one. */
function resolved(criteria: Criteria, catalog: Catalog | undefined): Criteria {
  if (catalog === undefined) return criteria;
  const {named, table} = criteria;
  return {
    ...criteria,
    named: named.map(name => resolveName('index', name, catalog.indexes)),
    table: table === '' ? '' : resolveName('table', table, catalog.tables),
  };
}

function choose(catalog: Catalog, criteria: Criteria): Choice {
  // An index named by the user is always reported, dropped or skipped.
  const candidates = catalog.indexes.filter(
    index => isSelected(index, criteria) && (criteria.named.length > 0 || index.scans <= criteria.max_scans),
  );
  const reason = refusal(catalog, criteria);
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
  const {duplicates, kept} = redundantOf(without(catalog, unusedNow), criteria);
  const chosen = [
    ...unusedNow.map((index): Chosen => ({index, reason: {kind: 'unused', max_scans: criteria.max_scans}})),
    ...duplicates.map(({index, served_by}): Chosen => ({index, reason: {kind: 'redundant', served_by}})),
  ];
  const told = new Set([
    ...duplicates.map(({index}) => subjectOf(index)),
    ...kept.map(({subject}) => subject),
  ]);
  const reported = [...skipped.filter(({subject}) => !told.has(subject)), ...kept];
  return {chosen: chosen.slice(0, criteria.at_most), skipped: reported};
}

/** Indexes that others serve, whatever their scans: those to drop, and those that are only reported. */
function redundantOf(catalog: Catalog, criteria: Criteria): {duplicates: Redundant[]; kept: Skipped[]} {
  const found = redundantIndexes(catalog).filter(({index}) => isSelected(index, criteria));
  const isDropped = ({kind}: Redundant) =>
    criteria.redundant === 'all' || (criteria.redundant === 'exact' && kind === 'exact');
  const used = found.filter(each => !isDropped(each) && each.index.scans > criteria.max_scans);
  const kept = criteria.redundant === 'keep' ? [] : used;
  return {
    duplicates: found.filter(isDropped),
    kept: kept.map(({index, served_by}) =>
      protectedIndex(
        index,
        `${served_by.name} begins with its columns and would serve instead: redundant=all`,
      ),
    ),
  };
}

function isSelected(index: Index, {named, table}: Criteria): boolean {
  return (
    (named.length === 0 || named.includes(qualified(index))) &&
    (table === '' || table === `${index.schema}.${index.table}`)
  );
}

/** Why no index may be dropped; null if the counters are reliable. */
function refusal({stats_age_ms, has_standby}: Catalog, {stats_age_ms: wanted_ms, standby}: Criteria) {
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
  const largestFirst = indexes.toSorted(
    (a, b) => b.size_bytes - a.size_bytes || Number(a.oid) - Number(b.oid),
  );
  // Only the other indexes of the same table matter: check them, not thousands on other tables.
  const staying = byTable(catalog.indexes);
  const chosen: Index[] = [];
  for (const index of largestFirst) {
    const own = staying.get(index.table_oid) ?? new Set();
    if (reasonToKeep({...catalog, indexes: [...own]}, index) !== null) continue;
    own.delete(index);
    chosen.push(index);
  }
  return chosen;
}

function byTable(indexes: readonly Index[]): Map<string, Set<Index>> {
  const groups = new Map<string, Set<Index>>();
  for (const index of indexes) {
    const group = groups.get(index.table_oid) ?? new Set();
    groups.set(index.table_oid, group.add(index));
  }
  return groups;
}

function unused(catalog: Catalog, least_bytes = 0): Index[] {
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

function explain(
  seen: Pick<Waiting, 'snapshot' | 'holders'>,
  all: Chosen[],
  criteria: Criteria,
  skipped: Skipped[],
): string[] {
  const chosen = all.map(({index}) => index);
  if (chosen.length === 0) {
    const kept = skipped.length === 0 ? '' : '; the skipped ones are listed with the reason';
    return [`No index to drop${kept}.`];
  }
  return [
    `${counted(chosen.length, 'index', 'indexes')} to drop: ${formatBytes(sum(chosen))} on disk, and maintained by every write.`,
    ...all.flatMap(servedLine),
    'Each is dropped concurrently: reads and writes go on. A query that runs once a year may not have been counted.',
    ...preflightLines({...seen, tables: chosen, lock_timeout_ms: criteria.lock_timeout_ms, kind: 'drop'}),
    'An interrupted drop leaves the index invalid: repair-invalid-indexes rebuilds or drops it.',
    'Undo builds each again, in as much time as the first build took, with its tablespace, comment, statistics targets and CLUSTER mark. Its scan counter starts at 0; statistics of its expressions return with the next ANALYZE.',
    'Remove its line in schema.prisma yourself.',
  ];
}

function servedLine({index, reason}: Chosen): string[] {
  return reason.kind === 'redundant'
    ? [
        `${describeIndex(index)} is redundant: ${reason.served_by.name} serves its ${formatCount(index.scans)} scans.`,
      ]
    : [];
}

function sum(indexes: Index[]): number {
  return indexes.reduce((total, {size_bytes}) => total + size_bytes, 0);
}
