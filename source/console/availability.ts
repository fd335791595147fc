import {compareServers, serverDifference} from '../core/server/server-identity.ts';
import {parseSessionId} from '../core/sessions/session-id.ts';
import type {JournalEntry} from '../model/journal-entry.ts';
import {clockOf} from './components/scrubber.ts';
import {findingOf} from './findings.ts';
import {selectedSession, targetSessions} from './selection.ts';
import type {ConsoleState, Past} from './state.ts';
import {hasEnded} from './state.ts';
import {selectedRun} from './views/journal.ts';
import {blockerOf, canBeUnfolded, choicesOf, wizardOf} from './wizard/state.ts';

/** Why a key can do nothing now; null where it can. One function per kind of key. */

/** Nothing can be done to what has been. */
export function whyNotInPast({now, at_ms}: Past): string {
  return now === null
    ? 'this is a recording: nothing can be done in it'
    : `this is ${clockOf(at_ms)}: L goes back to now, where acts are`;
}

/** Nothing is done on a server that is not the one the console was opened on; null where it is. */
export function anotherServer({link}: ConsoleState): string | null {
  if (link.kind !== 'live' || link.another_server === null) return null;
  return `${link.another_server}: nothing is done on it; leave, and open poolctl on the server meant`;
}

export function needsPast({past}: ConsoleState): string | null {
  return past?.now ? null : past === null ? 'this is now' : 'a recording has no now';
}

export function needsNow({past}: ConsoleState): string | null {
  return past !== null && past.now === null ? 'this is a recording already' : null;
}

export function needsRow(state: ConsoleState): string | null {
  return state.tables[state.view].cursor === null ? 'no row is held: move onto one first' : null;
}

export function needsTable(state: ConsoleState): string | null {
  return state.view === 'sessions' || state.view === 'statements'
    ? null
    : 'only sessions and statements: 2 or 3';
}

/** Journal rows are found, in the order they were written. */
export function needsFilterable(state: ConsoleState): string | null {
  return state.view === 'journal' || needsTable(state) === null
    ? null
    : 'only sessions, statements and the journal: 2, 3 or 6';
}

export function needsTaggable(state: ConsoleState): string | null {
  return state.view === 'sessions' || state.view === 'locks'
    ? needsRow(state)
    : 'only sessions are tagged: 2 or 4';
}

export function needsSessions(state: ConsoleState): string | null {
  if (state.view !== 'sessions' && state.view !== 'locks') return 'only sessions can be ended: 2 or 4';
  const meant = targetSessions(state);
  if (meant.length === 0) return 'no session is held or tagged';
  if (meant.every(id => parseSessionId(id).backend_start === ''))
    return 'no client session this role can tell apart';
  if (state.overlay?.kind === 'session' && !selectedSession(state)) return 'this session has ended';
  return state.link.kind === 'live' ? null : 'not connected';
}

export function needsStatement(state: ConsoleState): string | null {
  return state.view === 'statements' ? needsRow(state) : 'only statements can be explained: 3';
}

/** Elsewhere it leads to the list. */
export function needsRecipe(state: ConsoleState): string | null {
  return state.view === 'recipes' ? needsRow(state) : null;
}

export function needsFinding(state: ConsoleState, letter: string): string | null {
  if (state.view !== 'overview') return 'only on the Overview';
  return findingOf(state, letter) ? null : 'no such finding';
}

/** A run is taken back where it was carried out. */
export function needsUndoable(state: ConsoleState): string | null {
  if (state.view !== 'journal') return 'only runs are taken back: 6';
  const held = selectedRun(state);
  if (held === undefined) return needsRow(state);
  if (state.snapshot === null || state.link.kind !== 'live') return 'not connected';
  const run = state.journal?.entries.find(
    (entry): entry is JournalEntry & {event: 'run'} => entry.event === 'run' && entry.run === held,
  );
  if (run === undefined) return `the beginning of run ${held} is not in the journal`;
  if (state.journal?.isBroken) return 'the journal does not verify: nothing is undone from it';
  const {id: here, server} = state.snapshot.target;
  if (run.target !== here) return `run ${held} was on ${run.target}, this is ${here}`;
  if (run.server === undefined || server === undefined) return null;
  if (compareServers(run.server, server) !== 'other') return null;
  return `run ${held}: ${serverDifference(run.server, server)}`;
}

export function needsChoices(state: ConsoleState): string | null {
  const wizard = wizardOf(state);
  return wizard && choicesOf(state, wizard).length > 0 ? null : 'this one is typed';
}

export function needsBlocker(state: ConsoleState): string | null {
  const wizard = wizardOf(state);
  const pid = wizard && blockerOf(wizard)?.pid;
  if (pid === null || pid === undefined) return 'no step waits for a session';
  const isRead = state.snapshot?.backends.some(backend => backend.pid === pid);
  return isRead ? null : `session ${pid} is not in the last reading`;
}

export function needsLongGuard(state: ConsoleState): string | null {
  const wizard = wizardOf(state);
  return wizard && canBeUnfolded(wizard) ? null : 'no guard is folded here';
}

/** A run is stopped by Esc, never by a `q` that was meant to close a page. */
export function needsEscape({overlay}: ConsoleState, key: string): string | null {
  if (key === 'q' && overlay?.kind === 'replay' && !hasEnded(overlay)) return 'Esc ends the replay';
  return key === 'q' && overlay?.kind === 'wizard' && overlay.wizard.stage === 'running'
    ? 'Esc stops the run'
    : null;
}
