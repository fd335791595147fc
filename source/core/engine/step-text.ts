import type {Cleanup, Measure, SqlStep, Step, Undo} from '../../model/step.ts';
import {formatMs} from '../text/format.ts';
import {undoOf, withoutUndoText} from './step.ts';
import {
  checkLines,
  linesOf,
  queryLines,
  type StepLine,
  settingLines,
  sqlLines,
  valueLines,
} from './step-lines.ts';

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

/** The title, without the description of a session that the explanation already describes: `end session 4711`. */
export function titleBeside({title, subject}: Step, explanation: readonly string[]): string {
  const [, pid] = /^backend:(\d+)$/.exec(subject) ?? [];
  const [described, who] = / \((.+)\)/.exec(title) ?? [];
  if (pid === undefined || described === undefined) return title;
  const isDescribed = explanation.some(text => text.startsWith(`${pid} ${who} `));
  return isDescribed ? title.replace(described, '') : title;
}

type Folding = {isFolded: boolean};

/**
 * The preview's lines by kind, without the title. Folded, a long guard or verification is its meaning in one line, and the
 * undo only its statement.
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
  return [...actLines(step, {isFolded}), ...values, ...endLines(step, {isFolded})];
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
function actLines({guard, settings = {}, apply}: SqlStep, {isFolded}: Folding): StepLine[] {
  return [
    ...(guard === undefined ? [] : checkLines('guard', 'only if ', guard, isFolded)),
    ...settingLines('setting', '', settings),
    ...sqlLines('statement', '', apply),
  ];
}

/** Everything after the statement: proof, follow-ups, verification, cleanup, limits and undo. */
function endLines(step: SqlStep, folding: Folding): StepLine[] {
  const {proof, afterwards = [], pins, verify, measures = [], cleanup, lock, timeout_ms} = step;
  const {isFolded} = folding;
  const undo = undoOf(step);
  const limit = timeout_ms === 0 ? 'no time limit' : `at most ${formatMs(timeout_ms)}`;
  const limits = `${limit}; lock: ${lock}`;
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

/** Of a repeated step only what differs; the act's values say it all where they have the verification's among them. */
function verifiedValues({apply, verify}: SqlStep): StepLine[] {
  const shown = new Set(apply.values.map(value => JSON.stringify(value)));
  if (verify.query.values.every(value => shown.has(JSON.stringify(value)))) return [];
  return valueLines('verify', verify.query).map(({kind, text}) => ({kind, text: `verified by ${text}`}));
}
