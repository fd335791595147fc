import {statementKey} from '../../core/activity/rates.ts';
import {loggedMs} from '../../core/assessment/change-log.ts';
import {timeOfDay} from '../../core/text/clock.ts';
import {counted} from '../../core/text/format.ts';
import type {ChangeKind, LoggedChange} from '../../model/change-log.ts';
import type {JournalEntry} from '../../model/journal-entry.ts';
import type {Role} from '../screen/line.ts';
import {tableOf} from '../state/browsing.ts';
import type {ConsoleState} from '../state/state.ts';
import {arrangeRows, type Column} from './arrange.ts';
import {oneLine} from './one-line.ts';

/** A change of the server, or a run of poolctl. */
export type ChangeRow = Omit<LoggedChange, 'id' | 'kind'> & {
  id: string;
  kind: ChangeKind | 'run';
  run?: {run: string; seq: number};
};

const roles: Partial<Record<ChangeRow['kind'], Role>> = {
  server: 'danger',
  setting: 'warning',
  schema: 'warning',
  run: 'accent',
};

export const changeColumns: Column<ChangeRow>[] = [
  {
    id: 'time',
    title: 'TIME',
    help: 'when it was first seen, in UTC',
    width: 9,
    priority: 2,
    text: ({at}) => timeOfDay(at),
    role: () => 'muted',
    sortValue: ({at}) => at,
  },
  {
    id: 'kind',
    title: 'KIND',
    help: 'server, setting, schema, statement, ...; run: by poolctl',
    width: 9,
    priority: 4,
    text: ({kind}) => kind,
    role: ({kind}) => roles[kind] ?? 'muted',
    sortValue: ({kind}) => kind,
  },
  {
    id: 'what',
    title: 'WHAT',
    help: 'what changed',
    width: 24,
    grows: true,
    priority: 1,
    text: row => oneLine(whatOf(row)),
    whole: whatOf,
    sortValue: ({object}) => object,
  },
  {
    id: 'figures',
    title: 'FIGURES',
    help: 'before -> after',
    width: 16,
    widest: 40,
    priority: 3,
    text: figuresOf,
    role: () => 'strong',
    sortValue: ({after}) => after,
  },
  {
    id: 'by',
    title: 'BY',
    help: 'who did it, or whose it is',
    width: 12,
    widest: 40,
    priority: 5,
    text: ({by}) => by ?? '',
    sortValue: ({by}) => by,
  },
];

/** What happened comes first where the object may be cut: `new: SELECT from orders`. */
function whatOf({kind, object, event}: ChangeRow): string {
  if (object === '') return event;
  const isCut = kind === 'statement' || kind === 'schema' || kind === 'setting';
  return isCut ? `${event.replace(/^(?:is|are|was) /, '')}: ${object}` : `${object} ${event}`;
}

function figuresOf({before, after}: ChangeRow): string {
  return before !== null && after !== null ? `${before} -> ${after}` : (after ?? before ?? '');
}

type Shown = Pick<ConsoleState, 'samples' | 'past' | 'snapshot' | 'journal'>;

/** The hour up to the snapshot shown, or what of it has been read. */
export function changesWindow({samples, past, snapshot}: Shown): {from_ms: number; to_ms: number} | null {
  if (snapshot === null) return null;
  const to_ms = Date.parse(snapshot.at);
  const first_ms =
    past?.now === null
      ? (past.times[0]?.at_ms ?? to_ms)
      : ((past?.now?.samples ?? samples).at(-1)?.log.began_ms ?? to_ms);
  return {from_ms: Math.max(first_ms, to_ms - loggedMs), to_ms};
}

/** Newest first. */
export function changeRows({tables, ...shown}: Shown & Pick<ConsoleState, 'tables'>): ChangeRow[] {
  const window = changesWindow(shown);
  if (window === null) return [];
  const rows = [...loggedRows(shown), ...runRows(shown)].filter(({at}) => {
    const at_ms = Date.parse(at);
    // Statements are read a moment after the sessions, whose time is the snapshot's.
    return at_ms >= window.from_ms && (shown.past === null || at_ms <= window.to_ms);
  });
  return arrangeRows(rows, tableOf({tables}, 'changes'), changeColumns, changeId);
}

export function changeId({id}: ChangeRow): string {
  return id;
}

/**
 * Of a recording, from all of it; of the last hour from the log up to now. A statement is shown by its text where that is
 * known: the log has its verb and table, which several share.
 */
function loggedRows({samples, past, snapshot}: Shown): ChangeRow[] {
  const log = (past?.now?.samples ?? samples).at(-1)?.log.entries ?? [];
  const texts = new Map(snapshot?.statements.map(each => [statementKey(each), each.query]));
  return (past?.whole?.changes ?? log).map(change => {
    const text = change.kind === 'statement' ? (texts.get(change.statement ?? '') ?? null) : null;
    return {...change, id: String(change.id), object: text ?? change.object};
  });
}

function runRows({journal, snapshot}: Shown): ChangeRow[] {
  const entries = journal?.entries ?? [];
  const ends = new Map(entries.flatMap(each => (each.event === 'end' ? [[each.run, each.status]] : [])));
  return entries.flatMap(entry => {
    const started = startedBy(entry);
    if (started === null || entry.target !== snapshot?.target.id) return [];
    const after = ends.get(entry.run) ?? null;
    return {
      id: `run ${entry.run}`,
      at: entry.at,
      kind: 'run',
      ...started,
      before: null,
      after,
      by: entry.actor,
      what: `${started.object} ${started.event} by ${entry.actor}${after === null ? '' : `: ${after}`}`,
      subject: null,
      run: {run: entry.run, seq: entry.seq},
    };
  });
}

function startedBy(entry: JournalEntry): Pick<ChangeRow, 'object' | 'event'> | null {
  switch (entry.event) {
    case 'run':
      return {object: entry.recipe, event: `ran ${counted(entry.step_count, 'step')}`};
    case 'rollout':
      return {object: entry.name, event: `was rolled out in ${counted(entry.stages.length, 'stage')}`};
    default:
      return null;
  }
}
