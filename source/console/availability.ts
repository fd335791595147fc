import {parseSessionId} from '../core/session-id.ts';
import {findingOf} from './findings.ts';
import {heldSession, meantSessions} from './held.ts';
import type {ConsoleState} from './state.ts';

/** Why a key can do nothing now; null where it can. One function per kind of key. */

export function needsRow(state: ConsoleState): string | null {
  return state.tables[state.view].cursor === null ? 'no row is held: move onto one first' : null;
}

export function needsTable(state: ConsoleState): string | null {
  return state.view === 'sessions' || state.view === 'statements'
    ? null
    : 'only sessions and statements: 2 or 3';
}

export function needsTaggable(state: ConsoleState): string | null {
  return state.view === 'sessions' || state.view === 'locks'
    ? needsRow(state)
    : 'only sessions are tagged: 2 or 4';
}

export function needsSessions(state: ConsoleState): string | null {
  if (state.view !== 'sessions' && state.view !== 'locks') return 'only sessions can be ended: 2 or 4';
  const meant = meantSessions(state);
  if (meant.length === 0) return 'no session is held or tagged';
  if (meant.every(id => parseSessionId(id).backend_start === ''))
    return 'no client session this role can tell apart';
  if (state.overlay?.kind === 'session' && !heldSession(state)) return 'this session has ended';
  return state.link.kind === 'live' ? null : 'not connected';
}

export function needsStatement(state: ConsoleState): string | null {
  return state.view === 'statements' ? needsRow(state) : 'only statements can be explained: 3';
}

export function needsFinding(state: ConsoleState, letter: string): string | null {
  if (state.view !== 'overview') return 'only on the Overview';
  return findingOf(state, letter) ? null : 'no such finding';
}

/** A run is stopped by Esc, never by a `q` that was meant to close a page. */
export function needsEscape({overlay}: ConsoleState, key: string): string | null {
  return key === 'q' && overlay?.kind === 'guide' && overlay.guide.stage === 'running'
    ? 'Esc stops the run'
    : null;
}
