import {createElement} from 'react';
import {onTestFinished} from 'vitest';
import {createStore} from 'zustand/vanilla';
import {App} from '../../source/console/app.tsx';
import {createScroller} from '../../source/console/components/page.tsx';
import {createTheme, type Theme} from '../../source/console/screen/theme.ts';
import type {Effect} from '../../source/console/state/state.ts';
import {type ConsoleState, createState} from '../../source/console/state/state.ts';
import {createConsoleStore, type Message, update} from '../../source/console/store.ts';
import {views} from '../../source/console/views/index.ts';
import type {Finding, Plan, Recipe} from '../../source/model/recipe.ts';
import type {Snapshot} from '../../source/model/snapshot.ts';
import type {SqlStep} from '../../source/model/step.ts';
import {mountElement, renderElement, rowsOfGrid} from './rendered.tsx';

export const theme: Theme = createTheme({LANG: 'C.UTF-8'});

/** A console just opened. */
export function open(columns = 80, rows = 24, overrides: Partial<ConsoleState> = {}): ConsoleState {
  const address = 'db.example:5432/shop';
  const created = createState({
    columns,
    rows,
    address,
    isProduction: false,
    interval_ms: 2000,
    recipes: overrides.recipes ?? [],
    views,
  });
  return {...created, ...overrides};
}

/** What messages make of it, and what they want done. */
export function play(state: ConsoleState, ...messages: Message[]): {state: ConsoleState; effects: Effect[]} {
  const effects: Effect[] = [];
  for (const message of messages) {
    const updated = update(state, message);
    state = updated.state;
    effects.push(...updated.effects);
  }
  return {state, effects};
}

/**
 * An App on the screen, which keeps what its components hold, such as where a page is scrolled to. `perform` gets its effects.
 * `size`: the largest that a test resizes it to.
 */
export function mount(
  state: ConsoleState,
  perform: (effect: Effect) => void = () => {},
  size: {columns: number; rows: number} = state,
): {
  /** Names of keys, or messages; each is drawn. */
  play(...inputs: (string | Message)[]): void;
  /** The same, read together: drawn once, at the end. */
  playAhead(...inputs: (string | Message)[]): void;
  rows(): string[];
  state(): ConsoleState;
} {
  const scroller = createScroller();
  const {store, dispatch, batch} = createConsoleStore(state, effect => {
    if (effect.kind === 'scroll') scroller.scroll(effect.page, effect.by);
    else perform(effect);
  });
  const app = mountElement(frames => createElement(App, {store, theme, scroller, frames}), {...size, theme});
  onTestFinished(app.unmount);
  return {
    play(...inputs) {
      for (const input of inputs) {
        dispatch(typeof input === 'string' ? key(input) : input);
        app.draw();
      }
    },
    playAhead(...inputs) {
      scroller.dropPending();
      batch(() => {
        for (const input of inputs) {
          dispatch(typeof input === 'string' ? key(input) : input);
        }
      });
      app.draw();
    },
    rows: () => rowsOfGrid(app.draw().grid),
    state: store.getState,
  };
}

/** A key by its name. */
export function key(name: string): Message {
  return {kind: 'key', name};
}

/** After keys, by their names; one that is blocked says why in the notice, as in the console. */
export function press(state: ConsoleState, ...keys: string[]): ConsoleState {
  return play(state, ...keys.map(key)).state;
}

export function read(snapshot: Snapshot, viaRescueUrl = false): Message {
  return {kind: 'read', snapshot, effective_interval_ms: 2000, viaRescueUrl};
}

/** The screen's rows, without what is blank at their ends. */
export function rowsOf(state: ConsoleState): string[] {
  const app = createElement(App, {store: createStore(() => state), theme});
  return rowsOfGrid(renderElement(app, {...state, theme}).grid);
}

export function screenOf(state: ConsoleState): string {
  return rowsOf(state).join('\n');
}

export function createFinding(overrides: Partial<Finding> = {}): Finding {
  return {
    recipe: 'end-them',
    severity: 'warning',
    subject: 'backend:1',
    summary: 'something is wrong',
    evidence: {},
    ...overrides,
  };
}

/** A recipe that finds what it is told and plans what it is told. */
export function createRecipe(
  overrides: Partial<Recipe> & {findings?: () => Finding[]; steps?: number} = {},
): Recipe {
  const {findings = () => [], steps = 1, ...rest} = overrides;
  return {
    id: 'end-them',
    title: 'End them',
    summary: 'Ends those that are named',
    parameters: [],
    diagnose: findings,
    plan: () => createPlan(steps),
    ...rest,
  };
}

export function createPlan(steps: number, overrides: Partial<Plan> = {}): Plan {
  return {
    recipe: 'end-them',
    params: {},
    explanation: [`${steps} sessions to end:`],
    steps: Array.from({length: steps}, (_, index) => createStep(4000 + index)),
    skipped: [{subject: 'backend:9', description: '9', reason: 'a dump'}],
    batch_size: 5,
    pause_ms: 500,
    slots_freed: steps,
    watch_groups: [],
    ...overrides,
  };
}

export function createStep(pid: number, overrides: Partial<SqlStep> = {}): SqlStep {
  return {
    kind: 'sql',
    title: `terminate ${pid} (shop/shop_app idle in transaction)`,
    subject: `backend:${pid}`,
    apply: {text: 'SELECT pg_catalog.pg_terminate_backend($1)', values: [pid]},
    undo: 'irreversible',
    verify: {
      query: {text: 'SELECT 0 AS remaining', values: []},
      expect: {column: 'remaining', op: '=', value: 0},
    },
    lock: 'none',
    transaction: false,
    timeout_ms: 10_000,
    ...overrides,
  };
}
