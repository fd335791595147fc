import type {PinnedSql, Sql, Verification} from '../../model/step.ts';
import {secretParameters, shownExpectation, shownValue} from '../sql/secrets.ts';
import {escapeJson} from '../text/json.ts';
import type {Showable} from '../text/redact.ts';
import {revealLines, shownLines} from '../text/reveal.ts';

/** One line of a step's preview, not yet wrapped. Control characters are visible, secrets are masked. */
export type StepLine = {
  kind:
    | 'text'
    | 'path'
    | 'diff'
    | 'guard'
    | 'folded'
    | 'setting'
    | 'statement'
    | 'proof'
    | 'afterwards'
    | 'values'
    | 'verify'
    | 'measure'
    | 'cleanup'
    | 'undo'
    | 'irreversible'
    | 'unneeded';
  text: Showable;
};

type Kind = StepLine['kind'];
type AnySql = Sql | PinnedSql;

export function linesOf(kind: Kind, text: Showable): StepLine[] {
  return revealLines(text).map(line => ({kind, text: line}));
}

/** The lines of a statement without its values. */
export function sqlLines(
  kind: Kind,
  lead: string,
  {text, withheld}: Pick<Sql, 'text' | 'withheld'>,
): StepLine[] {
  const lines = withheld ? ['(not stored: it contained what looks like a secret)'] : shownLines(text);
  return lines.map((line, at) => ({kind, text: at === 0 ? lead + line : line}));
}

/** The values of a statement. */
export function valueLines(kind: Kind, sql: AnySql): StepLine[] {
  const values = valuesOf(sql);
  return values === null ? [] : [{kind, text: values}];
}

/** The lines of a statement, with its values at the end of the last. */
export function queryLines(kind: Kind, lead: string, sql: AnySql): StepLine[] {
  const values = valuesOf(sql);
  return withEnd(sqlLines(kind, lead, sql), values === null ? '' : ` with ${values}`);
}

/** `SET name = 'value'`, one per line. */
export function settingLines(kind: Kind, lead: string, settings: Record<string, string>): StepLine[] {
  return Object.entries(settings).flatMap(([name, value]) =>
    sqlLines(kind, lead, {text: `SET ${name} = '${value.replaceAll("'", "''")}'`}),
  );
}

/** A check and its expected result. A long check is preceded by its meaning; folded, only the meaning is shown. */
export function checkLines(
  kind: Kind,
  lead: string,
  check: Verification<AnySql>,
  isFolded = false,
): StepLine[] {
  const whole = withEnd(queryLines(kind, lead, check.query), ` returns ${describeExpected(check.expect)}`);
  if (!isLong(whole)) return whole;
  const meaning = meaningOf(check);
  if (isFolded) return linesOf('folded', lead + (meaning ?? describeExpected(check.expect)));
  return meaning === null ? whole : [...linesOf('folded', lead + meaning), ...whole];
}

function withEnd(lines: readonly StepLine[], end: string): StepLine[] {
  return lines.map((line, at) => (at === lines.length - 1 ? {...line, text: line.text + end} : line));
}

/** Longer than two lines of 80 columns. */
function isLong(lines: readonly StepLine[]): boolean {
  return lines.length > 2 || lines.reduce((length, {text}) => length + text.length + 1, 0) > 160;
}

function describeExpected(expect: Verification['expect']): string {
  const {column, op, value} = shownExpectation(expect);
  return `${column} ${op} ${escapeJson(JSON.stringify(value))}`;
}

/** The answers of a guard that skip the step, as `not: ...`; null if it does not answer in words. */
function meaningOf({query, expect}: Verification<AnySql>): string | null {
  const answers = [...query.text.matchAll(/\b(?:THEN|ELSE) '((?:[^']|'')*)'/g)].flatMap(
    ([, answer]) => answer ?? [],
  );
  const refusals = answers.filter(answer => answer !== expect.value);
  if (expect.column !== 'guard' || refusals.length === 0) return null;
  return `not: ${refusals.map(text => text.replaceAll("''", "'")).join('; ')}`;
}

/** `$1 = 4711, $2 = "app"` with secrets masked; null without values. */
function valuesOf({text, values}: AnySql): Showable | null {
  if (values.length === 0) return null;
  const secret = secretParameters(text);
  return values
    .map((value, at) => `$${at + 1} = ${secret.has(at + 1) ? '"***"' : describeValue(value)}`)
    .join(', ');
}

/** A value known only after execution is named. */
function describeValue(value: PinnedSql['values'][number]): Showable {
  if (typeof value === 'object' && value !== null && 'pin' in value)
    return `(${value.pin} of the created object)`;
  return escapeJson(JSON.stringify(shownValue(value)));
}
