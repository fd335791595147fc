import {expect} from 'vitest';
import {journalColumns, journalRows} from '../../source/console/rows/journal.ts';
import {groupBy} from '../../source/core/group-by.ts';
import type {JournalEntry} from '../../source/model/journal-entry.ts';
import {rowsOf} from '../console/played.ts';
import type {Cells} from './cells.ts';
import {printedCells, rowsAt, type Seen, sortedCells} from './seen.ts';

/** A row for each run of the journal's file, and what its steps did is so on the server. */
export function expectJournal(seen: Seen): void {
  const {state, document} = seen;
  const entries = entriesOf(seen);
  const runs = [...groupBy(entries, ({run}) => run).values()];
  const ids = journalColumns.map(({id}) => id);
  const printed = printedCells(state, journalColumns, journalRows(state));
  expect(sortedCells(printed, ids)).toEqual(sortedCells(runs.map(cellsOf), ids));
  const screen = rowsOf(state).join('\n');
  const open = runs.reduce((sum, run) => sum + unknownIn(run), 0);
  expect(screen).toMatch(new RegExp(`6 Journal ${open}\\?`));
  expect(screen).toContain(`${open} step started without a recorded result`);
  expect(new Set(entries.map(({target}) => target))).toEqual(new Set([document.target.id]));
  expectTimes(seen, entries);
  for (const entry of entries) if (entry.event === 'outcome') expectDone(seen, entry, entries);
}

export function entriesOf({journal}: Seen): JournalEntry[] {
  return journal
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line));
}

function cellsOf(run: readonly JournalEntry[]): Cells {
  const [begun] = run;
  if (begun?.event !== 'run') throw new Error('a run begins with its recipe');
  const subjects = run.flatMap(each => (each.event === 'intent' ? [each.content.subject] : []));
  const [subject = '', ...others] = new Set(subjects);
  const outcomes = run.flatMap(each => (each.event === 'outcome' ? [each.outcome as string] : []));
  const all = [...outcomes, ...Array.from({length: unknownIn(run)}, () => 'unknown')];
  const counts = [...groupBy(all, each => each)].map(([outcome, those]) => `${those.length} ${outcome}`);
  const status = run.flatMap(each => (each.event === 'end' ? [each.status] : []))[0] ?? 'no end';
  return {
    seq: String(begun.seq),
    time: begun.at.slice(0, 19).replace('T', ' '),
    actor: begun.actor,
    run: begun.run,
    target: begun.target,
    recipe: begun.recipe,
    subject: others.length === 0 ? subject : `${subject} +${others.length}`,
    result: `${begun.undoes === undefined ? '' : `undo of ${begun.undoes} `}${status}: ${counts.join(', ')}`,
  };
}

/** Steps without an outcome. */
function unknownIn(run: readonly JournalEntry[]): number {
  const count = (event: JournalEntry['event']) => run.filter(each => each.event === event).length;
  return count('intent') - count('outcome');
}

/** Between the two readings, by the server's clock, which is that of this machine. */
function expectTimes(seen: Seen, entries: readonly JournalEntry[]): void {
  const [early, late] = ([1, 2] as const).map(time => String(rowsAt(seen, '', time)[0]?.at).slice(0, 23));
  for (const {at, seq} of entries) {
    const times = [early, at.slice(0, 23), late];
    expect(times.toSorted(), `entry ${seq}`).toEqual(times);
  }
}

/** A session that was ended is gone, and a role has the setting that it was last given. */
function expectDone(
  seen: Seen,
  {run, step, outcome}: Extract<JournalEntry, {event: 'outcome'}>,
  entries: readonly JournalEntry[],
): void {
  const intent = entries.find(each => each.event === 'intent' && each.run === run && each.step === step);
  if (intent?.event !== 'intent') throw new Error(`${run} has an outcome without an intent`);
  const [kind, subject = ''] = intent.content.subject.split(/:(.*)/);
  expect(outcome, intent.content.subject).toBe('verified');
  if (kind === 'backend') {
    const there = rowsAt(seen, 'backends', 2).map(({pid}) => String(pid));
    expect(there, `session ${subject}`).not.toContain(subject);
    return;
  }
  const ofSubject = entries.filter(
    each => each.event === 'intent' && each.content.subject === intent.content.subject,
  );
  const last = ofSubject.at(-1);
  const settings = rowsAt(seen, 'view.settings', 2).map(({role, name}) => `${role} ${name}`);
  const isUndone = entries.some(
    each => each.event === 'run' && each.run === last?.run && each.undoes !== undefined,
  );
  expect(settings.length === 0, intent.content.subject).toBe(isUndone);
}
