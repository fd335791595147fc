import {createStore, type StoreApi} from 'zustand/vanilla';
import type {Effect, Message} from './messages.ts';
import type {ConsoleState} from './state.ts';
import {update} from './update.ts';

export type ConsoleStore = StoreApi<ConsoleState>;

/** The one place where state changes: a message in, the new state stored, its effects handed on. */
export function createConsoleStore(
  initial: ConsoleState,
  perform: (effect: Effect) => void,
): {store: ConsoleStore; dispatch(message: Message): void} {
  const store = createStore<ConsoleState>(() => initial);
  return {
    store,
    dispatch(message) {
      const {state, effects} = update(store.getState(), message);
      if (state !== store.getState()) store.setState(state, true);
      for (const effect of effects) perform(effect);
    },
  };
}
