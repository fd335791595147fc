import type {Catalog, Index} from '../../model/catalog.ts';
import type {IndexProposal, Served} from '../../model/index-advice.ts';
import type {Skipped} from '../../model/recipe.ts';
import type {RecipeData} from '../../model/recipe-data.ts';
import type {AdviceStep, Measure, Step} from '../../model/step.ts';
import {quoteIdentifier} from '../sql/quote.ts';
import {redactLiterals} from '../sql/shown-sql.ts';
import {
  describeIndex,
  isUnique,
  nullTestsOf,
  plainKeysOf,
  shapeOf,
  tableOf,
  tailOf,
} from './index-catalog.ts';
import {adoptStep, buildStep, dropStep, type IndexStepOptions} from './index-steps.ts';

export type IndexWork = {
  steps: Step[];
  skipped: Skipped[];
  /** Indexes that the plan builds. */
  built: IndexProposal[];
  /** Indexes that will exist afterwards: those built and those adopted. */
  emitted: IndexProposal[];
};

/** Plans each proposal: build, adopt a running build, drop an invalid one first, advise, or skip. */
export function planIndexes(
  proposals: readonly IndexProposal[],
  {catalog, statement_statistics}: RecipeData,
  options: IndexStepOptions,
): IndexWork {
  const work: IndexWork = {steps: [], skipped: [], built: [], emitted: []};
  if (catalog === undefined) return work;
  const statements_schema = statement_statistics?.installed?.schema ?? null;
  for (const proposal of proposals) {
    const {
      steps = [],
      skipped = [],
      built = [],
      emitted = [],
    } = planWithoutBuild(proposal, catalog, options) ??
    planBuild(proposal, catalog, {options, statements_schema});
    work.steps.push(...steps);
    work.skipped.push(...skipped);
    work.built.push(...built);
    work.emitted.push(...emitted);
  }
  return work;
}

/** The work for a proposal that needs no build; null if it needs one. */
function planWithoutBuild(
  proposal: IndexProposal,
  catalog: Catalog,
  options: IndexStepOptions,
): Partial<IndexWork> | null {
  const table = tableOf(catalog, proposal.table_oid);
  if (table === null) return toSkipped(proposal, 'its table does not exist');
  if (table.kind === 'partitioned') return {steps: [partitionedAdvice(proposal)]};
  const valid = catalog.indexes.find(
    index => index.is_valid && index.table_oid === table.oid && isServedBy(proposal, index),
  );
  if (valid !== undefined) return toSkipped(proposal, `${describeIndex(valid)} already serves it`);
  const invalidTwin = findInvalidTwin(proposal, catalog);
  const builds = catalog.builds.filter(({table_oid}) => table_oid === table.oid);
  const runningBuild = builds.find(({index_oid}) => index_oid === invalidTwin?.oid);
  if (invalidTwin !== null && runningBuild !== undefined) {
    const emitted = {...proposal, name: invalidTwin.name, definition: invalidTwin.definition};
    return {steps: [adoptStep({...invalidTwin, pid: runningBuild.pid}, options)], emitted: [emitted]};
  }
  // Before its first commit no other session sees which index it is: it may be this one.
  const unidentifiedBuild = builds.find(({index_oid}) => !catalog.indexes.some(({oid}) => oid === index_oid));
  if (unidentifiedBuild !== undefined) {
    return toSkipped(
      proposal,
      `session ${unidentifiedBuild.pid} has started an index build on its table: try again in a moment`,
    );
  }
  const namesake = catalog.indexes.find(
    ({schema, name}) => schema === proposal.schema && name === proposal.name,
  );
  if (namesake === undefined || namesake === invalidTwin) return null;
  return toSkipped(proposal, `another index has that name: ${describeIndex(namesake)}`);
}

function planBuild(
  proposal: IndexProposal,
  catalog: Catalog,
  {options, statements_schema}: {options: IndexStepOptions; statements_schema: string | null},
): Partial<IndexWork> {
  const leftover = findInvalidTwin(proposal, catalog);
  const measures = measuresOf(proposal, statements_schema);
  return {
    steps: [
      ...(leftover === null ? [] : [dropStep(leftover, {kind: 'invalid'}, options)]),
      buildStep({...proposal, shape: knownShape(proposal), measures}, options),
    ],
    built: [proposal],
    emitted: [proposal],
  };
}

function toSkipped({schema, name, table}: IndexProposal, reason: string): Partial<IndexWork> {
  return {
    skipped: [{subject: `index:${schema}.${name}`, description: `on ${schema}.${table}`, reason}],
  };
}

