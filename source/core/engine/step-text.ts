import {type Sql, type SqlStep, type Step, type Verification, withoutUndoText} from '../step.ts';

/** One line of what a step does, still to be sanitised and wrapped, and what it tells. */
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
    | 'cleanup'
    | 'undo'
    | 'irreversible'
    | 'unneeded';
  text: string;
};

/**
 * A step as a preview shows it, in lines still to be sanitised and wrapped: all that is sent, in its order. Where
 * only the values differ from the step before, `head` is null and the statement is not repeated. Long guards are folded.
 */
export function stepText(
  step: Step,
  before: Step | undefined,
  explanation: readonly string[] = [],
): {head: string | null; body: string[]} {
  const head = isRepeated(step, before) ? null : titleBeside(step, explanation);
  return {head, body: stepLines(step, {before, isFolded: true}).map(({text}) => text)};
}

/** A session that a line of the explanation describes, after its pid, is not described again: `end session 4711`. */
export function titleBeside({title, subject}: Step, explanation: readonly string[]): string {
  const [, pid] = /^backend:(\d+)$/.exec(subject) ?? [];
  const [described, who] = / \((.+)\)/.exec(title) ?? [];
  if (pid === undefined || described === undefined) return title;
  const isDescribed = explanation.some(text => text.startsWith(`${pid} ${who} `));
  return isDescribed ? title.replace(described, '') : title;
}

/** The same, without its title and each line by its kind. `isFolded`: of a long guard what it means, in one line. */
export function stepLines(
  step: Step,
  {before, isFolded = false}: {before?: Step | undefined; isFolded?: boolean} = {},
): StepLine[] {
  if (step.kind === 'advice') return linesOf('text', step.text);
  if (step.kind === 'file')
    return [{kind: 'path', text: step.path}, ...step.diff.map((text): StepLine => ({kind: 'diff', text}))];
  const values = valueLine(step.apply).map((text): StepLine => ({kind: 'values', text}));
  return isRepeated(step, before) ? values : [...actLines(step, isFolded), ...values, ...endLines(step)];
}

/** Whether any of these steps has a guard that is shown folded. */
export function hasLongGuard(steps: readonly Step[]): boolean {
  return steps.some(
    step => step.kind === 'sql' && step.guard !== undefined && isLong(`only if ${describeGuard(step.guard)}`),
  );
}

function isRepeated(step: Step, before: Step | undefined): boolean {
  if (step.kind !== 'sql' || before?.kind !== 'sql') return false;
  const constant = (each: SqlStep) => JSON.stringify([...actLines(each, false), ...endLines(each)]);
  return constant(before) === constant(step);
}

/** What guards the act, what is set for it, and the act itself. */
function actLines({guard, settings = {}, apply, proof}: SqlStep, isFolded: boolean): StepLine[] {
  return [
    ...(guard === undefined ? [] : checkLines('guard', guard, isFolded)),
    ...Object.entries(settings).flatMap(([name, value]) => linesOf('setting', `SET ${name} = '${value}'`)),
    ...linesOf('statement', apply.text),
    ...(proof === undefined ? [] : checkLines('proof', proof, isFolded)),
  ];
}

/** What sweeps up after a failure, the lock, and the undo. */
function endLines({afterwards = [], cleanup, lock, undo}: SqlStep): StepLine[] {
  return [
    ...afterwards.flatMap(each => linesOf('afterwards', `then: ${withValues(each)}`)),
    ...(cleanup === undefined ? [] : linesOf('cleanup', `if it fails: ${withValues(cleanup.apply)}`)),
    ...(typeof undo === 'string'
      ? linesOf(undo, `lock: ${lock}; ${withoutUndoText({undo})}`)
      : [
          ...linesOf('undo', `lock: ${lock}; undo: ${withValues(undo.apply)}`),
          ...(undo.afterwards ?? []).flatMap(each => linesOf('undo', `and: ${withValues(each)}`)),
        ]),
  ];
}

function checkLines(kind: 'guard' | 'proof', check: Verification, isFolded: boolean): StepLine[] {
  const when = kind === 'guard' ? 'only if' : 'committed only if';
  const whole = `${when} ${describeGuard(check)}`;
  if (isFolded && isLong(whole)) return [{kind: 'folded', text: `${when} ${meaningOf(check)}`}];
  return linesOf(kind, whole);
}

/** More than two lines of a terminal of 80 columns. */
function isLong(text: string): boolean {
  return text.length > 160 || text.split('\n').length > 2;
}

function describeGuard({query, expect}: Verification): string {
  return `${withValues(query)} says ${describeExpected(expect)}`;
}

function describeExpected({column, op, value}: Verification['expect']): string {
  return `${column} ${op} ${JSON.stringify(value)}`;
}

/** Of a guard that answers in words, the answers that leave the step alone; else what it compares. */
function meaningOf({query, expect}: Verification): string {
  const answers = [...query.text.matchAll(/\b(?:THEN|ELSE) '((?:[^']|'')*)'/g)].flatMap(
    ([, answer]) => answer ?? [],
  );
  const refusals = answers.filter(answer => answer !== expect.value);
  if (expect.column !== 'guard' || refusals.length === 0) return describeExpected(expect);
  return `not: ${refusals.map(text => text.replaceAll("''", "'")).join('; ')}`;
}

function withValues(sql: Sql): string {
  return [sql.text, ...valueLine(sql)].join(' with ');
}

function valueLine({values}: Sql): string[] {
  if (values.length === 0) return [];
  return [values.map((value, at) => `$${at + 1} = ${JSON.stringify(value)}`).join(', ')];
}

function linesOf(kind: StepLine['kind'], text: string): StepLine[] {
  return text.split('\n').map(line => ({kind, text: line}));
}
