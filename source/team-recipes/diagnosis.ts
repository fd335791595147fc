import {BugError} from '../core/errors.ts';
import {readValues} from '../core/recipe/parameters.ts';
import {quoteIdentifier} from '../core/sql/quote.ts';
import type {Finding, ParameterValues} from '../model/recipe.ts';
import type {RecipeData, Row} from '../model/recipe-data.ts';
import type {Sql, Verification} from '../model/step.ts';
import {parameterValue} from './front-matter.ts';
import {type MarkdownRecipe, statementsOf} from './markdown-recipe.ts';
import {fill, namesIn, type Value} from './template.ts';

/** A row of the diagnosis. */
export type DiagnosisRow = {
  subject: string;
  summary: string;
  severity: string;
  /** Its other columns. */
  evidence: Finding['evidence'];
  /** Why the plan skips it; null: the plan has a step for it. */
  skipped: string | null;
  /** The columns that the plan's statements use, as text, which is exact for every type. */
  columns: Record<string, string | null>;
};

/** The recipe's query, wrapped to return the columns that poolctl reads. The server reports a missing column. */
export function diagnosisQuery(recipe: MarkdownRecipe, params: ParameterValues): Sql {
  const {text, values} = fill(recipe.diagnose.template, createParameterReader(recipe, params));
  const functions = functionsOf(recipe);
  const columns = columnsOf(recipe).flatMap(name => [
    `'${name}'`,
    `found_row.${quoteIdentifier(name)}::text`,
  ]);
  return {
    text: [
      'SELECT found_row.subject::text AS subject, found_row.summary::text AS summary,',
      '  found_row.severity::text AS severity, pg_catalog.to_jsonb(found_row) AS evidence,',
      `  pg_catalog.jsonb_build_object(${columns.join(', ')}) AS columns`,
      `FROM (\n${text}\n) AS found_row`,
    ].join('\n'),
    values,
    functions,
  };
}

/** Functions outside pg_catalog that its queries may call. */
export function functionsOf({functions}: MarkdownRecipe): string[] {
  return functions.map(({name}) => name);
}

/** Names in the plan's statements that are not parameters: columns of the diagnosis. */
function columnsOf({plan, parameters}: MarkdownRecipe): string[] {
  const own = new Set(parameters.map(({name}) => name));
  const names = statementsOf(plan).flatMap(({template}) => namesIn(template));
  return [...new Set(names)].filter(name => !own.has(name));
}

/** null if the diagnosis was not requested or could not be read. */
export function diagnosisRows(id: string, {answers}: RecipeData): DiagnosisRow[] | null {
  return answers?.[id]?.map(toDiagnosisRow) ?? null;
}

function toDiagnosisRow({subject, summary, severity, evidence, columns}: Row): DiagnosisRow {
  const all = Object.entries((evidence ?? {}) as Record<string, unknown>);
  const skipped = all.find(([name, value]) => skippedColumns.includes(name) && value !== null)?.[1] ?? null;
  return {
    subject: String(subject ?? ''),
    summary: String(summary ?? ''),
    severity: String(severity ?? ''),
    evidence: Object.fromEntries(
      all.flatMap(([name, value]) => (ownColumns.has(name) ? [] : [[name, plainValue(value)]])),
    ),
    skipped: skipped === null ? null : String(skipped),
    columns: (columns ?? {}) as DiagnosisRow['columns'],
  };
}

/** Columns with the reason for skipping a row; in poolctl 0.1 the column was left_alone. */
const skippedColumns = ['skipped', 'left_alone'];

/** Columns that poolctl reads; the others are evidence. */
const ownColumns: ReadonlySet<string> = new Set(['subject', 'summary', 'severity', ...skippedColumns]);

function plainValue(value: unknown): Finding['evidence'][string] {
  if (value === null || typeof value === 'object') return value === null ? null : JSON.stringify(value);
  return typeof value === 'number' || typeof value === 'boolean' ? value : String(value);
}

/**
 * Holds while the diagnosis returns this row with the same values and not skipped; with null, any row that is not
 * skipped.
 */
export function guardOf(
  recipe: MarkdownRecipe,
  params: ParameterValues,
  row: DiagnosisRow | null,
): Verification {
  const {text, values} = fill(recipe.diagnose.template, createParameterReader(recipe, params));
  const pinned = row === null ? [] : Object.entries({...row.columns, subject: row.subject});
  const conditions = pinned.map(
    ([name], index) =>
      `found_row.${quoteIdentifier(name)}::text IS NOT DISTINCT FROM $${values.length + index + 1}`,
  );
  const notSkipped = skippedColumns.map(name => `pg_catalog.to_jsonb(found_row) ->> '${name}' IS NULL`);
  const where = [...conditions, ...notSkipped].join(' AND ');
  return {
    query: {
      text: `SELECT EXISTS (SELECT FROM (\n${text}\n) AS found_row WHERE ${where}) AS is_found`,
      values: [...values, ...pinned.map(([, value]) => value)],
      functions: functionsOf(recipe),
    },
    expect: {column: 'is_found', op: '=', value: true},
  };
}

/** Reads the value of a parameter by its name. Throws AbortError (exit 2) for text that is not of its type. */
export function createParameterReader(
  {parameters}: MarkdownRecipe,
  params: ParameterValues,
): (name: string) => Value {
  const own = Object.fromEntries(Object.entries(params).filter(([name]) => name !== 'subject'));
  const read = readValues(own, parameters);
  return name => {
    const parameter = parameters.find(each => each.name === name);
    if (parameter === undefined) throw new BugError(`the recipe uses the unknown parameter "${name}"`);
    return parameterValue(parameter, read(name));
  };
}
