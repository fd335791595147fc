import {
  buildOf,
  describeIndex,
  mayBeBuilding,
  shapeOf,
  tableOf,
  whyNotDroppable,
} from '../source/core/indexes/index-catalog.ts';
import {
  lockTimeoutParameter,
  preflightLines,
  readLockTimeout,
  type Waiting,
} from '../source/core/indexes/index-preview.ts';
import {buildStep, dropStep, type IndexStepOptions} from '../source/core/indexes/index-steps.ts';
import {oneBatch} from '../source/core/recipe/one-batch.ts';
import {
  completeParams,
  qualified,
  readChoice,
  readList,
  readValues,
  resolveName,
} from '../source/core/recipe/parameters.ts';
import {quoteIdentifier} from '../source/core/sql/quote.ts';
import {formatBytes} from '../source/core/text/format.ts';
import {memoizeByObject} from '../source/core/text/memoize.ts';
import type {Catalog, Index} from '../source/model/catalog.ts';
import type {Finding, Parameter, ParameterValues, Plan, Recipe, Skipped} from '../source/model/recipe.ts';
import type {RecipeData} from '../source/model/recipe-data.ts';
import type {Snapshot} from '../source/model/snapshot.ts';
import type {Step} from '../source/model/step.ts';

const methods = ['rebuild', 'drop'] as const;

const parameters: Parameter[] = [
  {
    name: 'index',
    description: 'Only these indexes, as schema.name, comma-separated',
    kind: 'text',
    default: '',
    suggest: (_, {catalog}) => (catalog === undefined ? [] : invalid(catalog).map(qualified)),
  },
  {
    name: 'method',
    description: 'rebuild: drop and build again, unless a valid index is the same; drop: drop only',
    kind: 'choice',
    choices: methods,
    default: 'rebuild',
  },
  lockTimeoutParameter,
];

const recipe: Recipe = {
  id: 'repair-invalid-indexes',
  title: 'Repair invalid indexes',
  summary:
    'Drops and rebuilds, concurrently, indexes that a failed build left invalid: writes maintain them, no query uses them',
  parameters,
  diagnoseRequires: {catalog: true},
  planRequires: () => ({catalog: true, table_holders: true}),
  diagnose,
  plan,
};
export default recipe;

function diagnose(_snapshot: Snapshot, {catalog}: RecipeData): Finding[] {
  return catalog === undefined ? [] : invalidIndexes(catalog);
}

const invalidIndexes = memoizeByObject((catalog: Catalog): Finding[] =>
  invalid(catalog).map(index => ({
    recipe: recipe.id,
    severity: 'warning',
    subject: subjectOf(index),
    summary: `index ${describeIndex(index)} is invalid: ${index.is_ready ? 'writes maintain it, but' : 'it was never filled, and'} no query uses it`,
    evidence: {
      index: qualified(index),
      table: `${index.schema}.${index.table}`,
      is_ready: index.is_ready,
      is_unique: index.is_unique,
      size_bytes: index.size_bytes,
    },
    params: {index: qualified(index)},
  })),
);

function plan(snapshot: Snapshot, params: ParameterValues, {catalog, table_holders}: RecipeData): Plan {
  const read = readValues(params, parameters);
  const indexes = catalog?.indexes ?? [];
  const names = catalog === undefined ? [] : readList(read('index'));
  const named = new Set(names.map(name => resolveName('index', name, indexes)));
  const method = readChoice('method', read('method'), methods);
  const lock_timeout_ms = readLockTimeout(read('lock_timeout'));
  const options = {lock_timeout_ms, server_version_num: snapshot.target.server_version_num};
  const selected = indexes.filter(index => named.size === 0 || named.has(qualified(index)));
  const broken = selected.filter(({is_valid}) => !is_valid);
  const healthy = named.size === 0 ? [] : selected.filter(({is_valid}) => is_valid);
  const steps = catalog === undefined ? [] : broken.flatMap(index => repair(catalog, index, method, options));
  return {
    recipe: recipe.id,
    params: completeParams(params, parameters),
    explanation: explain({snapshot, holders: table_holders}, {broken, healthy}, steps, lock_timeout_ms),
    steps,
    skipped: catalog === undefined ? [] : [...broken, ...healthy].flatMap(index => toSkipped(catalog, index)),
    ...oneBatch(steps),
    on_failure: 'stop',
  };
}

/** Invalid indexes that no session is building. */
function invalid(catalog: Catalog): Index[] {
  return allInvalid(catalog).filter(
    index => !mayBeBuilding(catalog, index) && tableOf(catalog, index.table_oid)?.kind !== 'partitioned',
  );
}

function allInvalid({indexes}: Catalog): Index[] {
  return indexes.filter(({is_valid}) => !is_valid);
}

