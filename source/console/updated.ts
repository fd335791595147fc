import type {Effect} from './messages.ts';
import type {ConsoleState, Overlay, TableState} from './state.ts';

/** The next state, and what is to be done outside of it. */
export type Updated = {state: ConsoleState; effects: Effect[]};

/** A new state with nothing to do. */
export function only(state: ConsoleState): Updated {
  return {state, effects: []};
}

export function withOverlay(state: ConsoleState, change: (overlay: Overlay) => Overlay): ConsoleState {
  return state.overlay ? {...state, overlay: change(state.overlay)} : state;
}

/** Changes the table of the view that is open. */
export function withTable(state: ConsoleState, change: (table: TableState) => TableState): ConsoleState {
  return {...state, tables: {...state.tables, [state.view]: change(state.tables[state.view])}};
}
