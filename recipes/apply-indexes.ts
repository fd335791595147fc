import type {FactNeeds, Facts} from '../source/core/facts.ts';
import {formatBytes, formatCount} from '../source/core/format.ts';
import type {IndexProposal} from '../source/core/index-advice.ts';
import {type IndexWork, planIndexes} from '../source/core/index-building.ts';
import {tableOf, uncoveredForeignKeys} from '../source/core/index-checks.ts';
import {shapeOf} from '../source/core/index-definition.ts';
import {preflightLines, sizeLine} from '../source/core/index-waits.ts';
import {completeParams, readChoice, readCount, readDuration, readValues} from '../source/core/parameters.ts';
import {nextMigration, prismaSteps} from '../source/core/prisma-indexes.ts';
import type {Finding, Parameter, ParameterValues, Plan, Recipe} from '../source/core/recipe.ts';
import type {Snapshot} from '../source/core/snapshot.ts';
import type {Step} from '../source/core/step.ts';

/** Below this a sequential read of the whole table costs no more than a lookup. */
const worthRows = 10_000;
const confidences = ['all', 'planner-verified'] as const;

const parameters: Parameter[] = [
  {
    name: 'file',
    description:
      'take the CREATE INDEX statements of this migration, in place of what the statements suggest',
    kind: 'path',
    default: '',
  },
  {
    name: 'confidence',
    description: 'planner-verified: only what the planner was seen to use (HypoPG); all: heuristic ones too',
    kind: 'choice',
    choices: confidences,
    default: 'all',
  },
  {
    name: 'table',
    description: 'only on this table, as schema.name',
    kind: 'text',
    default: '',
    suggest: (_, {index_advice}) => [
      ...new Set(index_advice?.proposals.map(({schema, table}) => `${schema}.${table}`)),
    ],
  },
  {
    name: 'at_most',
    description: 'no more indexes than this, the most useful first',
    kind: 'integer',
    default: '',
  },
  {
    name: 'lock_timeout',
    description: "how long to wait for others' transactions before giving up",
    kind: 'duration',
    default: '5min',
  },
  {
    name: 'app',
    description: "the application's folder: its schema.prisma gets @@index lines, its migrations one more",
    kind: 'path',
    default: '',
  },
  {
    name: 'migration',
    description:
      "the new migration's folder; by default a second after the last, none for a file that is a migration",
    kind: 'text',
    default: '',
  },
];

const recipe: Recipe = {
  id: 'apply-indexes',
  title: 'Build the indexes that are missing',
  summary:
    'Builds concurrently what the statements, foreign keys or a migration call for; proves it, undoes it',
  parameters,
  watches: {catalog: true},
  needs,
  diagnose,
  plan,
};
export default recipe;

function needs(params: ParameterValues): FactNeeds {
  const read = readValues(params, parameters);
  return {
    catalog: true,
    index_advice: {file: read('file') || null},
    statement_statistics: true,
    ...(read('app') !== '' && {prisma_schema: {folder: read('app')}}),
  };
}

/** What takes no planner to see: a foreign key without an index on a table of some size. */
function diagnose(_snapshot: Snapshot, {catalog}: Facts): Finding[] {
  if (catalog === undefined) return [];
  const keys = uncoveredForeignKeys(catalog).filter(
    ({table_oid}) => (tableOf(catalog, table_oid)?.estimated_rows ?? 0) >= worthRows,
  );
  const [first] = keys;
  if (first === undefined) return [];
  const what = keys.length === 1 ? '1 foreign key has' : `${keys.length} foreign keys have`;
  return [
    {
      recipe: recipe.id,
      severity: 'warning',
      subject: 'indexes:missing',
      summary: `${what} no index: each deleted parent and each join reads all of ${first.schema}.${first.table} (${first.columns.join(', ')})`,
      evidence: {
        foreign_keys: keys.length,
        first: `${first.schema}.${first.table}(${first.columns.join(', ')})`,
        rows: tableOf(catalog, first.table_oid)?.estimated_rows ?? null,
      },
    },
  ];
}

