import type {Effect} from './messages.ts';
import type {ConsoleState, Overlay, TableState} from './state.ts';

/** The next state, and the effects to perform. */
export type UpdateResult = {state: ConsoleState; effects: Effect[]};

/** A new state without effects. */
export function noEffects(state: ConsoleState): UpdateResult {
  return {state, effects: []};
}

/** The header shows the new interval at once; the next snapshot says whether it is slowed. */
export function withInterval(state: ConsoleState, interval_ms: number): UpdateResult {
  return {
    state: {...state, interval_ms, effective_interval_ms: interval_ms},
    effects: [{kind: 'set-interval', interval_ms}],
  };
}

export function withOverlay(state: ConsoleState, change: (overlay: Overlay) => Overlay): ConsoleState {
  return state.overlay ? {...state, overlay: change(state.overlay)} : state;
}

/** Changes the table of the view that is open. */
export function withTable(state: ConsoleState, change: (table: TableState) => TableState): ConsoleState {
  return {...state, tables: {...state.tables, [state.view]: change(state.tables[state.view])}};
}
