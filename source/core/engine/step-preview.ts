import type {Cleanup, Measure, PinnedSql, Sql, SqlStep, Step, Undo, Verification} from '../../model/step.ts';
import {secretParameters, shownExpectation, shownValue} from '../sql/secrets.ts';
import {revealLines, shownLines} from '../sql/shown-sql.ts';
import {formatMs} from '../text/format.ts';
import {escapeJson} from '../text/json.ts';
import type {Showable} from '../text/redact.ts';
import {undoOf, withoutUndoText} from './step.ts';

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

/**
 * A step's preview, to be sanitised and wrapped: everything that is sent, in order. If only its values differ from the
 * previous step, `head` is null and the statement is not repeated.
 */
export function stepText(
  step: Step,
  before: Step | undefined,
  explanation: readonly string[] = [],
): {head: string | null; body: string[]} {
  const head = isRepeated(step, before) ? null : titleBeside(step, explanation);
  return {head, body: stepLines(step, {before}).map(({text}) => text)};
}

/** The title, without the description of a session that the explanation already describes: `terminate 4711`. */
export function titleBeside({title, subject}: Step, explanation: readonly string[]): string {
  const [, pid] = /^backend:(\d+)$/.exec(subject) ?? [];
  const [described, who] = / \((.+)\)/.exec(title) ?? [];
  if (pid === undefined || described === undefined) return title;
  const isDescribed = explanation.some(text => text.startsWith(`${pid} ${who} `));
  return isDescribed ? title.replace(described, '') : title;
}

type Folding = {isFolded: boolean};

/**
 * The preview's lines by kind, without the title. If folded, one line with its meaning replaces a long guard or
 * verification, and the undo has only its statement.
 */
export function stepLines(
  step: Step,
  {before, isFolded = false}: {before?: Step | undefined; isFolded?: boolean} = {},
): StepLine[] {
  if (step.kind === 'advice') return linesOf('text', step.text);
  if (step.kind === 'file') {
    const lines = [step.path, ...step.diff].flatMap((text, at) => linesOf(at === 0 ? 'path' : 'diff', text));
    const reason = step.holds_secret
      ? linesOf('irreversible', withoutUndoText({undo: 'irreversible', holds_secret: true}) ?? '')
      : [];
    return [...lines, ...reason];
  }
  const values = valueLines('values', step.apply);
  if (isRepeated(step, before)) return [...values, ...verifiedValues(step)];
  return [...statementLines(step, {isFolded}), ...values, ...effectLines(step, {isFolded})];
}

/** Whether folding shortens any of these steps. */
export function hasFolded(steps: readonly Step[]): boolean {
  return steps.some(
    step => stepLines(step).length > stepLines(step, {isFolded: true}).length || isShortened(step),
  );
}

function isShortened(step: Step): boolean {
  return stepLines(step, {isFolded: true}).some(({kind}) => kind === 'folded');
}

/** Whether two steps differ in their values only. */
function isRepeated(step: Step, before: Step | undefined): boolean {
  if (step.kind !== 'sql' || before?.kind !== 'sql') return false;
  return constantOf(before) === constantOf(step);
}

function constantOf({title: _t, subject: _s, apply, verify, ...rest}: SqlStep): string {
  const {query, expect} = verify;
  return JSON.stringify([apply.text, query.text, expect, rest]);
}

/** Guard, settings and statement. */
function statementLines({guard, settings = {}, apply}: SqlStep, {isFolded}: Folding): StepLine[] {
  return [
    ...(guard === undefined ? [] : checkLines('guard', 'only if ', guard, isFolded)),
    ...settingLines('setting', '', settings),
    ...sqlLines('statement', '', apply),
  ];
}

/** Everything after the statement: proof, follow-ups, verification, cleanup, limits and undo. */
function effectLines(step: SqlStep, folding: Folding): StepLine[] {
  const {
    proof,
    afterwards = [],
    pins,
    verify,
    measures = [],
    cleanup,
    lock,
    lock_mode = lock,
    timeout_ms,
  } = step;
  const {isFolded} = folding;
  const undo = undoOf(step);
  const limit = timeout_ms === 0 ? 'no time limit' : `at most ${formatMs(timeout_ms)}`;
  const limits = `${limit}; lock: ${lock_mode}`;
  return [
    ...(proof === undefined ? [] : checkLines('proof', 'committed only if ', proof, isFolded)),
    ...afterwards.flatMap(each => queryLines('afterwards', 'then: ', each)),
    ...(pins === undefined || isFolded ? [] : queryLines('measure', 'read for the undo: ', pins)),
    ...checkLines('verify', 'verified by ', verify, isFolded),
    ...(isFolded ? [] : measures.flatMap(measureLines)),
    ...(cleanup === undefined ? [] : cleanupLines('if it fails: ', cleanup, folding)),
    ...(undo === null
      ? linesOf(step.undo as 'irreversible' | 'unneeded', `${limits}; ${withoutUndoText(step)}`)
      : [...queryLines('undo', `${limits}; undo: `, undo.apply), ...undoLines(undo, folding)]),
  ];
}

