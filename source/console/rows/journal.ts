import {groupBy} from '../../core/group-by.ts';
import type {JournalEntry} from '../../model/journal-entry.ts';
import type {Role} from '../screen/line.ts';
import {tableOf} from '../state/browsing.ts';
import type {ConsoleState} from '../state/state.ts';
import {arrangeRows, type Column} from './arrange.ts';

/** A run or rollout: its first entry, all of them, and what came of it. */
export type JournalRow = {
  run: string;
  entry: JournalEntry;
  entries: readonly JournalEntry[];
  recipe: string;
  subjects: readonly string[];
  result: string;
  role: Role;
};

export const journalColumns: Column<JournalRow>[] = [
  {
    id: 'seq',
    title: '#',
    help: 'number of its first entry',
    width: 5,
    priority: 5,
    align: 'right',
    text: ({entry}) => String(entry.seq),
    role: () => 'muted',
    sortValue: ({entry}) => entry.seq,
  },
  {
    id: 'time',
    title: 'TIME (UTC)',
    help: 'when it began',
    width: 19,
    priority: 3,
    text: ({entry}) => timeOf(entry),
    role: () => 'muted',
    sortValue: ({entry}) => entry.at,
  },
  {
    id: 'actor',
    title: 'ACTOR',
    help: 'who ran it, and from where',
    width: 16,
    widest: 40,
    priority: 7,
    text: ({entry}) => entry.actor,
    role: () => 'muted',
    sortValue: ({entry}) => entry.actor,
  },
  {
    id: 'run',
    title: 'RUN',
    help: 'id of the run, for poolctl undo and journal show',
    width: 8,
    priority: 8,
    text: ({entry}) => entry.run,
    role: () => 'muted',
    sortValue: ({entry}) => entry.run,
  },
  {
    id: 'target',
    title: 'TARGET',
    help: 'server and database',
    width: 14,
    widest: 40,
    priority: 2,
    text: ({entry}) => entry.target,
    role: () => 'muted',
    sortValue: ({entry}) => entry.target,
  },
  {
    id: 'recipe',
    title: 'RECIPE',
    help: 'recipe or rollout',
    width: 12,
    widest: 32,
    priority: 4,
    text: ({recipe}) => recipe,
    role: () => 'muted',
    sortValue: ({recipe}) => recipe,
  },
  {
    id: 'subject',
    title: 'SUBJECT',
    help: 'first that it changed, and how many more',
    width: 15,
    widest: 40,
    priority: 6,
    text: ({subjects: [first = '', ...rest]}) => (rest.length === 0 ? first : `${first} +${rest.length}`),
    whole: ({subjects}) => subjects.join(', '),
    aliases: ({subjects}) => [...subjects],
    sortValue: ({subjects}) => subjects[0] ?? null,
  },
  {
    id: 'result',
    title: 'RESULT',
    help: 'what came of it',
    width: 22,
    grows: true,
    priority: 1,
    text: ({result}) => result,
    aliases: textsOf,
    role: ({role}) => role,
    sortValue: ({result}) => result,
  },
];

/** One per run or rollout, newest first. */
export function journalRows({journal, tables}: Pick<ConsoleState, 'journal' | 'tables'>): JournalRow[] {
  const runs = groupBy(journal?.entries ?? [], ({run}) => run);
  const rows = [...runs].flatMap(([run, entries]): JournalRow[] => {
    const [entry] = entries;
    if (entry === undefined) return [];
    const begun = entries.find(({event}) => event === 'run' || event === 'rollout') ?? entry;
    const recipe =
      begun.event === 'run' ? begun.recipe : begun.event === 'rollout' ? `rollout ${begun.name}` : '';
    const subjects = entries.flatMap(each => (each.event === 'intent' ? [each.content.subject] : []));
    return [{run, entry, entries, recipe, subjects: [...new Set(subjects)], ...resultOf(entries)}];
  });
  return arrangeRows(rows, tableOf({tables}, 'journal'), journalColumns, entryId);
}

/** Of a run's row: the number of its first entry. */
export function entryId({entry}: Pick<JournalRow, 'entry'>): string {
  return String(entry.seq);
}

/** `2026-11-21 06:34:48`, UTC. */
export function timeOf(entry: JournalEntry | undefined): string {
  return entry?.at.slice(0, 19).replace('T', ' ') ?? 'unknown';
}

/** `done: 3 verified, 1 skipped`, `undo of 7d3a399b done: 1 verified`; a step whose outcome was not recorded is unknown. */
function resultOf(entries: readonly JournalEntry[]): {result: string; role: Role} {
  const stage = entries.findLast(({event}) => event === 'stage');
  if (stage?.event === 'stage')
    return {
      result: `${stage.name}: ${stage.phase}`,
      role: /^(?:failed|not)/.test(stage.phase) ? 'danger' : 'plain',
    };
  const outcomes = new Map<number, string>();
  for (const entry of entries) {
    if (entry.event === 'intent') outcomes.set(entry.step, 'unknown');
    if (entry.event === 'outcome') outcomes.set(entry.step, entry.outcome);
  }
  const begun = entries.find(({event}) => event === 'run');
  const undoes = begun?.event === 'run' && begun.undoes !== undefined ? `undo of ${begun.undoes} ` : '';
  const steps = [...outcomes.values()];
  const counts = [...new Set(steps)].map(
    outcome => `${steps.filter(each => each === outcome).length} ${outcome}`,
  );
  const end = entries.findLast(({event}) => event === 'end');
  const status = end?.event === 'end' ? end.status : 'no end';
  const role = status === 'done' ? 'good' : status === 'failed' ? 'danger' : 'warning';
  const text = counts.length === 0 ? status : `${status}: ${counts.join(', ')}`;
  return {result: undoes + text, role};
}

/** The events of a run as a filter finds them. */
function textsOf({entries}: JournalRow): string[] {
  return entries.flatMap(entry => {
    if (entry.event === 'intent') return [entry.content.title];
    if (entry.event === 'outcome') return [entry.outcome, entry.message ?? ''];
    return entry.event === 'end' ? [entry.status, entry.reason ?? ''] : [];
  });
}
