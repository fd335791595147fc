import {usageError} from '../source/core/errors.ts';
import {oneBatch} from '../source/core/recipe/one-batch.ts';
import {completeParams, readText, readValues, writeText} from '../source/core/recipe/parameters.ts';
import {quoteIdentifier} from '../source/core/sql/quote.ts';
import type {Parameter, ParameterValues, Plan, Recipe} from '../source/model/recipe.ts';
import type {RecipeData, StatementStatistics, UncountedBy} from '../source/model/recipe-data.ts';
import type {Snapshot} from '../source/model/snapshot.ts';
import type {AdviceStep, Sql, SqlStep, SqlWith, Step, Verification} from '../source/model/step.ts';

const subject = 'extension:pg_stat_statements';

const parameters: Parameter[] = [
  {
    name: 'schema',
    description: 'Schema for its view and functions',
    kind: 'text',
    default: 'public',
    suggest: (_, {statement_statistics}) => (statement_statistics?.schemas ?? []).map(writeText),
  },
];

/** No findings: `doctor` reports missing statistics. */
const recipe: Recipe = {
  id: 'enable-statement-statistics',
  title: 'Enable statement statistics',
  summary: 'Creates pg_stat_statements if the server has loaded it; otherwise says how to load it',
  parameters,
  diagnose: () => [],
  planRequires: () => ({statement_statistics: true}),
  defaults,
  plan,
};
export default recipe;

/** Two managed services keep extensions in their own schema. */
function defaults({target}: Snapshot): ParameterValues {
  if (target.managed_service === 'supabase') return {schema: 'extensions'};
  return target.managed_service === 'heroku' ? {schema: 'heroku_ext'} : {};
}

function plan({target}: Snapshot, params: ParameterValues, {statement_statistics}: RecipeData): Plan {
  if (statement_statistics === undefined)
    throw usageError('the state of pg_stat_statements could not be read');
  const schema = readText(readValues(params, parameters)('schema')) ?? '';
  if (!statement_statistics.schemas.includes(schema))
    throw usageError(
      `schema "${schema}" does not exist`,
      `schemas: ${statement_statistics.schemas.join(', ')}`,
    );
  const steps = stepsFor(statement_statistics, schema);
  return {
    recipe: recipe.id,
    params: completeParams(params, parameters),
    explanation: explain(statement_statistics, steps, target.database),
    steps,
    skipped: [],
    ...oneBatch(steps),
  };
}

function stepsFor(statistics: StatementStatistics, schema: string): Step[] {
  if (statistics.available_version === null && statistics.installed === null) return [installAdvice];
  if (!statistics.is_loaded) return [restartAdvice(statistics)];
  return [...extensionSteps(statistics, schema), ...statistics.uncounted.map(settingAdvice)];
}

const installAdvice: AdviceStep = {
  kind: 'advice',
  title: 'install the files of pg_stat_statements',
  subject,
  text: "They are part of PostgreSQL's contrib modules: install the package postgresql-contrib, or its name in your distribution. Then run this again.",
};

function restartAdvice({is_restart_pending, preload_remedy, service_note}: StatementStatistics): AdviceStep {
  return is_restart_pending
    ? {
        kind: 'advice',
        title: 'restart the server',
        subject,
        text: 'shared_preload_libraries has changed and takes effect at a restart. Then run this again.',
      }
    : {
        kind: 'advice',
        title: 'load pg_stat_statements, which needs a restart',
        subject,
        text: [preload_remedy, ...(service_note === null ? [] : [service_note]), 'Then run this again.'].join(
          '\n',
        ),
      };
}

/** A reload is enough. Advice only, because ALTER SYSTEM cannot be undone as a step. */
function settingAdvice({setting, reason, remedy}: UncountedBy): AdviceStep {
  return {
    kind: 'advice',
    title: `change ${setting}`,
    subject: `setting:${setting}`,
    text: `${reason}.\n${remedy}`,
  };
}