function undoLines(
  {guard, settings = {}, proof, afterwards = [], pins, verify, cleanup}: Undo,
  folding: Folding,
): StepLine[] {
  const then = afterwards.flatMap(each => queryLines('undo', 'and: ', each));
  if (folding.isFolded) return then;
  return [
    ...then,
    ...(guard === undefined ? [] : checkLines('undo', 'undo only if ', guard)),
    ...settingLines('undo', 'undo with ', settings),
    ...(proof === undefined ? [] : checkLines('undo', 'undo committed only if ', proof)),
    ...(pins === undefined ? [] : queryLines('undo', 'read from the undo: ', pins)),
    ...checkLines('undo', 'undo verified by ', verify),
    ...(cleanup === undefined ? [] : cleanupLines('if the undo fails: ', cleanup, folding)),
  ];
}

function cleanupLines(lead: string, {guard, apply, settings = {}}: Cleanup, {isFolded}: Folding): StepLine[] {
  const act = queryLines('cleanup', lead, apply);
  if (isFolded) return act;
  return [
    ...act,
    ...checkLines('cleanup', `${lead}only if `, guard),
    ...settingLines('cleanup', lead, settings),
  ];
}

function measureLines({name, query, kind}: Measure): StepLine[] {
  return queryLines('measure', `before and after, ${name}: ${kind === 'plan' ? 'EXPLAIN ' : ''}`, query);
}

/** The values of a repeated step's verification, unless its statement has the same values. */
function verifiedValues({apply, verify}: SqlStep): StepLine[] {
  const shown = new Set(apply.values.map(value => JSON.stringify(value)));
  if (verify.query.values.every(value => shown.has(JSON.stringify(value)))) return [];
  return valueLines('verify', verify.query).map(({kind, text}) => ({kind, text: `verified by ${text}`}));
}

function linesOf(kind: Kind, text: Showable): StepLine[] {
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
function queryLines(kind: Kind, lead: string, sql: AnySql): StepLine[] {
  const values = valuesOf(sql);
  return withEnd(
    sqlLines(kind, lead, sql),
    values === null ? '' : sql.console ? ` ${values}` : ` with ${values}`,
  );
}

/** `SET name = 'value'`, one per line. */
function settingLines(kind: Kind, lead: string, settings: Record<string, string>): StepLine[] {
  return Object.entries(settings).flatMap(([name, value]) =>
    sqlLines(kind, lead, {text: `SET ${name} = '${value.replaceAll("'", "''")}'`}),
  );
}

/** A check and its expected result. A long check is preceded by its meaning; folded, only the meaning is shown. */
function checkLines(kind: Kind, lead: string, check: Verification<AnySql>, isFolded = false): StepLine[] {
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

/** The reasons for which a guard skips the step, as `not: ...`; null if the guard returns no reasons. */
function meaningOf({query, expect}: Verification<AnySql>): string | null {
  const answers = [...query.text.matchAll(/\b(?:THEN|ELSE) '((?:[^']|'')*)'/g)].flatMap(
    ([, answer]) => answer ?? [],
  );
  const refusals = answers.filter(answer => answer !== expect.value);
  if (expect.column !== 'guard' || refusals.length === 0) return null;
  return `not: ${refusals.map(text => text.replaceAll("''", "'")).join('; ')}`;
}

/** `$1 = 4711, $2 = "app"` with secrets masked, or which PgBouncer gets the command; null without values. */
function valuesOf({text, values, console}: AnySql): Showable | null {
  if (console !== undefined) {
    const where = Object.entries(console.where ?? {}).map(([column, value]) => `${column} = ${value}`);
    const rows = where.length === 0 ? '' : `, row ${where.join(', ')},`;
    return escapeJson(`in PgBouncer ${console.pooler}${rows}`);
  }
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
