import {createStore} from 'zustand/vanilla';
import type {ConsoleState, ConsoleStore, Effect} from './state.ts';
import {type Message, update} from './update.ts';

type Dispatch = {
  store: ConsoleStore;
  dispatch(message: Message): void;
  /** The state after the last message; during `batch` newer than the store's. */
  current(): ConsoleState;
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
    current: () => current,
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