function plan(snapshot: Snapshot, params: ParameterValues, facts: Facts): Plan {
  const read = readValues(params, parameters);
  const lock_timeout_ms = readDuration('lock_timeout', read('lock_timeout'));
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
    explanation: explain(work, snapshot, lock_timeout_ms),
    steps,
    left_alone: [...work.left_alone, ...skippedOf(facts)],
    batch_size: Math.max(1, steps.length),
    pause_ms: 0,
    slots_freed: 0,
    watch_groups: [],
    on_failure: 'stop',
  };
}

function chosen(read: (name: string) => string, {index_advice}: Facts): IndexProposal[] {
  const confidence = readChoice('confidence', read('confidence'), confidences);
  const at_most = readCount('at_most', read('at_most')) ?? Number.POSITIVE_INFINITY;
  const table = read('table');
  return (
    (index_advice?.proposals ?? [])
      .filter(each => confidence === 'all' || each.confidence === confidence)
      .filter(each => table === '' || table === `${each.schema}.${each.table}`)
      .slice(0, at_most)
      // What saves most moves with the counters; the order of the steps must not.
      .sort((a, b) => (a.definition < b.definition ? -1 : 1))
  );
}

/** '' where none is to be written: the indexes come from one that is there. */
function defaultMigration(file: string, {prisma_schema}: Facts): string {
  if (prisma_schema === undefined || /(^|\/)migrations\/[^/]+\/migration\.sql$/.test(file)) return '';
  return nextMigration(prisma_schema, 'add_indexes');
}

function fileSteps({emitted}: IndexWork, {prisma_schema}: Facts, migration: string): Step[] {
  return prisma_schema === undefined ? [] : prismaSteps(emitted, prisma_schema, migration);
}

function skippedOf({index_advice}: Facts) {
  return (index_advice?.skipped ?? []).map(({what, reason}) => ({
    subject: 'index',
    description: what,
    reason,
  }));
}

function explain(work: IndexWork, snapshot: Snapshot, lock_timeout_ms: number): string[] {
  if (work.steps.length === 0) return ['No index is missing that would pay for itself: nothing to build.'];
  const adopted = work.emitted.length - work.built.length;
  return [
    ...(adopted === 0 ? [] : [`${adopted} being built already, by a session that goes on: waited for.`]),
    ...(work.built.length === 0 ? [] : explainBuilds(work.built, snapshot, lock_timeout_ms)),
  ];
}

function explainBuilds(built: IndexProposal[], snapshot: Snapshot, lock_timeout_ms: number): string[] {
  return [
    ...built.flatMap(describe),
    'Each is built concurrently: reads and writes go on, other changes of its table (ALTER, VACUUM) wait.',
    sizeLine(built.reduce((sum, {estimated_size_bytes}) => sum + estimated_size_bytes, 0)),
    ...preflightLines(snapshot, lock_timeout_ms),
    'An index makes each write of its table dearer. A build that fails is swept away; undo drops what was built.',
  ];
}

function describe({name, schema, table, definition, confidence, reasons, serves, ...rest}: IndexProposal) {
  const costs = serves.flatMap(({cost_before, cost_after}) =>
    cost_before === null || cost_after === null ? [] : [{cost_before, cost_after}],
  );
  const before = costs.reduce((sum, {cost_before}) => sum + cost_before, 0);
  const after = costs.reduce((sum, {cost_after}) => sum + cost_after, 0);
  const saved = costs.length === 0 ? '' : `, cost ${formatCount(before)} -> ${formatCount(after)}`;
  return [
    `${name} on ${schema}.${table} ${shapeOf(definition)}, about ${formatBytes(rest.estimated_size_bytes)}: ${confidence}${saved}`,
    ...reasons.map(reason => `  ${reason}`),
  ];
}
