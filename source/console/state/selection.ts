import {sessionId} from '../../core/sessions/session.ts';
import type {Backend, Statement} from '../../model/snapshot.ts';
import {statementId, statementRows} from '../views/statements.ts';
import type {Effect} from './messages.ts';
import type {ConsoleState} from './state.ts';

/** The selected session as it is now; undefined when it has ended. */
export function selectedSession(state: ConsoleState): Backend | undefined {
  if (state.view !== 'sessions' && state.view !== 'locks') return undefined;
  const {cursor} = state.tables[state.view];
  return state.snapshot?.backends.find(backend => sessionId(backend) === cursor);
}

/** The ids of the sessions that `C` and `K` act on: the one whose detail is open, else the tagged, else the selected one. */
export function targetSessions(state: ConsoleState): string[] {
  if (state.overlay?.kind === 'session') return [state.overlay.id];
  const {cursor, tagged} = state.tables[state.view];
  if (tagged.length > 0) return tagged;
  return cursor === null ? [] : [cursor];
}

export function selectedStatement(state: ConsoleState): Statement | undefined {
  if (state.view !== 'statements') return undefined;
  return state.snapshot?.statements.find(
    statement => statementId(statement) === state.tables.statements.cursor,
  );
}

/** The statement that `y` copies. */
export function copyText(state: ConsoleState): string | null {
  return selectedSession(state)?.query ?? selectedStatement(state)?.query ?? null;
}

const overviewStatements = 12;

/** The statements whose texts are needed: those on the screen and a page around them. */
export function shownQueryIds(state: ConsoleState): string[] {
  const rows = statementRows(state);
  if (state.view !== 'statements') return rows.slice(0, overviewStatements).map(({queryid}) => queryid);
  const at = rows.findIndex(row => statementId(row) === state.tables.statements.cursor);
  const page = state.rows;
  return rows.slice(Math.max(0, at - page), Math.max(0, at) + 2 * page).map(({queryid}) => queryid);
}

/** The sampler reads statements at every tick only while their view is shown. */
export function showEffect(state: ConsoleState): Effect {
  return {kind: 'show', statements: state.view === 'statements', queryids: shownQueryIds(state)};
}
