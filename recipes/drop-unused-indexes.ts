import {thresholds} from '../source/core/health/thresholds.ts';
import {
  type Chosen,
  chooseDrops,
  type DropCriteria,
  unusedIndexes,
  whyNoneMayBeDropped,
} from '../source/core/indexes/choose-drops.ts';
import {describeIndex} from '../source/core/indexes/index-catalog.ts';
import {
  lockTimeoutParameter,
  preflightLines,
  readLockTimeout,
  type Waiting,
} from '../source/core/indexes/index-preview.ts';
import {dropStep} from '../source/core/indexes/index-steps.ts';
import {oneBatch} from '../source/core/recipe/one-batch.ts';
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
import {counted, formatBytes, formatCount} from '../source/core/text/format.ts';
import {memoizeByObject} from '../source/core/text/memoize.ts';
import {writeDuration} from '../source/core/text/time.ts';
import type {Catalog, Index} from '../source/model/catalog.ts';
import type {Finding, Parameter, ParameterValues, Plan, Recipe, Skipped} from '../source/model/recipe.ts';
import type {RecipeData} from '../source/model/recipe-data.ts';
import type {Snapshot} from '../source/model/snapshot.ts';

const standbyChoices = ['keep', 'drop'] as const;
const redundantChoices = ['exact', 'all', 'keep'] as const;

const parameters: Parameter[] = [
  {
    name: 'index',
    description: 'Only these indexes, as schema.name, comma-separated',
    kind: 'text',
    default: '',
    suggest: (_, {catalog}) => (catalog === undefined ? [] : unusedIndexes(catalog).map(qualified)),
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
    choices: standbyChoices,
    default: 'keep',
  },
  {
    name: 'redundant',
    description:
      'Also drop used indexes that another index replaces: exact: same definition; all: also those whose columns are its leading columns',
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
    'Drops duplicates and indexes not scanned for a month, one at a time with DROP INDEX CONCURRENTLY; never one that a constraint needs',
  parameters,
  diagnoseRequires: {catalog: true},
  planRequires: () => ({catalog: true, table_holders: true}),
  diagnose,
  plan,
};
export default recipe;

function diagnose(_snapshot: Snapshot, {catalog}: RecipeData): Finding[] {
  return catalog === undefined ? [] : findingsOf(catalog);
}

const findingsOf = memoizeByObject((catalog: Catalog): Finding[] => {
  if (whyNoneMayBeDropped(catalog, criteriaOf({})) !== null) return [];
  // The larger ones are chosen first: small ones, of which there are thousands, change nothing about them.
  const idle = unusedIndexes(catalog, thresholds.unused_index_bytes.warning);
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
  const {chosen, skipped} =
    catalog === undefined ? {chosen: [], skipped: []} : chooseDrops(catalog, criteria);
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
    ...oneBatch(chosen),
    on_failure: 'continue',
  };
}

function readMaxScans(text: string): number {
  return readInteger('max_scans', text, 0);
}

type Criteria = DropCriteria & {lock_timeout_ms: number};

function criteriaOf(params: ParameterValues): Criteria {
  const read = readValues(params, parameters);
  return {
    named: readList(read('index')),
    table: read('table'),
    stats_age_ms: readDuration('stats_age', read('stats_age')),
    max_scans: readMaxScans(read('max_scans')),
    standby: readChoice('standby', read('standby'), standbyChoices),
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
