import {undoOf, withoutUndoText} from '../../core/engine/step.ts';
import {sqlLines, valueLines} from '../../core/engine/step-lines.ts';
import {undoStateOf} from '../../core/engine/undo.ts';
import type {JournalEntry} from '../../model/journal-entry.ts';
import type {Sql} from '../../model/step.ts';

type Event<Name extends JournalEntry['event']> = Extract<JournalEntry, {event: Name}>;

export type ReportStep = {intent: Event<'intent'>; outcome: Event<'outcome'> | null};

/** A run with its steps, from the journal. */
export type ReportRun = {
  run: Event<'run'>;
  steps: ReportStep[];
  /** null without a recorded end. */
  end: Event<'end'> | null;
  /** Runs that undid it, and were not undone themselves. */
  undone_by: string[];
};

type RunScope = {target: string | null; from_ms: number; to_ms: number; run: string | null};

/** The runs of a time and target by their start, or the named run with those that undid it. */
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

/** The rollouts of a time and target by their start, or the named one. */
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
      // It may have started long before, on the server of another stage.
      const own = [start, ...stages];
      if (named !== null) return start.run === named;
      return own.some(entry => isWithin(entry) && (target === null || entry.target === target));
    });
}

/** Runs and steps without a recorded end or outcome. `underWay` has the runs that a process is executing, with its pid. */
export function unfinishedOf(runs: readonly ReportRun[], underWay: ReadonlyMap<string, number>): string[] {
  return runs.flatMap(({run, steps, end}) => {
    const pid = underWay.get(run.run);
    if (pid !== undefined) return [`run ${run.run}: running (pid ${pid})`];
    return [
      ...steps
        .filter(({outcome}) => outcome === null)
        .map(
          ({intent}) => `run ${run.run} step ${intent.step + 1}: unknown, verify: ${intent.content.title}`,
        ),
      ...(end === null ? [`run ${run.run}: no recorded end`] : []),
    ];
  });
}

/** A step's statement, undo and note as the journal has them. */
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
    [
      ...sqlLines('statement', '', sql).map(line => line.text),
      ...valueLines('values', sql).map(line => `-- ${line.text}`),
    ].join('\n');
  const undo = undoOf(content);
  return {
    apply: text(content.apply),
    undo: undo === null ? null : text(undo.apply),
    note: withoutUndoText(content),
  };
}
