import type {Sql, SqlStep, Step, Verification} from './step.ts';

/**
 * A step as a preview shows it, in lines still to be sanitised and wrapped: all that is sent, in its order. Where
 * only the values differ from the step before, `head` is null and the statement is not repeated.
 */
export function stepText(step: Step, before: Step | undefined): {head: string | null; body: string[]} {
  if (step.kind === 'advice') return {head: step.title, body: step.text.split('\n')};
  if (step.kind === 'file') return {head: step.title, body: [step.path, ...step.diff]};
  const values = valueLine(step.apply);
  const isRepeated = before?.kind === 'sql' && sqlLines(before).join() === sqlLines(step).join();
  return isRepeated
    ? {head: null, body: values}
    : {head: step.title, body: [...sqlLines(step).flatMap(text => text.split('\n')), ...values]};
}

/** What guards the act, what is set for it, the act itself, its lock and its undo. */
function sqlLines({guard, settings = {}, apply, undo, lock}: SqlStep): string[] {
  const undone = undo === 'irreversible' ? 'cannot be undone' : `undo: ${undo.apply.text}`;
  return [
    ...(guard === undefined ? [] : [`only if ${describeGuard(guard)}`]),
    ...Object.entries(settings).map(([name, value]) => `SET ${name} = '${value}'`),
    apply.text,
    `lock: ${lock}; ${undone}`,
  ];
}

function describeGuard({query, expect}: Verification): string {
  const values = valueLine(query).map(text => ` with ${text}`);
  return `${query.text}${values.join('')} says ${expect.column} ${expect.op} ${JSON.stringify(expect.value)}`;
}

function valueLine({values}: Sql): string[] {
  if (values.length === 0) return [];
  return [values.map((value, at) => `$${at + 1} = ${JSON.stringify(value)}`).join(', ')];
}
