import type {Sql, SqlStep, Step, Verification} from './step.ts';

/** One line of what a step does, still to be sanitised and wrapped, and what it tells. */
export type StepLine = {
  kind:
    | 'text'
    | 'path'
    | 'diff'
    | 'guard'
    | 'setting'
    | 'statement'
    | 'values'
    | 'cleanup'
    | 'undo'
    | 'irreversible';
  text: string;
};

/**
 * A step as a preview shows it, in lines still to be sanitised and wrapped: all that is sent, in its order. Where
 * only the values differ from the step before, `head` is null and the statement is not repeated.
 */
export function stepText(step: Step, before: Step | undefined): {head: string | null; body: string[]} {
  const head = isRepeated(step, before) ? null : step.title;
  return {head, body: stepLines(step, before).map(({text}) => text)};
}

/** The same, without its title and each line by its kind. */
export function stepLines(step: Step, before?: Step): StepLine[] {
  if (step.kind === 'advice') return linesOf('text', step.text);
  if (step.kind === 'file')
    return [{kind: 'path', text: step.path}, ...step.diff.map((text): StepLine => ({kind: 'diff', text}))];
  const values = valueLine(step.apply).map((text): StepLine => ({kind: 'values', text}));
  return isRepeated(step, before) ? values : [...actLines(step), ...values, ...endLines(step)];
}

function isRepeated(step: Step, before: Step | undefined): boolean {
  if (step.kind !== 'sql' || before?.kind !== 'sql') return false;
  const constant = (each: SqlStep) => JSON.stringify([...actLines(each), ...endLines(each)]);
  return constant(before) === constant(step);
}

/** What guards the act, what is set for it, and the act itself. */
function actLines({guard, settings = {}, apply}: SqlStep): StepLine[] {
  return [
    ...(guard === undefined ? [] : linesOf('guard', `only if ${describeGuard(guard)}`)),
    ...Object.entries(settings).flatMap(([name, value]) => linesOf('setting', `SET ${name} = '${value}'`)),
    ...linesOf('statement', apply.text),
  ];
}

/** What sweeps up after a failure, the lock, and the undo. */
function endLines({cleanup, lock, undo}: SqlStep): StepLine[] {
  return [
    ...(cleanup === undefined ? [] : linesOf('cleanup', `if it fails: ${withValues(cleanup.apply)}`)),
    ...(undo === 'irreversible'
      ? linesOf('irreversible', `lock: ${lock}; cannot be undone`)
      : linesOf('undo', `lock: ${lock}; undo: ${withValues(undo.apply)}`)),
  ];
}

function describeGuard({query, expect}: Verification): string {
  return `${withValues(query)} says ${expect.column} ${expect.op} ${JSON.stringify(expect.value)}`;
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
