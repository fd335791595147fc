import {harmLines} from '../core/assessment/recovery.ts';
import {undoOf, withoutUndoText} from '../core/engine/step.ts';
import {sqlLines, valueLines} from '../core/engine/step-preview.ts';
import {undoStateOf} from '../core/engine/undo.ts';
import {type Clock, utcClock} from '../core/text/clock.ts';
import {counted, formatMs} from '../core/text/format.ts';
import {codeBlock, inlineCode} from '../core/text/markdown.ts';
import {type JournalFile, openJournal} from '../journal/journal-file.ts';
import type {JournalEntry} from '../model/journal-entry.ts';
import type {Sql} from '../model/step.ts';
import {type CliContext, printMessage} from './context.ts';
import {stateFile} from './state-file.ts';

/**
 * Opens the journal of `--journal FILE`, `POOLCTL_JOURNAL`, or the user's state directory. Does not read or create the
 * file yet. Notices go to `onNotice`, by default to stderr.
 */
export function openConfiguredJournal(
  context: CliContext,
  flags: {journal?: string | undefined},
  onNotice: (text: string) => void = text => printMessage(context.output, text),
): JournalFile {
  const file = flags.journal ?? (context.env.POOLCTL_JOURNAL || stateFile(context, 'journal.jsonl'));
  return openJournal(file, {onNotice});
}

type Event<Name extends JournalEntry['event']> = Extract<JournalEntry, {event: Name}>;

export type ReportStep = {intent: Event<'intent'>; outcome: Event<'outcome'> | null};

/** A run with its steps, from the journal. */
export type ReportRun = {
  run: Event<'run'>;
  steps: ReportStep[];
  /** null without a recorded end. */
  end: Event<'end'> | null;
  /** The runs that undid it and were not undone themselves. */
  undone_by: string[];
};

type RunScope = {target: string | null; from_ms: number; to_ms: number; run: string | null};

/** The runs that started in a period on a target, or the named run and the runs that undid it. */
export function runsOf(
  entries: readonly JournalEntry[],
  {target, from_ms, to_ms, run: named}: RunScope,
): ReportRun[] {
  const runs = entries.filter((entry): entry is Event<'run'> => entry.event === 'run');
  const isSelected = ({run, undoes, target: on, at}: Event<'run'>) =>
    named === null
      ? (target === null || on === target) && Date.parse(at) >= from_ms && Date.parse(at) <= to_ms
      : run === named || undoes === named;
  return runs.filter(isSelected).map(run => {
    const own = entries.filter(entry => entry.run === run.run);
    const outcomes = own.filter((entry): entry is Event<'outcome'> => entry.event === 'outcome');
    return {
      run,
      steps: own
        .filter((entry): entry is Event<'intent'> => entry.event === 'intent')
        .map(intent => ({intent, outcome: outcomes.find(({step}) => step === intent.step) ?? null})),
      end: own.find((entry): entry is Event<'end'> => entry.event === 'end') ?? null,
      undone_by: undoStateOf(entries, run.run).undone_by,
    };
  });
}

/** A staged rollout, from the journal. */
export type ReportRollout = {
  start: Event<'rollout'>;
  stages: Event<'stage'>[];
  /** null without a recorded end. */
  end: Event<'end'> | null;
};

/** The rollouts with an entry in a period on a target, or the named one. */
export function rolloutsOf(entries: readonly JournalEntry[], scope: RunScope): ReportRollout[] {
  const {target, from_ms, to_ms, run: named} = scope;
  const isWithin = ({at}: JournalEntry) => Date.parse(at) >= from_ms && Date.parse(at) <= to_ms;
  return entries
    .filter((entry): entry is Event<'rollout'> => entry.event === 'rollout')
    .map(start => {
      const own = entries.filter(entry => entry.run === start.run);
      return {
        start,
        stages: own.filter((entry): entry is Event<'stage'> => entry.event === 'stage'),
        end: own.find((entry): entry is Event<'end'> => entry.event === 'end') ?? null,
      };
    })
    .filter(({start, stages}) => {
      // A rollout may have started before the period, on the server of another stage.
      const own = [start, ...stages];
      if (named !== null) return start.run === named;
      return own.some(entry => isWithin(entry) && (target === null || entry.target === target));
    });
}

