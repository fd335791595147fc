import {harmLines} from '../../core/assessment/recovery.ts';
import {effectLines} from '../../core/engine/measures.ts';
import {stepText} from '../../core/engine/step-preview.ts';
import {actedAs} from '../../core/engine/undo.ts';
import {nameServer} from '../../core/server/server-identity.ts';
import {formatMs} from '../../core/text/format.ts';
import type {JournalEntry} from '../../model/journal-entry.ts';

type Event<Name extends JournalEntry['event']> = Extract<JournalEntry, {event: Name}>;
type Content = Event<'intent'>['content'];
type UndoState = {undone_by: readonly string[]; is_undoable: boolean};
type Measured = NonNullable<Event<'outcome'>['measures']>[number];

/**
 * One run in full: its parameters, each step with its guard, verification, undo and outcome, and the end. `undone_by`
 * has the runs that undid it, `is_undoable` is true if something is left to undo, and `acting_pid` is the process that
 * is executing it.
 */
export function describeRun(
  entries: readonly JournalEntry[],
  {acting_pid, ...undo}: UndoState & {acting_pid: number | null},
): string[] {
  const intents = new Map(entries.filter(isIntent).map(intent => [intent.step, intent]));
  // The first outcome of a step counts, as a journal of an older version can have two.
  const outcomes = new Map(
    entries
      .filter(isOutcome)
      .map(outcome => [outcome.step, outcome] as const)
      .toReversed(),
  );
  const steps = [...new Set([...intents.keys(), ...outcomes.keys()])].sort((a, b) => a - b);
  return [
    ...entries.filter(isRun).flatMap(startLines),
    ...actedAs(entries).map(who => `executed as ${who}`),
    ...entries.flatMap(rolloutLines),
    ...steps.flatMap(step => [
      '',
      ...stepLines(step, intents.get(step), outcomes.get(step), {
        before: intents.get(step - 1)?.content,
        acting_pid,
      }),
    ]),
    '',
    ...endLines(entries, acting_pid),
    ...(acting_pid === null ? undoLines(entries[0]?.run, undo) : []),
  ];
}

/** `verified`; `skipped: changed since the preview`. */
export function resultText({outcome, message}: Pick<Event<'outcome'>, 'outcome' | 'message'>): string {
  return `${outcome}${message === null ? '' : `: ${message}`}`;
}

function startLines(entry: Event<'run'>): string[] {
  const {run, recipe, target, server, actor, at, plan, params, undoes, seq, hash} = entry;
  const parameters = Object.entries(params).filter(([, value]) => value !== '');
  return [
    `run ${run}: ${recipe} on ${target}`,
    ...(server === undefined ? [] : [`${nameServer(server)}, database oid ${server.database_oid}`]),
    `by ${actor}, ${at}`,
    ...(undoes === undefined ? [] : [`undoes run ${undoes}`]),
    ...parameters.map(([name, value]) => `  ${name}=${value}`),
    `plan ${plan}`,
    `entry ${seq}, hash ${hash}`,
  ];
}

function rolloutLines(entry: JournalEntry): string[] {
  if (entry.event === 'rollout') {
    const {run, name, actor, at, plan, file, stages} = entry;
    return [
      `rollout ${run}: ${name}, ${file}`,
      `by ${actor}, ${at}`,
      `stages ${stages.join(', ')}`,
      `plan ${plan}`,
      '',
    ];
  }
  if (entry.event !== 'stage') return [];
  const {at, name, phase, detail} = entry;
  return [`${at}  ${name}: ${phase}${detail === null ? '' : `: ${detail}`}`];
}

/** A step without an intent was skipped: its object had changed since the preview. */
function stepLines(
  step: number,
  intent: Event<'intent'> | undefined,
  outcome: Event<'outcome'> | undefined,
  {before, acting_pid}: {before: Content | undefined; acting_pid: number | null},
): string[] {
  const outcomeLines = [
    outcomeText((intent ?? outcome)?.at, outcome, acting_pid),
    ...(outcome?.hint === undefined ? [] : [outcome.hint]),
    ...effectLines(outcome?.measures ?? []),
    ...(outcome?.measures ?? []).flatMap(measureLines),
  ];
  const [first, ...rest] = intent
    ? [intent.content.title, ...contentLines(intent.content, before), ...outcomeLines]
    : outcomeLines;
  return [`${step + 1}. ${first}`, ...rest.map(line => `   ${line}`)];
}

/** The statements; if the step before has the same statement, only the values. */
function contentLines(content: Content, before: Content | undefined): string[] {
  const {body} = stepText(content, before);
  return content.kind === 'sql' ? [`on ${content.subject}`, ...body] : body;
}

/** What undid the run, and how to undo the rest. */
function undoLines(run: string | undefined, {undone_by, is_undoable}: UndoState): string[] {
  const part = is_undoable ? ' in part' : '';
  return [
    ...(undone_by.length === 0 ? [] : [`undone${part} by run ${undone_by.join(', ')}`]),
    ...(is_undoable ? [`undo ${undone_by.length === 0 ? 'it' : 'the rest'} with 'poolctl undo ${run}'`] : []),
  ];
}

function outcomeText(
  at: string | undefined,
  outcome: Event<'outcome'> | undefined,
  acting_pid: number | null,
): string {
  if (outcome === undefined)
    return `${at}  ${acting_pid === null ? 'no recorded outcome: check the server' : running(acting_pid)}`;
  const {sqlstate, duration_ms} = outcome;
  const code = sqlstate === null ? '' : ` (${sqlstate})`;
  return `${at}  ${resultText(outcome)}${code}, ${formatMs(duration_ms)}`;
}

/** A measured value before and after: a number, or a query plan of many lines. */
function measureLines({name, before, after}: Measured): string[] {
  const [was = [], is = []] = [before, after].map(text => (text ?? 'unknown').split('\n'));
  if (was.length === 1 && is.length === 1) return [`${name}: ${was[0]} before, ${is[0]} after`];
  const indented = (lines: string[]) => lines.map(line => `  ${line}`);
  return [`${name} before`, ...indented(was), `${name} after`, ...indented(is)];
}

function running(acting_pid: number): string {
  return `running (pid ${acting_pid})`;
}

function endLines(entries: readonly JournalEntry[], acting_pid: number | null): string[] {
  const end = entries.find(isEnd);
  if (end === undefined) return [acting_pid === null ? 'no recorded end' : running(acting_pid)];
  const before = entries.find(isRun)?.before.used;
  const after = end.after.used;
  const slots =
    before === undefined || after === undefined ? '' : `; slots used: ${before} before, ${after} after`;
  const why = end.reason === null || end.reason === end.status ? '' : `: ${end.reason}`;
  return [`${end.status}${why}, ${end.at}${slots}`, ...harmLines(end.harm ?? [])];
}

const isRun = (entry: JournalEntry): entry is Event<'run'> => entry.event === 'run';
const isIntent = (entry: JournalEntry): entry is Event<'intent'> => entry.event === 'intent';
const isOutcome = (entry: JournalEntry): entry is Event<'outcome'> => entry.event === 'outcome';
const isEnd = (entry: JournalEntry): entry is Event<'end'> => entry.event === 'end';
