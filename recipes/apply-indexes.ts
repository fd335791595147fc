import {thresholds} from '../source/core/health/thresholds.ts';
import {tableOf, uncoveredForeignKeys, whyNoDelete} from '../source/core/indexes/index-catalog.ts';
import {explainIndexes, lockTimeoutParameter, readLockTimeout} from '../source/core/indexes/index-preview.ts';
import {type IndexWork, planIndexes} from '../source/core/indexes/plan-indexes.ts';
import {
  lackingIndexes,
  nextMigration,
  prismaSteps,
  withDeclaredNames,
} from '../source/core/indexes/prisma-indexes.ts';
import {oneBatch} from '../source/core/recipe/one-batch.ts';
import {
  completeParams,
  readChoice,
  readCount,
  readValues,
  resolveName,
} from '../source/core/recipe/parameters.ts';
import {counted} from '../source/core/text/format.ts';
import {memoizeByObject} from '../source/core/text/memoize.ts';
import type {Catalog} from '../source/model/catalog.ts';
import type {IndexProposal} from '../source/model/index-advice.ts';
import type {Finding, Parameter, ParameterValues, Plan, Recipe} from '../source/model/recipe.ts';
import type {DataRequirements, RecipeData} from '../source/model/recipe-data.ts';
import type {Snapshot} from '../source/model/snapshot.ts';
import type {Step} from '../source/model/step.ts';

const confidences = ['all', 'planner-verified'] as const;

const parameters: Parameter[] = [
  {
    name: 'file',
    description: 'Build the CREATE INDEX statements of this migration, instead of suggested indexes',
    kind: 'path',
    default: '',
  },
  {
    name: 'confidence',
    description:
      'planner-verified: only indexes that the planner would use (HypoPG); all: estimated ones too',
    kind: 'choice',
    choices: confidences,
    default: 'all',
  },
  {
    name: 'table',
    description: 'Only on this table, as schema.name',
    kind: 'text',
    default: '',
    suggest: (_, {index_advice}) => [
      ...new Set(index_advice?.proposals.map(({schema, table}) => `${schema}.${table}`)),
    ],
  },
  {
    name: 'at_most',
    description: 'Maximum number of indexes, the most useful first',
    kind: 'integer',
    default: '',
    check: text => readCount('at_most', text),
  },
  lockTimeoutParameter,
  {
    name: 'app',
    description: 'Application folder: adds @@index lines to its schema.prisma, and a migration',
    kind: 'path',
    default: '',
  },
  {
    name: 'migration',
    description:
      'Folder name of the new migration; default: a time stamp one second after the last migration; none if file is a migration',
    kind: 'text',
    default: '',
  },
];

const recipe: Recipe = {
  id: 'apply-indexes',
  title: 'Build missing indexes',
  summary:
    'Builds indexes concurrently for statements, foreign keys or a migration; measures the effect; can be undone',
  parameters,
  diagnoseRequires: {catalog: true},
  planRequires: requirements,
  diagnose,
  plan,
};
export default recipe;

function requirements(params: ParameterValues): DataRequirements {
  const read = readValues(params, parameters);
  return {
    catalog: true,
    index_advice: {file: read('file') || null},
    statement_statistics: true,
    table_holders: true,
    ...(read('app') !== '' && {prisma_schema: {folder: read('app')}}),
  };
}

/**
 * Foreign keys without an index on larger tables whose parent loses rows; other suggestions need the planner. Where deletions wait or are slow for
 * one, the assessment says so (core/assessment/harms/foreign-key.ts).
 */
function diagnose(_snapshot: Snapshot, {catalog}: RecipeData): Finding[] {
  return catalog === undefined ? [] : missingIndexes(catalog);
}

