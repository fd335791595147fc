import {createStore} from 'zustand/vanilla';
import type {InputEvent} from './input/decoder.ts';
import {takeInput} from './input/key-meaning.ts';
import {handleEvent, showEffect} from './state/events.ts';
import {diagnose} from './state/findings.ts';
import {observeHarm} from './state/run.ts';
import type {ConsoleState, ConsoleStore, Effect, Event, UpdateResult} from './state/state.ts';
import {requestBase} from './state/window.ts';

/** What was typed or pasted, or what the server, the terminal and effects report. */
export type Message = InputEvent | Event;

/** The next state for a message, and the effects to perform. Pure. Another snapshot or other data is diagnosed again. */
export function update(before: ConsoleState, message: Message): UpdateResult {
  const updated = diagnoseChanged(before, message);
  const {state} = updated;
  const isAsked = hasMoved(before, state) || isLive(before) !== isLive(state);
  const effects = isAsked ? [...updated.effects, showEffect(state)] : updated.effects;
  if (state.snapshot === before.snapshot && state.window === before.window) return {state, effects};
  const requested = requestBase(state);
  return {state: requested.state, effects: [...effects, ...requested.effects]};
}

/** The screen follows the server, whose state is read for its view. */
function isLive({past, isPaused}: ConsoleState): boolean {
  return past === null && !isPaused;
}

/** Other statements are on the screen: their texts are asked for immediately, not with the next reading. */
function hasMoved(before: ConsoleState, {view, tables, past}: ConsoleState): boolean {
  const isShown = view === 'statements' && before.view === view && past === null;
  return isShown && tables.statements !== before.tables.statements;
}

function diagnoseChanged(before: ConsoleState, message: Message): UpdateResult {
  const {state, effects} =
    message.kind === 'key' || message.kind === 'paste'
      ? takeInput(before, message)
      : handleEvent(before, message);
  const isDiagnosed =
    state.snapshot === before.snapshot &&
    state.diagnosisData === before.diagnosisData &&
    (state.past === null) === (before.past === null);
  if (isDiagnosed) return {state, effects};
  return {state: diagnose(observeRuns(state), state.past !== null), effects};
}

/** What is left of the harm that a run answers; not by readings of the past. */
function observeRuns(state: ConsoleState): ConsoleState {
  const {wizard, leftRun, past} = state;
  if (past !== null || (wizard === null && leftRun === null)) return state;
  return {
    ...state,
    wizard: wizard && observeHarm(state, wizard),
    leftRun: leftRun && observeHarm(state, leftRun),
  };
}

type Dispatch = {
  store: ConsoleStore;
  dispatch(message: Message): void;
  /** Messages dispatched by `work` are drawn once, at the end. */
  batch(work: () => void): void;
};

/** The only place where state changes: takes a message, stores the new state, performs its effects. */
export function createConsoleStore(initial: ConsoleState, perform: (effect: Effect) => void): Dispatch {
  const store = createStore<ConsoleState>(() => initial);
  let current = initial;
  let isBatching = false;
  const publish = () => {
    if (!isBatching && current !== store.getState()) store.setState(current, true);
  };
  return {
    store,
    dispatch(message) {
      const {state, effects} = update(current, message);
      current = state;
      publish();
      for (const effect of effects) perform(effect);
    },
    batch(work) {
      isBatching = true;
      try {
        work();
      } finally {
        isBatching = false;
        publish();
      }
    },
  };
}
