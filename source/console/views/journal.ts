import type {JournalEntry} from '../../core/journal.ts';
import {fitText, type Line, padLines, type Role, span} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import type {ConsoleState} from '../state.ts';
import {type Area, defineView} from './view.ts';

type JournalSlice = {journal: ConsoleState['journal']; cursor: string | null};

/** Newest first: what was done last is what is asked for first. */
function newestFirst(state: Pick<ConsoleState, 'journal'>): JournalEntry[] {
  return [...(state.journal?.entries ?? [])].reverse();
}

export default defineView<JournalSlice>({
  id: 'journal',
  title: 'Journal',
  key: '6',
  sortColumns: [],
  badge: state =>
    state.journal && state.journal.unfinished > 0
      ? {text: `${state.journal.unfinished}?`, isBad: true}
      : null,
  ids: state => newestFirst(state).map(entry => String(entry.seq)),
  select: state => ({journal: state.journal, cursor: state.tables.journal.cursor}),
  drawSlice: (slice, area, theme) => padLines(drawJournal(slice, area, theme), area.height),
});

function drawJournal({journal, cursor}: JournalSlice, area: Area, theme: Theme): Line[] {
  if (journal === null) return [{spans: [span('  reading the journal', 'muted')]}];
  const lines: Line[] = [];
  if (journal.problem)
    lines.push({spans: [span(`  ${theme.symbols.critical} ${journal.problem}`, 'danger')]});
  if (journal.unfinished > 0) {
    const text = `${journal.unfinished} act(s) began and never told their outcome: unknown, verify (poolctl journal verify)`;
    lines.push({spans: [span(`  ${theme.symbols.warning} ${text}`, 'warning')]});
  }
  lines.push({
    spans: [
      span(
        `  ${'#'.padStart(5)} ${'TIME (UTC)'.padEnd(19)} ${'ACTOR'.padEnd(18)} ${'RUN'.padEnd(10)} EVENT`,
        'muted',
      ),
    ],
  });
  if (journal.entries.length === 0) lines.push({spans: [span('  nothing has been done yet', 'muted')]});
  const entries = newestFirst({journal});
  const selected = entries.findIndex(entry => String(entry.seq) === cursor);
  const room = area.height - lines.length;
  const first = Math.max(0, selected - room + 1);
  for (const entry of entries.slice(first, first + room)) {
    const drawn = drawEntry(entry);
    lines.push(String(entry.seq) === cursor ? {...drawn, isSelected: true} : drawn);
  }
  return lines;
}

function drawEntry(entry: JournalEntry): Line {
  const {text, role} = describeEntry(entry);
  const at = entry.at.slice(0, 19).replace('T', ' ');
  return {
    spans: [
      span(
        `  ${String(entry.seq).padStart(5)} ${at} ${fitText(entry.actor, 18)} ${fitText(entry.run, 10)} `,
        'muted',
      ),
      span(text, role),
    ],
  };
}

function describeEntry(entry: JournalEntry): {text: string; role: Role} {
  switch (entry.event) {
    case 'run':
      return {text: `${entry.recipe} on ${entry.target}, ${entry.step_count} step(s)`, role: 'strong'};
    case 'intent':
      return {text: `  will: ${entry.content.title}`, role: 'plain'};
    case 'outcome':
      return {
        text: `  ${entry.outcome}${entry.message ? `: ${entry.message}` : ''}`,
        role: entry.outcome === 'failed' ? 'danger' : entry.outcome === 'skipped' ? 'warning' : 'good',
      };
    case 'end':
      return {
        text: `${entry.status}${entry.reason ? `: ${entry.reason}` : ''}`,
        role: entry.status === 'done' ? 'good' : 'warning',
      };
  }
}