const missingIndexes = memoizeByObject((catalog: Catalog): Finding[] => {
  const keys = uncoveredForeignKeys(catalog).filter(
    key =>
      (tableOf(catalog, key.table_oid)?.estimated_rows ?? 0) >= thresholds.unindexed_table_rows.warning &&
      whyNoDelete(catalog, key) === null,
  );
  const [first] = keys;
  if (first === undefined) return [];
  const what = keys.length === 1 ? '1 foreign key has' : `${keys.length} foreign keys have`;
  return [
    {
      recipe: recipe.id,
      severity: 'warning',
      subject: 'indexes:missing',
      cause: 'housekeeping',
      summary: `${what} no index: every DELETE on the parent and every join scans ${first.schema}.${first.table} (${first.columns.join(', ')})`,
      evidence: {
        foreign_keys: keys.length,
        first: `${first.schema}.${first.table}(${first.columns.join(', ')})`,
        rows: tableOf(catalog, first.table_oid)?.estimated_rows ?? null,
      },
      ...(keys.every(({table_oid}) => table_oid === first.table_oid) && {
        params: {table: `${first.schema}.${first.table}`},
      }),
    },
  ];
});

function plan(snapshot: Snapshot, params: ParameterValues, facts: RecipeData): Plan {
  const read = readValues(params, parameters);
  const lock_timeout_ms = readLockTimeout(read('lock_timeout'));
  const proposals = chosen(read, facts);
  const work = planIndexes(proposals, facts, {
    lock_timeout_ms,
    server_version_num: snapshot.target.server_version_num,
  });
  const migration = read('migration') || defaultMigration(read('file'), facts);
  const steps: Step[] = [...work.steps, ...fileSteps(work, facts, migration)];
  return {
    recipe: recipe.id,
    params: {...completeParams(params, parameters), migration},
    explanation: [
      ...lackingLine(facts),
      ...explainIndexes({
        ...{work, steps, snapshot, lock_timeout_ms},
        ...{advice: facts.index_advice, holders: facts.table_holders},
      }),
    ],
    steps,
    skipped: [...work.skipped, ...skippedOf(facts)],
    ...oneBatch(steps),
    on_failure: 'stop',
  };
}

function chosen(
  read: (name: string) => string,
  {index_advice, catalog, prisma_schema}: RecipeData,
): IndexProposal[] {
  const confidence = readChoice('confidence', read('confidence'), confidences);
  const at_most = readCount('at_most', read('at_most')) ?? Number.POSITIVE_INFINITY;
  const typed = read('table');
  const table = typed === '' || catalog === undefined ? typed : resolveName('table', typed, catalog.tables);
  const proposals = index_advice?.proposals ?? [];
  const named =
    prisma_schema === undefined || catalog === undefined
      ? proposals
      : withDeclaredNames(proposals, prisma_schema, catalog);
  return (
    named
      .filter(each => confidence === 'all' || each.confidence === confidence)
      .filter(each => table === '' || table === `${each.schema}.${each.table}`)
      .slice(0, at_most)
      // Savings change with the counters; the order of the steps must not.
      .sort((a, b) => (a.definition < b.definition ? -1 : 1))
  );
}

/** What the application expects comes first: such an index may be missing by mistake. */
function lackingLine({prisma_schema, catalog}: RecipeData): string[] {
  if (prisma_schema === undefined || catalog === undefined) return [];
  const lacking = lackingIndexes(prisma_schema, catalog);
  if (lacking.length === 0) return [];
  const count = counted(lacking.length, 'index', 'indexes');
  return [`Your schema declares ${count} that this server lacks: ${lacking.join('; ')}.`];
}

/** '' for no new migration: the indexes come from an existing one, or Prisma 8 plans it. */
function defaultMigration(file: string, {prisma_schema}: RecipeData): string {
  if (
    prisma_schema === undefined ||
    prisma_schema.contract !== undefined ||
    /(^|\/)migrations\/[^/]+\/migration\.sql$/.test(file)
  )
    return '';
  return nextMigration(prisma_schema, 'add_indexes');
}

function fileSteps({emitted}: IndexWork, {prisma_schema}: RecipeData, migration: string): Step[] {
  return prisma_schema === undefined ? [] : prismaSteps(emitted, prisma_schema, migration);
}

function skippedOf({index_advice}: RecipeData) {
  return (index_advice?.skipped ?? []).map(({what, reason}) => ({
    subject: 'index',
    description: what,
    reason,
  }));
}
