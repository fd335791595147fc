import {counted} from '../../core/text/format.ts';
import type {JournalEntry} from '../../model/journal-entry.ts';
import {arrangeRows, type Column, drawTable, type TableSlice} from '../components/table.ts';
import {type Line, line, type Role, span} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import type {ConsoleState} from '../state/state.ts';
import {drawn} from './drawn.tsx';
import type {View} from './view.ts';

/** An entry with its subject and recipe, which only the intent and the start of its run name. */
type JournalRow = {entry: JournalEntry; subject: string; recipe: string};

const columns: Column<JournalRow>[] = [
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

type JournalSlice = TableSlice<JournalRow> & {journal: ConsoleState['journal']};

/** Newest first. */
const view: View = {
  id: 'journal',
  title: 'Journal',
  key: '6',
  sortColumns: [],
  badge: ({journal}) =>
    journal && journal.unfinished > 0 ? {text: `${journal.unfinished}?`, isBad: true} : null,
  ids: state => journalRows(state).map(idOf),
  Component: drawn<JournalSlice>({
    select: state => ({
      journal: state.journal,
      rows: journalRows(state),
      table: state.tables.journal,
      columns,
      idOf,
      emptyText: emptyTextOf(state),
    }),
    drawSlice(slice, area, theme) {
      const lines = warningLines(slice.journal, theme);
      return [...lines, ...drawTable(slice, area.width, area.height - lines.length, theme)];
    },
  }),
};

export default view;

/** `2026-11-21 06:34:48`, UTC. */
export function timeOf(entry: JournalEntry | undefined): string {
  return entry?.at.slice(0, 19).replace('T', ' ') ?? 'unknown';
}

function emptyTextOf({journal, tables}: ConsoleState): string {
  if (journal === null) return 'reading the journal';
  return tables.journal.filter === ''
    ? 'nothing has been done yet'
    : `nothing matches ${tables.journal.filter}`;
}

function journalRows({journal, tables}: ConsoleState): JournalRow[] {
  const subjects = new Map<string, string>();
  const recipes = new Map<string, string>();
  const rows = (journal?.entries ?? []).map((entry): JournalRow => {
    if (entry.event === 'run') recipes.set(entry.run, entry.recipe);
    if (entry.event === 'intent') subjects.set(`${entry.run} ${entry.step}`, entry.content.subject);
    const isOfStep = entry.event === 'intent' || entry.event === 'outcome';
    const recipe = recipes.get(entry.run) ?? '';
    return {entry, recipe, subject: isOfStep ? (subjects.get(`${entry.run} ${entry.step}`) ?? '') : ''};
  });
  return arrangeRows(rows, tables.journal, columns, idOf);
}

function idOf({entry}: JournalRow): string {
  return String(entry.seq);
}

function warningLines(journal: ConsoleState['journal'], {symbols}: Theme): Line[] {
  const lines: Line[] = [];
  if (journal?.problem) lines.push(line(span(`  ${symbols.critical} ${journal.problem}`, 'danger')));
  if (journal && journal.unfinished > 0) {
    const text = `${counted(journal.unfinished, 'step')} started without a recorded result: check whether it changed anything (poolctl journal verify)`;
    lines.push(line(span(`  ${symbols.warning} ${text}`, 'warning')));
  }
  return lines;
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
