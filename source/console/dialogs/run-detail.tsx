import {describeAfter} from '../../core/assessment/recovery.ts';
import {effectLines} from '../../core/engine/measures.ts';
import {actedAs, undoStateOf} from '../../core/engine/undo.ts';
import {nameServer} from '../../core/server/server-identity.ts';
import {timeOfDay} from '../../core/text/clock.ts';
import {counted, formatMs} from '../../core/text/format.ts';
import type {JournalEntry} from '../../model/journal-entry.ts';
import type {StepResult} from '../../model/run.ts';
import {useConsole, useTheme} from '../components/context.ts';
import {Page} from '../components/page.tsx';
import {BlankRow, Heading, Properties, type Property, Prose, StepText} from '../components/prose.tsx';
import {Text} from '../components/text.tsx';
import {timeOf} from '../rows/journal.ts';
import type {Role} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';

type Entry<Kind> = Extract<JournalEntry, {event: Kind}>;

/** Everything the journal holds about one run: actor, times, statements, outcomes and undo. */
export function RunDetail({run}: {run: string}) {
  const journal = useConsole(state => state.journal);
  const all = journal?.entries ?? [];
  const entries = all.filter(entry => entry.run === run);
  const acting_pid = journal?.underWay?.get(run) ?? null;
  const outcomes = new Map(entries.filter(isOutcome).map(entry => [entry.step, entry]));
  return (
    <Page>
      <Heading>{`run ${run}`}</Heading>
      <Properties properties={[...runProperties(entries, acting_pid), ...undoProperties(all, run)]} />
      {entries.filter(isIntent).map((intent, index) => (
        <StepRecord key={index} intent={intent} outcome={outcomes.get(intent.step)} acting_pid={acting_pid} />
      ))}
    </Page>
  );
}

function isIntent(entry: JournalEntry): entry is Entry<'intent'> {
  return entry.event === 'intent';
}

function isOutcome(entry: JournalEntry): entry is Entry<'outcome'> {
  return entry.event === 'outcome';
}

function runProperties(entries: JournalEntry[], acting_pid: number | null): Property[] {
  const [first] = entries;
  const start = entries.find(entry => entry.event === 'run');
  const end = entries.find(entry => entry.event === 'end');
  const begun = entries.filter(isIntent).length;
  const open = acting_pid === null ? 'unknown: check the server' : `under way (pid ${acting_pid})`;
  return [
    ['who', first?.actor ?? 'unknown'],
    ['when', `${timeOf(first)} to ${end ? timeOf(end) : '(no end recorded)'} UTC`],
    ['target', first?.target ?? 'unknown'],
    ...(start?.server === undefined ? [] : [['server', nameServer(start.server)] as Property]),
    ...actedAs(entries).map((who): Property => ['executed as', who]),
    ['recipe', `${start?.recipe ?? 'unknown'}${start?.undoes ? `, undoing run ${start.undoes}` : ''}`],
    ['parameters', start ? parametersText(start.params) : 'unknown'],
    ['plan', start?.plan ?? 'unknown'],
    ['steps', `${begun} of ${start?.step_count ?? begun} started`],
    ['before', start ? countsText(start.before) : 'unknown'],
    ['after', end ? countsText(end.after) : 'unknown'],
    ...(end?.harm ?? []).flatMap((harm): Property[] => [
      ['impact before', harm.before.summary],
      ['impact after', describeAfter(harm)],
    ]),
    ['ended', end ? `${end.status}${end.reason ? `: ${end.reason}` : ''}` : open],
  ];
}

/** The runs that undid it and were not undone themselves. */
function undoProperties(entries: readonly JournalEntry[], run: string): Property[] {
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

type StepRecordProps = {
  intent: Entry<'intent'>;
  outcome: Entry<'outcome'> | undefined;
  acting_pid: number | null;
};

function StepRecord({intent: {step, content, at}, outcome, acting_pid}: StepRecordProps) {
  const {sign, role, text} = describeOutcome(outcome, acting_pid, useTheme());
  return (
    <>
      <BlankRow />
      <Prose text={`${step + 1}  ${content.title}`} role="strong" />
      <Text>
        <Text role={role}>{`    ${sign} ${text}`}</Text>
        <Text role="muted">{`, ${timeOfDay(at)}, ${content.subject}`}</Text>
      </Text>
      {outcome?.message != null && <Prose text={outcome.message} indent={6} role={role} />}
      {outcome?.hint !== undefined && <Prose text={outcome.hint} indent={6} />}
      <Prose text={describeMeasures(outcome?.measures ?? [])} indent={6} role="muted" />
      <StepText step={content} />
    </>
  );
}

function describeMeasures(measures: NonNullable<StepResult['measures']>): string[] {
  return [
    ...effectLines(measures),
    ...measures.flatMap(({name, before, after}) => [
      `${name} before: ${before ?? 'not read'}`,
      `${name} after: ${after ?? 'not read'}`,
    ]),
  ];
}

function describeOutcome(
  outcome: Entry<'outcome'> | undefined,
  acting_pid: number | null,
  {symbols}: Theme,
): {sign: string; role: Role; text: string} {
  if (outcome === undefined && acting_pid !== null)
    return {sign: symbols.live, role: 'accent', text: `under way (pid ${acting_pid})`};
  if (outcome === undefined)
    return {sign: symbols.warning, role: 'warning', text: 'outcome unknown: check the server'};
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
