import type {PinnedSql, Sql, Verification} from '../../model/step.ts';
import {secretParameters, shownExpectation, shownValue} from '../sql/secrets.ts';
import {escapeJson} from '../text/json.ts';
import type {Showable} from '../text/redact.ts';
import {revealLines, shownLines} from '../text/reveal.ts';

/** One line of what a step does, to be wrapped, and what it tells: nothing in it is hidden, and no secret is shown. */
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

/** The statement alone, line by line. */
export function sqlLines(
  kind: Kind,
  lead: string,
  {text, withheld}: Pick<Sql, 'text' | 'withheld'>,
): StepLine[] {
  const lines = withheld ? ['(not kept: it held what looks like a secret)'] : shownLines(text);
  return lines.map((line, at) => ({kind, text: at === 0 ? lead + line : line}));
}

/** Its values alone. */
export function valueLines(kind: Kind, sql: AnySql): StepLine[] {
  const values = valuesOf(sql);
  return values === null ? [] : [{kind, text: values}];
}

/** A statement with its values behind it, on its last line. */
export function queryLines(kind: Kind, lead: string, sql: AnySql): StepLine[] {
  const values = valuesOf(sql);
  return withEnd(sqlLines(kind, lead, sql), values === null ? '' : ` with ${values}`);
}

/** `SET name = 'value'`, one a line. */
export function settingLines(kind: Kind, lead: string, settings: Record<string, string>): StepLine[] {
  return Object.entries(settings).flatMap(([name, value]) =>
    sqlLines(kind, lead, {text: `SET ${name} = '${value.replaceAll("'", "''")}'`}),
  );
}

/** A check and what it is to say: whole, after what it means where it is long, or `isFolded` that meaning alone. */
export function checkLines(
  kind: Kind,
  lead: string,
  check: Verification<AnySql>,
  isFolded = false,
): StepLine[] {
  const whole = withEnd(queryLines(kind, lead, check.query), ` says ${describeExpected(check.expect)}`);
  if (!isLong(whole)) return whole;
  const meaning = meaningOf(check);
  if (isFolded) return linesOf('folded', lead + (meaning ?? describeExpected(check.expect)));
  return meaning === null ? whole : [...linesOf('folded', lead + meaning), ...whole];
}

function withEnd(lines: readonly StepLine[], end: string): StepLine[] {
  return lines.map((line, at) => (at === lines.length - 1 ? {...line, text: line.text + end} : line));
}

/** More than two lines of a terminal of 80 columns. */
function isLong(lines: readonly StepLine[]): boolean {
  return lines.length > 2 || lines.reduce((length, {text}) => length + text.length + 1, 0) > 160;
}

function describeExpected(expect: Verification['expect']): string {
  const {column, op, value} = shownExpectation(expect);
  return `${column} ${op} ${escapeJson(JSON.stringify(value))}`;
}

/** Of a guard that answers in words, the answers that leave the step alone; else null. */
function meaningOf({query, expect}: Verification<AnySql>): string | null {
  const answers = [...query.text.matchAll(/\b(?:THEN|ELSE) '((?:[^']|'')*)'/g)].flatMap(
    ([, answer]) => answer ?? [],
  );
  const refusals = answers.filter(answer => answer !== expect.value);
  if (expect.column !== 'guard' || refusals.length === 0) return null;
  return `not: ${refusals.map(text => text.replaceAll("''", "'")).join('; ')}`;
}

/** `$1 = 4711, $2 = "app"`, without the secrets among them; null where there are none. */
function valuesOf({text, values}: AnySql): Showable | null {
  if (values.length === 0) return null;
  const secret = secretParameters(text);
  return values
    .map((value, at) => `$${at + 1} = ${secret.has(at + 1) ? '"***"' : describeValue(value)}`)
    .join(', ');
}

/** What only the act can tell is named. */
function describeValue(value: PinnedSql['values'][number]): Showable {
  if (typeof value === 'object' && value !== null && 'pin' in value) return `(${value.pin} of what was made)`;
  return escapeJson(JSON.stringify(shownValue(value)));
}
