import {counted} from '../../core/text/format.ts';
import type {JournalEntry} from '../../model/journal-entry.ts';
import type {Role} from '../screen/line.ts';
import type {ConsoleState} from '../state/state.ts';
import {arrangeRows, type Column} from './arrange.ts';

/** An entry with its subject and recipe, which only the intent and the start of its run name. */
export type JournalRow = {entry: JournalEntry; subject: string; recipe: string};

export const journalColumns: Column<JournalRow>[] = [
  {
    id: 'seq',
    title: '#',
    width: 5,
    priority: 2,
    align: 'right',
    text: ({entry}) => String(entry.seq),
    role: () => 'muted',
    sortValue: ({entry}) => entry.seq,
  },
  {
    id: 'time',
    title: 'TIME (UTC)',
    width: 19,
    priority: 4,
    text: ({entry}) => timeOf(entry),
    role: () => 'muted',
    sortValue: ({entry}) => entry.at,
  },
  {
    id: 'actor',
    title: 'ACTOR',
    width: 16,
    widest: 40,
    priority: 6,
    text: ({entry}) => entry.actor,
    role: () => 'muted',
    sortValue: ({entry}) => entry.actor,
  },
  {
    id: 'run',
    title: 'RUN',
    width: 8,
    priority: 5,
    text: ({entry}) => entry.run,
    role: () => 'muted',
    sortValue: ({entry}) => entry.run,
  },
  {
    id: 'target',
    title: 'TARGET',
    width: 12,
    widest: 40,
    priority: 8,
    text: ({entry}) => entry.target,
    role: () => 'muted',
    sortValue: ({entry}) => entry.target,
  },
  {
    id: 'recipe',
    title: 'RECIPE',
    width: 12,
    widest: 32,
    priority: 7,
    text: ({recipe}) => recipe,
    role: () => 'muted',
    sortValue: ({recipe}) => recipe,
  },
  {
    id: 'subject',
    title: 'SUBJECT',
    width: 15,
    widest: 40,
    priority: 3,
    text: ({subject}) => subject,
    sortValue: ({subject}) => subject,
  },
  {
    id: 'event',
    title: 'EVENT',
    width: 26,
    grows: true,
    priority: 1,
    text: ({entry}) => describeEntry(entry).text,
    role: ({entry}) => describeEntry(entry).role,
    sortValue: ({entry}) => entry.event,
  },
];

/** Newest first. */
export function journalRows({journal, tables}: Pick<ConsoleState, 'journal' | 'tables'>): JournalRow[] {
  const subjects = new Map<string, string>();
  const recipes = new Map<string, string>();
  const rows = (journal?.entries ?? []).map((entry): JournalRow => {
    if (entry.event === 'run') recipes.set(entry.run, entry.recipe);
    if (entry.event === 'intent') subjects.set(`${entry.run} ${entry.step}`, entry.content.subject);
    const isOfStep = entry.event === 'intent' || entry.event === 'outcome';
    const recipe = recipes.get(entry.run) ?? '';
    return {entry, recipe, subject: isOfStep ? (subjects.get(`${entry.run} ${entry.step}`) ?? '') : ''};
  });
  return arrangeRows(rows, tables.journal, journalColumns, entryId);
}

export function entryId({entry}: JournalRow): string {
  return String(entry.seq);
}

/** `2026-11-21 06:34:48`, UTC. */
export function timeOf(entry: JournalEntry | undefined): string {
  return entry?.at.slice(0, 19).replace('T', ' ') ?? 'unknown';
}

const outcomeRoles: Record<(JournalEntry & {event: 'outcome'})['outcome'], Role> = {
  verified: 'good',
  applied: 'good',
  skipped: 'warning',
  unknown: 'warning',
  failed: 'danger',
};

function describeEntry(entry: JournalEntry): {text: string; role: Role} {
  switch (entry.event) {
    case 'run':
      return {
        text: `${counted(entry.step_count, 'step')}, ${entry.recipe} on ${entry.target}`,
        role: 'strong',
      };
    case 'intent':
      return {text: `  will: ${entry.content.title}`, role: 'plain'};
    case 'outcome':
      return {
        text: `  ${entry.outcome}${entry.message ? `: ${entry.message}` : ''}`,
        role: outcomeRoles[entry.outcome],
      };
    case 'end':
      return {
        text: `${entry.status}${entry.reason ? `: ${entry.reason}` : ''}`,
        role: entry.status === 'done' ? 'good' : 'warning',
      };
    case 'rollout':
      return {text: `rollout ${entry.name}, ${counted(entry.stages.length, 'stage')}`, role: 'strong'};
    case 'stage':
      return {
        text: `  ${entry.name}: ${entry.phase}${entry.detail ? `: ${entry.detail}` : ''}`,
        role: entry.phase === 'failed' || entry.phase === 'not rolled back' ? 'danger' : 'plain',
      };
  }
}