function repair(
  catalog: Catalog,
  index: Index,
  method: (typeof methods)[number],
  options: IndexStepOptions,
): Step[] {
  if (mayBeBuilding(catalog, index)) return [];
  const reason = whyNotRepaired(catalog, index);
  if (reason !== null) return index.is_unique ? [uniqueAdvice(index)] : [];
  const drop = dropStep(index, {kind: 'invalid'}, options);
  if (method === 'drop' || twinOf(catalog, index) !== null) return [drop];
  return [drop, buildStep({...index, shape: shapeOf(index.definition)}, options)];
}

/** A unique index is kept, unless a valid twin enforces the same. */
function whyNotRepaired(catalog: Catalog, index: Index): string | null {
  const isSpare = index.is_unique && (twinOf(catalog, index)?.is_unique ?? false);
  return whyNotDroppable(
    {...index, is_unique: index.is_unique && !isSpare},
    tableOf(catalog, index.table_oid),
  );
}

/**
 * A valid index with the same definition: the invalid one was left by REINDEX CONCURRENTLY (`_ccnew`,
 * `_ccold`), or by a build that was repeated under another name.
 */
function twinOf({indexes}: Catalog, index: Index): Index | null {
  return (
    indexes.find(
      each =>
        each.is_valid &&
        each.table_oid === index.table_oid &&
        shapeOf(each.definition) === shapeOf(index.definition),
    ) ?? null
  );
}

/** Its build failed on duplicates, and only a person knows which to keep. */
function uniqueAdvice(index: Index): Step {
  const name = `${quoteIdentifier(index.schema)}.${quoteIdentifier(index.name)}`;
  const table = `${quoteIdentifier(index.schema)}.${quoteIdentifier(index.table)}`;
  const columns = index.columns.map(column =>
    column === null ? '(its expression)' : quoteIdentifier(column),
  );
  const names = columns.join(', ');
  return {
    kind: 'advice',
    title: `remove the duplicates in ${index.schema}.${index.table}, then rebuild ${index.name}`,
    subject: subjectOf(index),
    text: [
      'A unique index cannot be built while there are duplicates, and poolctl drops no unique index. Find them:',
      `SELECT ${names}, count(*) FROM ${table} GROUP BY ${names} HAVING count(*) > 1;`,
      'Remove them, then:',
      `REINDEX INDEX CONCURRENTLY ${name};`,
    ].join('\n'),
  };
}

function toSkipped(catalog: Catalog, index: Index): Skipped[] {
  const line = (reason: string) => [{subject: subjectOf(index), description: describeIndex(index), reason}];
  if (index.is_valid) return line('it is valid');
  const build = buildOf(catalog, index);
  if (build !== null) return line(`session ${build.pid} is building it (${build.phase})`);
  if (mayBeBuilding(catalog, index))
    return line('a session that this role may not see builds an index of its table, perhaps this one');
  const reason = whyNotRepaired(catalog, index);
  return reason === null ? [] : line(reason);
}

function explain(
  seen: Pick<Waiting, 'snapshot' | 'holders'>,
  {broken, healthy}: Record<'broken' | 'healthy', Index[]>,
  steps: Step[],
  lock_timeout_ms: number,
): string[] {
  if (!steps.some(({kind}) => kind === 'sql')) {
    return [
      broken.length > 0
        ? 'poolctl can repair none of them; the reasons are below.'
        : healthy.length > 0
          ? `Nothing to repair: ${healthy.map(qualified).join(', ')} ${healthy.length === 1 ? 'is' : 'are'} valid.`
          : 'No index is invalid. Nothing to repair.',
    ];
  }
  const bytes = broken.reduce((total, {size_bytes}) => total + size_bytes, 0);
  return [
    `${broken.length === 1 ? '1 index is' : `${broken.length} indexes are`} invalid (${formatBytes(bytes)}): a build failed or was interrupted. Writes maintain such an index, and no query uses it.`,
    `${workLine(steps)} concurrently: reads and writes go on; ALTER TABLE and VACUUM of its table wait.`,
    ...preflightLines({...seen, tables: broken, lock_timeout_ms, kind: 'drop'}),
    'Undo does not make an index invalid again: it builds a valid one.',
  ];
}

/** Some are only dropped: a valid index is the same, or the method says so. */
function workLine(steps: readonly Step[]): string {
  const isSql = ({kind}: Step) => kind === 'sql';
  const rebuilt = steps.filter(step => isSql(step) && step.title.startsWith('build ')).length;
  const dropped = steps.filter(isSql).length - 2 * rebuilt;
  if (dropped === 0) return `${rebuilt === 1 ? 'It is' : 'Each is'} dropped and rebuilt`;
  if (rebuilt === 0) return `${dropped === 1 ? 'It is' : 'Each is'} only dropped,`;
  return `${rebuilt} ${rebuilt === 1 ? 'is' : 'are'} dropped and rebuilt, ${dropped} only dropped,`;
}

function subjectOf(index: Index): string {
  return `index:${qualified(index)}`;
}
