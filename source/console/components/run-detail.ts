import {actedAs, undoStateOf} from '../../core/engine/undo.ts';
import {nameServer} from '../../core/server/server-identity.ts';
import {counted, formatMs} from '../../core/text/format.ts';
import type {JournalEntry} from '../../model/journal-entry.ts';
import type {StepResult} from '../../model/run.ts';
import {timeOf} from '../rows/journal.ts';
import {blankLine, type Line, line, type Role, span} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import type {ConsoleState} from '../state/state.ts';
import {stepLines} from './step-lines.ts';
import {facts, heading, indented} from './text-lines.ts';

type Entry<Kind> = Extract<JournalEntry, {event: Kind}>;

/** Everything the journal holds about one run: actor, times, statements, outcomes and undo. */
export function runDetailLines(
  {journal}: Pick<ConsoleState, 'journal'>,
  overlay: {run: string},
  width: number,
  theme: Theme,
): Line[] {
  const entries = (journal?.entries ?? []).filter(({run}) => run === overlay.run);
  const acting_pid = journal?.underWay?.get(overlay.run) ?? null;
  const outcomes = new Map(entries.filter(isOutcome).map(entry => [entry.step, entry]));
  return [
    heading(`run ${overlay.run}`),
    ...facts([...runFacts(entries, acting_pid), ...undoFacts(journal?.entries ?? [], overlay.run)], width),
    ...entries
      .filter(isIntent)
      .flatMap(intent => [
        blankLine,
        ...recordLines(intent, {outcome: outcomes.get(intent.step), acting_pid}, width, theme),
      ]),
  ];
}

function isIntent(entry: JournalEntry): entry is Entry<'intent'> {
  return entry.event === 'intent';
}

function isOutcome(entry: JournalEntry): entry is Entry<'outcome'> {
  return entry.event === 'outcome';
}

function runFacts(entries: JournalEntry[], acting_pid: number | null): [string, string][] {
  const [first] = entries;
  const start = entries.find(entry => entry.event === 'run');
  const end = entries.find(entry => entry.event === 'end');
  const begun = entries.filter(isIntent).length;
  const open = acting_pid === null ? 'unknown, verify it' : `under way (pid ${acting_pid})`;
  return [
    ['who', first?.actor ?? 'unknown'],
    ['when', `${timeOf(first)} to ${end ? timeOf(end) : '(no end recorded)'} UTC`],
    ['target', first?.target ?? 'unknown'],
    ...(start?.server === undefined ? [] : [['server', nameServer(start.server)] as [string, string]]),
    ...actedAs(entries).map((who): [string, string] => ['acted as', who]),
    ['recipe', `${start?.recipe ?? 'unknown'}${start?.undoes ? `, undoing run ${start.undoes}` : ''}`],
    ['parameters', start ? parametersText(start.params) : 'unknown'],
    ['plan', start?.plan ?? 'unknown'],
    ['steps', `${begun} of ${start?.step_count ?? begun} started`],
    ['before', start ? countsText(start.before) : 'unknown'],
    ['after', end ? countsText(end.after) : 'unknown'],
    ['ended', end ? `${end.status}${end.reason ? `: ${end.reason}` : ''}` : open],
  ];
}

/** The runs that undid it and were not undone themselves. */
function undoFacts(entries: readonly JournalEntry[], run: string): [string, string][] {
  const {undone_by, is_undoable} = undoStateOf(entries, run);
  if (undone_by.length === 0) return [];
  return [['undone', `${is_undoable ? 'partly ' : ''}by run ${undone_by.join(', ')}`]];
}

function parametersText(params: Record<string, string>): string {
  const given = Object.entries(params).filter(([, value]) => value !== '');
  return given.map(([name, value]) => `${name}=${value}`).join('  ') || 'none';
}

function countsText(counts: Record<string, number>): string {
  return (
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ') || 'unknown'
  );
}

function recordLines(
  {step, content, at}: Entry<'intent'>,
  {outcome, acting_pid}: {outcome: Entry<'outcome'> | undefined; acting_pid: number | null},
  width: number,
  theme: Theme,
): Line[] {
  const {sign, role, text} = describeOutcome(outcome, acting_pid, theme);
  const message = outcome?.message ?? null;
  return [
    ...indented(`${step + 1}  ${content.title}`, width, 2, 'strong'),
    line(span(`    ${sign} ${text}`, role), span(`, ${at.slice(11, 19)}, ${content.subject}`, 'muted')),
    ...(message === null ? [] : indented(message, width, 6, role)),
    ...(outcome?.hint === undefined ? [] : indented(outcome.hint, width, 6)),
    ...measureLines(outcome?.measures ?? [], width),
    ...stepLines(content, width),
  ];
}

function measureLines(measures: NonNullable<StepResult['measures']>, width: number): Line[] {
  return measures.flatMap(({name, before, after}) =>
    ['before', 'after'].flatMap((when, index) =>
      indented(`${name} ${when}: ${[before, after][index] ?? 'not read'}`, width, 6, 'muted'),
    ),
  );
}

function describeOutcome(
  outcome: Entry<'outcome'> | undefined,
  acting_pid: number | null,
  {symbols}: Theme,
): {sign: string; role: Role; text: string} {
  if (outcome === undefined && acting_pid !== null)
    return {sign: symbols.live, role: 'accent', text: `under way (pid ${acting_pid})`};
  if (outcome === undefined)
    return {sign: symbols.warning, role: 'warning', text: 'outcome unknown, verify it'};
  const sqlstate = outcome.sqlstate === null ? '' : ` ${outcome.sqlstate}`;
  const rows = counted(outcome.row_count, 'row');
  const text = `${outcome.outcome}${sqlstate}, ${formatMs(outcome.duration_ms)}, ${rows}`;
  return {...outcomeSigns(symbols)[outcome.outcome], text};
}

function outcomeSigns(
  symbols: Theme['symbols'],
): Record<Entry<'outcome'>['outcome'], {sign: string; role: Role}> {
  return {
    verified: {sign: symbols.done, role: 'good'},
    applied: {sign: symbols.warning, role: 'warning'},
    skipped: {sign: symbols.bullet, role: 'warning'},
    failed: {sign: symbols.failed, role: 'danger'},
    unknown: {sign: symbols.warning, role: 'warning'},
  };
}
