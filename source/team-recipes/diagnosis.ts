import {BugError} from '../core/errors.ts';
import {readValues} from '../core/recipe/parameters.ts';
import {quoteIdentifier} from '../core/sql/quote.ts';
import type {Finding} from '../model/finding.ts';
import type {ParameterValues} from '../model/parameter.ts';
import type {RecipeData, Row} from '../model/recipe-data.ts';
import type {Sql, Verification} from '../model/step.ts';
import {parameterValue} from './front-matter.ts';
import {type MarkdownRecipe, statementsOf} from './markdown-recipe.ts';
import {fill, namesIn, type Value} from './template.ts';

/** What the diagnosis returned for one thing that is wrong. */
export type DiagnosisRow = {
  subject: string;
  summary: string;
  severity: string;
  /** Its further columns. */
  evidence: Finding['evidence'];
  /** Why nothing is done about it; null: it is acted on. */
  left_alone: string | null;
  /** The columns that the statements after it use, as text: exact, whatever their types. */
  columns: Record<string, string | null>;
};

/** The runbook's own query, asked for the columns that count; a column it lacks is the server's error. */
export function diagnosisQuery(runbook: MarkdownRecipe, params: ParameterValues): Sql {
  const {text, values} = fill(runbook.diagnose.template, createParameterReader(runbook, params));
  const functions = functionsOf(runbook);
  const columns = columnsOf(runbook).flatMap(name => [
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

/** What each query of it may call besides PostgreSQL's own. */
export function functionsOf({functions}: MarkdownRecipe): string[] {
  return functions.map(({name}) => name);
}

/** Names in the plan, its verification and its undo that are no parameters: columns of the diagnosis. */
function columnsOf({plan: act, parameters}: MarkdownRecipe): string[] {
  const own = new Set(parameters.map(({name}) => name));
  const names = statementsOf(act).flatMap(({template}) => namesIn(template));
  return [...new Set(names)].filter(name => !own.has(name));
}

/** null where the diagnosis was not asked for or could not be read. */
export function diagnosisRows(id: string, {answers}: RecipeData): DiagnosisRow[] | null {
  return answers?.[id]?.map(toFound) ?? null;
}

function toFound({subject, summary, severity, evidence, columns}: Row): DiagnosisRow {
  const all = Object.entries((evidence ?? {}) as Record<string, unknown>);
  const left_alone = all.find(([name]) => name === 'left_alone')?.[1] ?? null;
  return {
    subject: String(subject ?? ''),
    summary: String(summary ?? ''),
    severity: String(severity ?? ''),
    evidence: Object.fromEntries(
      all.flatMap(([name, value]) => (ownColumns.has(name) ? [] : [[name, plainValue(value)]])),
    ),
    left_alone: left_alone === null ? null : String(left_alone),
    columns: (columns ?? {}) as DiagnosisRow['columns'],
  };
}

/** Those that mean something to poolctl. */
const ownColumns: ReadonlySet<string> = new Set(['subject', 'summary', 'severity', 'left_alone']);

function plainValue(value: unknown): Finding['evidence'][string] {
  if (value === null || typeof value === 'object') return value === null ? null : JSON.stringify(value);
  return typeof value === 'number' || typeof value === 'boolean' ? value : String(value);
}

/** The diagnosis still returns this row to act on, with the values that the statements rest on; or any row at all. */
export function guardOf(
  runbook: MarkdownRecipe,
  params: ParameterValues,
  found: DiagnosisRow | null,
): Verification {
  const {text, values} = fill(runbook.diagnose.template, createParameterReader(runbook, params));
  const pinned = found === null ? [] : Object.entries({...found.columns, subject: found.subject});
  const conditions = pinned.map(
    ([name], index) =>
      `found_row.${quoteIdentifier(name)}::text IS NOT DISTINCT FROM $${values.length + index + 1}`,
  );
  const where = [...conditions, "pg_catalog.to_jsonb(found_row) ->> 'left_alone' IS NULL"].join(' AND ');
  return {
    query: {
      text: `SELECT EXISTS (SELECT FROM (\n${text}\n) AS found_row WHERE ${where}) AS is_found`,
      values: [...values, ...pinned.map(([, value]) => value)],
      functions: functionsOf(runbook),
    },
    expect: {column: 'is_found', op: '=', value: true},
  };
}

/** Reads a parameter by its name, as SQL is given it. Throws AbortError (exit 2) for a text that is none of its type. */
export function createParameterReader(
  {parameters}: MarkdownRecipe,
  params: ParameterValues,
): (name: string) => Value {
  const own = Object.fromEntries(Object.entries(params).filter(([name]) => name !== 'subject'));
  const read = readValues(own, parameters);
  return name => {
    const parameter = parameters.find(each => each.name === name);
    if (parameter === undefined) throw new BugError(`a runbook was let through that asks for "${name}"`);
    return parameterValue(parameter, read(name));
  };
}
