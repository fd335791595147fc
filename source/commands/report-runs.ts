import type {JournalEntry} from '../core/chain/journal.ts';

type Event<Name extends JournalEntry['event']> = Extract<JournalEntry, {event: Name}>;

export type ReportStep = {intent: Event<'intent'>; outcome: Event<'outcome'> | null};

/** A run with its acts, as the journal has them. */
export type ReportRun = {
  run: Event<'run'>;
  steps: ReportStep[];
  /** null: nobody wrote how it ended. */
  end: Event<'end'> | null;
  /** Runs that took it back, or tried to. */
  undone_by: string[];
};

/** The runs of a time and target, or the one that is named with those that took it back; the first one first. */
export function runsOf(
  entries: readonly JournalEntry[],
  {
    target,
    from_ms,
    to_ms,
    run: named,
  }: {target: string | null; from_ms: number; to_ms: number; run: string | null},
): ReportRun[] {
  const runs = entries.filter((entry): entry is Event<'run'> => entry.event === 'run');
  const isMeant = ({run, undoes, target: on, at}: Event<'run'>) =>
    named === null
      ? (target === null || on === target) && Date.parse(at) >= from_ms && Date.parse(at) <= to_ms
      : run === named || undoes === named;
  return runs.filter(isMeant).map(run => {
    const own = entries.filter(entry => entry.run === run.run);
    const outcomes = own.filter((entry): entry is Event<'outcome'> => entry.event === 'outcome');
    return {
      run,
      steps: own
        .filter((entry): entry is Event<'intent'> => entry.event === 'intent')
        .map(intent => ({intent, outcome: outcomes.find(({step}) => step === intent.step) ?? null})),
      end: own.find((entry): entry is Event<'end'> => entry.event === 'end') ?? null,
      undone_by: runs.filter(({undoes}) => undoes === run.run).map(each => each.run),
    };
  });
}

/** What nobody knows the end of. */
export function unfinishedOf(runs: readonly ReportRun[]): string[] {
  return runs.flatMap(({run, steps, end}) => [
    ...steps
      .filter(({outcome}) => outcome === null)
      .map(
        ({intent}) =>
          `run ${run.run} step ${intent.step + 1}: no outcome was written, verify: ${intent.content.title}`,
      ),
    ...(end === null ? [`run ${run.run}: its end was not written`] : []),
  ]);
}

/** Its acts' statements, settings and undo as they stand in the journal. */
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
      note: `undone by writing what was in ${content.path}`,
    };
  const text = ({text, values}: {text: string; values: readonly unknown[]}) =>
    [text, ...values.map((value, at) => `-- $${at + 1} = ${JSON.stringify(value)}`)].join('\n');
  if (content.undo === 'irreversible')
    return {apply: text(content.apply), undo: null, note: 'cannot be undone'};
  return {apply: text(content.apply), undo: text(content.undo.apply), note: null};
}
