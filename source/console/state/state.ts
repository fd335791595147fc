import type {StoreApi} from 'zustand/vanilla';
import {sessionId} from '../../core/sessions/session.ts';
import type {Backend, Statement} from '../../model/snapshot.ts';
import {type BrowsingSlice, createBrowsing, isTooSmall} from './browsing.ts';
import {createDialog, type DialogSlice} from './dialog.ts';
import {createPast, type PastSlice} from './past.ts';
import {createReading, type ReadingOptions, type ReadingSlice, statementId} from './reading.ts';
import {createRun, type RunSlice} from './run.ts';

/** All that the console knows. Each slice is one file; what concerns several is composed in `update.ts`. */
export type ConsoleState = ReadingSlice & BrowsingSlice & DialogSlice & RunSlice & PastSlice;

export type ConsoleStore = StoreApi<ConsoleState>;

export function createState(options: ReadingOptions & {columns: number; rows: number}): ConsoleState {
  return {
    ...createReading(options),
    ...createBrowsing(options),
    ...createDialog(),
    ...createRun(),
    ...createPast(options.isRecording ?? false),
  };
}

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

/** The run of the entry selected in the Journal. */
export function selectedRun({journal, tables}: ConsoleState): string | undefined {
  return journal?.entries.find(({seq}) => String(seq) === tables.journal.cursor)?.run;
}

/** The statement that `y` copies. */
export function copyText(state: ConsoleState): string | null {
  return selectedSession(state)?.query ?? selectedStatement(state)?.query ?? null;
}

/** Names the page that scrolls, '' where none lies on the view. */
export function pageOnTop({overlay, replay, wizard}: ConsoleState): string {
  if (overlay !== null) return overlay.kind;
  if (replay !== null) return 'replay';
  return wizard === null ? '' : `wizard ${wizard.stage}`;
}

/** The pages that are open and not on the screen: another one covers them, or the terminal is too small. */
export function hiddenPages(state: ConsoleState): string[] {
  const covered = state.overlay === null ? [] : [pageOnTop({...state, overlay: null})];
  return isTooSmall(state) ? [pageOnTop(state), ...covered] : covered;
}