function extensionSteps({installed}: StatementStatistics, schema: string): SqlStep[] {
  if (installed === null) return [createStep(schema)];
  return isTooOld(installed.version) ? [updateStep(installed.version)] : [];
}

/** Versions before 1.8 (PostgreSQL 13) do not separate planning time; pg_upgrade keeps them. */
function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < 1 || (major === 1 && minor < 8);
}

/** The undo drops the extension only: the server refuses if something depends on it (2BP01). */
function createStep(schema: string): SqlStep {
  return {
    kind: 'sql',
    title: `create extension pg_stat_statements in schema ${schema}`,
    subject,
    guard: isThere('absent', null),
    apply: sql(`CREATE EXTENSION pg_stat_statements WITH SCHEMA ${quoteIdentifier(schema)}`),
    pins: sql("SELECT oid::text FROM pg_catalog.pg_extension WHERE extname = 'pg_stat_statements'"),
    undo: {
      apply: sql('DROP EXTENSION pg_stat_statements'),
      guard: isThere('there', schema, {pin: 'oid'}),
      verify: isThere('absent', null),
    },
    verify: isThere('there', schema),
    lock: 'none',
    transaction: true,
    timeout_ms: 10_000,
  };
}

/** Irreversible: there are no downgrade scripts. */
function updateStep(version: string): SqlStep {
  const query = sql(
    "SELECT CASE WHEN e.extversion = $1 THEN 'old' ELSE 'it has another version now' END AS guard FROM pg_catalog.pg_extension e WHERE e.extname = 'pg_stat_statements'",
    version,
  );
  return {
    kind: 'sql',
    title: `update extension pg_stat_statements from ${version}`,
    subject,
    guard: {query, expect: {column: 'guard', op: '=', value: 'old'}},
    apply: sql('ALTER EXTENSION pg_stat_statements UPDATE'),
    undo: 'irreversible',
    verify: {query, expect: {column: 'guard', op: '<>', value: 'old'}},
    lock: 'none',
    transaction: true,
    timeout_ms: 10_000,
  };
}

/** `schema` null: any schema. `oid` null: any oid. */
function isThere<Value = null>(
  expected: 'absent' | 'there',
  schema: string | null,
  oid: Value | null = null,
): Verification<SqlWith<Value>> {
  return {
    query: {
      text: "SELECT CASE WHEN e.extname IS NULL THEN 'absent' WHEN e.oid <> $2::oid THEN 'it was dropped and created again' WHEN $1::text IS NULL OR n.nspname = $1 THEN 'there' ELSE 'it is in another schema now' END AS guard FROM (SELECT) one LEFT JOIN pg_catalog.pg_extension e ON e.extname = 'pg_stat_statements' LEFT JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace",
      values: [schema, oid],
    },
    expect: {column: 'guard', op: '=', value: expected},
  };
}

function sql(text: string, ...values: Sql['values']): Sql {
  return {text, values};
}

function explain({installed}: StatementStatistics, steps: readonly Step[], database: string): string[] {
  if (steps.length === 0) {
    return [
      `pg_stat_statements ${installed?.version ?? ''} counts the statements of ${database}. Nothing to do.`,
    ];
  }
  const hasStatement = steps.some(({kind}) => kind === 'sql');
  if (hasStatement && installed !== null) {
    return [
      `poolctl cannot read version ${installed.version} of pg_stat_statements, which database ${database} has.`,
      "The update takes no lock on tables and needs a superuser or the extension's owner; the server keeps its counters.",
    ];
  }
  return [
    'Without pg_stat_statements, poolctl cannot tell which statements cost most.',
    ...(hasStatement
      ? [
          `The library is loaded, but its view is missing in database ${database}. Creating it takes no lock on tables and needs a superuser, or the role that a managed service has for it.`,
          'Undo drops the extension with its view, unless something else depends on it; the server keeps its counters.',
        ]
      : ['Do this yourself: poolctl does not restart servers or change their files.']),
  ];
}