/** Describes runs without a recorded end and steps without an outcome. `underWay` maps running runs to their pid. */
export function unfinishedOf(runs: readonly ReportRun[], underWay: ReadonlyMap<string, number>): string[] {
  return runs.flatMap(({run, steps, end}) => {
    const pid = underWay.get(run.run);
    if (pid !== undefined) return [`run ${run.run}: running (pid ${pid})`];
    return [
      ...steps
        .filter(({outcome}) => outcome === null)
        .map(
          ({intent}) =>
            `run ${run.run} step ${intent.step + 1}: outcome unknown, check the server: ${intent.content.title}`,
        ),
      ...(end === null ? [`run ${run.run}: no recorded end`] : []),
    ];
  });
}

/** A step's statement, undo and note from the journal. */
export function sqlOf({content}: ReportStep['intent']): {
  apply: string;
  undo: string | null;
  note: string | null;
} {
  if (content.kind === 'advice')
    return {apply: content.text, undo: null, note: 'advice: poolctl changed nothing'};
  if (content.kind === 'file')
    return {
      apply: content.diff.join('\n'),
      undo: null,
      note: `undone by restoring ${content.path}`,
    };
  const text = (sql: Sql) =>
    [statementOf(sql), ...valueLines('values', sql).map(line => `-- ${line.text}`)].join('\n');
  const undo = undoOf(content);
  return {
    apply: text(content.apply),
    undo: undo === null ? null : text(undo.apply),
    note: withoutUndoText(content),
  };
}

/** A statement without its values. */
export function statementOf(sql: Sql): string {
  return sqlLines('statement', '', sql)
    .map(line => line.text)
    .join('\n');
}

/** `verified after 12ms`. */
export function outcomeOf({outcome}: ReportStep): string {
  if (outcome === null) return 'unknown, no recorded outcome: check the server';
  const {message, sqlstate, duration_ms, row_count} = outcome;
  const rows = row_count > 0 ? `, ${counted(row_count, 'row')}` : '';
  return `${outcome.outcome}${message === null ? '' : `: ${message}`}${sqlstate === null ? '' : ` (${sqlstate})`} after ${formatMs(duration_ms)}${rows}`;
}

/** Names and numbers, `used 54, headroom 3`. */
export function figuresOf(figures: Record<string, number>): string {
  return Object.entries(figures)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}

/**
 * Steps that follow each other with the same statement, which a report has once. One that can be undone, or that measured something,
 * is alone.
 */
export function foldSteps(steps: readonly ReportStep[]): [ReportStep, ...ReportStep[]][] {
  const folded: [ReportStep, ...ReportStep[]][] = [];
  for (const step of steps) {
    const group = folded.at(-1);
    const statement = foldedStatement(step);
    if (group !== undefined && statement !== null && statement === foldedStatement(group[0]))
      group.push(step);
    else folded.push([step]);
  }
  return folded;
}

function foldedStatement({intent: {content}, outcome}: ReportStep): string | null {
  const isAlone = content.kind !== 'sql' || undoOf(content) !== null || (outcome?.measures ?? []).length > 0;
  return isAlone ? null : content.apply.text;
}

