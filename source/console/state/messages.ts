import type {DialogEffect, DialogEvent} from './dialog.ts';
import type {PastEffect, PastEvent} from './past.ts';
import type {ReadingEffect, ReadingEvent} from './reading.ts';
import type {RunEffect, RunEvent, RunUpdate} from './run.ts';
import type {ConsoleState} from './state.ts';
import {pageOnTop} from './state.ts';

/** What the server, the terminal and effects report. */
export type Event =
  | ReadingEvent
  | DialogEvent
  | RunEvent
  | PastEvent
  | {kind: 'resized'; columns: number; rows: number};

/** What update() asks to be done outside of it. */
export type Effect =
  | ReadingEffect
  | DialogEffect
  | RunEffect
  | PastEffect
  /** `page`: the one on top, which holds its own position. */
  | {kind: 'scroll'; page: string; by: ScrollBy}
  | {kind: 'quit'}
  | {kind: 'suspend'}
  | {kind: 'redraw'};

/** How far to scroll a page, downwards; to an edge by infinite lines. */
export type ScrollBy = {lines: number} | {pages: number};

/** The next state, and the effects to perform. */
export type UpdateResult = {state: ConsoleState; effects: Effect[]};

/** A new state without effects. */
export function noEffects(state: ConsoleState): UpdateResult {
  return {state, effects: []};
}

export function scroll(state: ConsoleState, by: ScrollBy): UpdateResult {
  return {state, effects: [{kind: 'scroll', page: pageOnTop(state), by}]};
}

export function toEdge(to: 'first' | 'last'): ScrollBy {
  return {lines: to === 'first' ? -Infinity : Infinity};
}

/** The next state with a change of its run slice. */
export function withRun(state: ConsoleState, {changes, effects}: RunUpdate): UpdateResult {
  return {state: {...state, ...changes}, effects};
}

/** Commands by name: each gets the state, and the command with its options. */
export type CommandTable<State> = Record<string, (state: State, options: never) => UpdateResult>;

/** The commands of a table: `{kind: 'move', by: 1}`. */
export type CommandOf<Table> = {
  [Kind in keyof Table]: {kind: Kind} & (Table[Kind] extends (
    state: never,
    options: infer Options,
  ) => UpdateResult
    ? Options
    : unknown);
}[keyof Table];