/** The same index, but invalid: its build is running or has failed. */
function findInvalidTwin({definition, table_oid}: IndexProposal, {indexes}: Catalog): Index | null {
  const isTwin = (index: Index) => comparable(index.definition) === comparable(definition);
  return indexes.find(index => !index.is_valid && index.table_oid === table_oid && isTwin(index)) ?? null;
}

/** Whether an index has the same shape, or begins with the proposed plain columns. */
function isServedBy({definition, method}: IndexProposal, index: Index): boolean {
  if (comparable(definition) === comparable(index.definition))
    return !isUnique(definition) || index.is_unique;
  const keys = plainKeysOf(definition);
  if (keys === null || isUnique(definition) || method !== 'btree' || index.method !== 'btree') return false;
  const isOrdinary = index.predicate === null && !/ DESC\b| NULLS /.test(index.definition);
  return (
    isOrdinary &&
    keys.every(({name, opclass, order}, at) => opclass === null && order === '' && index.columns[at] === name)
  );
}

/** The shape, with tests for NULL written as poolctl writes them. */
function comparable(definition: string): string | null {
  const [, keys, predicate] = /^(.*?) WHERE (.*)$/s.exec(tailOf(definition) ?? '') ?? [];
  const tests = predicate === undefined ? null : nullTestsOf(predicate);
  return tests === null ? shapeOf(definition) : `${keys} WHERE ${tests.join(' AND ')}`.replaceAll('"', '');
}

/** Its shape if every key is a plain column; null if the server may write it differently. */
function knownShape({definition}: IndexProposal): string | null {
  const isAlike = plainKeysOf(definition)?.every(({opclass}) => opclass === null);
  return isAlike ? shapeOf(definition) : null;
}

/** An index on a partitioned table cannot be built concurrently: build one per partition, then attach them. */
function partitionedAdvice({schema, table, name, definition}: IndexProposal): AdviceStep {
  const shape = `USING ${tailOf(definition)}`;
  return {
    kind: 'advice',
    title: `index each partition of ${schema}.${table}`,
    subject: `index:${schema}.${name}`,
    text: [
      `${schema}.${table} is partitioned: an index on it cannot be built concurrently and would block writes.`,
      `1. On the parent, which takes no time: CREATE INDEX "${name}" ON ONLY "${schema}"."${table}" ${shape};`,
      `2. For each partition: CREATE INDEX CONCURRENTLY "<partition>_idx" ON "${schema}"."<partition>" ${shape};`,
      `3. For each partition: ALTER INDEX "${schema}"."${name}" ATTACH PARTITION "${schema}"."<partition>_idx";`,
    ].join('\n'),
  };
}

/** Maximum number of statements to measure; each is planned twice. */
const mostStatements = 3;

/**
 * What to measure before and after a build: plan and mean time of the statements it serves, and the index's
 * scans. `statements_schema`: the schema of pg_stat_statements; null if it is not installed.
 */
function measuresOf(
  {table_oid, name, serves}: Pick<IndexProposal, 'table_oid' | 'name' | 'serves'>,
  statements_schema: string | null,
): Measure[] {
  const served = [...serves]
    .filter(({query}) => !holdsLiteral(query))
    // Sorted by queryid, because costs change between preview and execution.
    .sort((a, b) => (a.queryid < b.queryid ? -1 : 1))
    .slice(0, mostStatements);
  return [
    scansOf(table_oid, name),
    ...served.map(planOf),
    ...(statements_schema === null ? [] : served.map(each => timeOf(each, statements_schema))),
  ];
}

function scansOf(table_oid: string, name: string): Measure {
  return {
    name: 'idx_scan',
    query: {
      text: 'SELECT idx_scan::text FROM pg_catalog.pg_stat_all_indexes WHERE relid = $1::oid AND indexrelname = $2',
      values: [table_oid, name],
    },
  };
}

function planOf({queryid, query}: Served): Measure {
  return {name: `plan of ${queryid}`, query: {text: query, values: []}, kind: 'plan'};
}

/** Calls and their time since the last reset: the difference of two is the time since (`effectLines`). */
function timeOf({queryid}: Served, schema: string): Measure {
  return {
    name: `time of ${queryid}`,
    query: {
      text: `SELECT pg_catalog.concat(sum(calls), ' calls, ', round(sum(total_exec_time)::numeric, 3), ' ms in all') FROM ${quoteIdentifier(schema)}.pg_stat_statements(false) WHERE queryid = $1::int8 AND dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())`,
      values: [queryid],
    },
  };
}

/** pg_stat_statements keeps some literals (type modifiers, utility statements); the journal must hold none. */
function holdsLiteral(query: string): boolean {
  const marks = (text: string) => text.split('?').length;
  const bare = query.replace(/\/\*[\s\S]*?\*\//g, ' ').replace(/--[^\n]*/g, ' ');
  return marks(redactLiterals(bare)) !== marks(bare);
}