/** `steps 1 to 12: 11 verified, 1 failed`. */
export function foldedText(steps: readonly ReportStep[]): string {
  const counts = new Map<string, number>();
  for (const {outcome} of steps) {
    const name = outcome?.outcome ?? 'unknown';
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const [first, last] = [steps[0], steps.at(-1)].map(step => (step?.intent.step ?? 0) + 1);
  const ends = [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(', ');
  return `steps ${first} to ${last}, with one statement: ${ends}`;
}

/** The runs and rollouts of a journal. */
export function runsMarkdown(runs: readonly ReportRun[], rollouts: readonly ReportRollout[]): string {
  return [
    '# Journal',
    '',
    ...(runs.length + rollouts.length === 0 ? ['Nothing.'] : []),
    ...runs.flatMap(each => runLines(each, utcClock)),
    ...rollouts.flatMap(each => rolloutLines(each, utcClock)),
  ].join('\n');
}

export function runLines({run, steps, end, undone_by}: ReportRun, clock: Clock): string[] {
  const params = Object.entries(run.params).filter(([, value]) => value !== '');
  return [
    `### ${inlineCode(`${run.recipe}${run.undoes === undefined ? '' : `, undoing run ${run.undoes}`}`)} at ${clock(run.at)}`,
    '',
    `- run ${inlineCode(run.run)} by ${inlineCode(run.actor)} on ${inlineCode(run.target)}, plan ${inlineCode(run.plan)}`,
    ...(params.length === 0
      ? []
      : [`- with ${inlineCode(params.map(([name, value]) => `${name}=${value}`).join(' '))}`]),
    `- before: ${inlineCode(figuresOf(run.before) || 'unknown')}; after: ${inlineCode(end === null ? 'unknown' : figuresOf(end.after) || 'unknown')}`,
    ...harmLines(end?.harm ?? []).map(text => `- ${inlineCode(text)}`),
    endLine(end, clock),
    ...(undone_by.length === 0 ? [] : [`- undone by run ${inlineCode(undone_by.join(', '))}`]),
    '',
    ...foldSteps(steps).flatMap(group => stepLines(group, clock)),
  ];
}

export function rolloutLines({start, stages, end}: ReportRollout, clock: Clock): string[] {
  return [
    `### rollout of ${inlineCode(start.name)} at ${clock(start.at)}`,
    '',
    `- rollout ${inlineCode(start.run)} by ${inlineCode(start.actor)} on ${inlineCode(start.target)}, plan ${inlineCode(start.plan)}`,
    endLine(end, clock),
    ...stages.map(
      ({at, name, phase, detail}) =>
        `- ${clock(at)} ${inlineCode(name)}: ${phase}${detail === null ? '' : `: ${inlineCode(detail)}`}`,
    ),
    '',
  ];
}

function endLine(end: ReportRun['end'], clock: Clock): string {
  if (end === null) return '- ended: unknown';
  return `- ended: ${end.status}${end.reason === null ? '' : `, ${inlineCode(end.reason)}`} at ${clock(end.at)}`;
}

function stepLines(group: [ReportStep, ...ReportStep[]], clock: Clock): string[] {
  const [step, ...more] = group;
  const {apply, undo, note} = sqlOf(step.intent);
  if (more.length > 0) {
    const {content, run} = step.intent;
    return [
      `${foldedText(group)}; ${inlineCode(`poolctl journal show ${run}`)} has its values`,
      '',
      ...(content.kind === 'sql' ? codeBlock(statementOf(content.apply), 'sql') : []),
      '',
      ...group.map(each => `- ${stepLine(each, clock)}`),
      ...(note === null ? [] : ['', note]),
      '',
    ];
  }
  return [
    stepLine(step, clock),
    '',
    ...codeBlock(apply, 'sql'),
    ...(step.outcome?.measures ?? []).map(
      ({name, before, after}) =>
        `- ${inlineCode(name)}: ${inlineCode(before ?? 'unknown')} before, ${inlineCode(after ?? 'unknown')} after`,
    ),
    ...(undo === null ? [] : ['', 'Undo:', '', ...codeBlock(undo, 'sql')]),
    ...(note === null ? [] : ['', note.startsWith('undone') ? inlineCode(note) : note]),
    '',
  ];
}

function stepLine(step: ReportStep, clock: Clock): string {
  const {intent} = step;
  return `**${intent.step + 1}.** ${inlineCode(intent.content.title)} at ${clock(intent.at)}: ${inlineCode(outcomeOf(step))}`;
}
