import type {ViewId} from './browsing.ts';
import type {DialogEffect, DialogEvent} from './dialog.ts';
import type {LineEdit} from './line-editor.ts';
import type {PastEffect, PastEvent} from './past.ts';
import type {ReadingEffect, ReadingEvent} from './reading.ts';
import type {RunEffect, RunEvent} from './run.ts';
import type {ConsoleState} from './state.ts';

/** What a key does. */
export type Command =
  | {kind: 'show-view'; view: ViewId}
  | {kind: 'cycle-view'; by: 1 | -1}
  | {kind: 'move'; by: number}
  | {kind: 'page'; by: 1 | -1}
  | {kind: 'edge'; to: 'first' | 'last'}
  | {kind: 'tag'}
  | {kind: 'open'}
  | {kind: 'sort-next'}
  | {kind: 'sort-previous'}
  | {kind: 'sort-reverse'}
  | {kind: 'prompt'; purpose: 'filter' | 'command'}
  | {kind: 'type'; text: string}
  | {kind: 'paste'; text: string}
  | {kind: 'edit'; how: LineEdit}
  | {kind: 'recall'; by: 1 | -1}
  | {kind: 'submit'}
  | {kind: 'choose'; by: 1 | -1}
  | {kind: 'open-blocker'}
  | {kind: 'toggle-guards'}
  | {kind: 'undo-run'}
  | {kind: 'pause'}
  | {kind: 'step-time'; by: number}
  | {kind: 'leap-time'; by_ms: number}
  | {kind: 'back-to-now'}
  | {kind: 'write-out'; file: string | null}
  | {kind: 'change-interval'; faster: boolean}
  | {kind: 'copy'}
  | {kind: 'end-sessions'; how: 'cancel' | 'terminate'}
  | {kind: 'explain'}
  | {kind: 'open-recipe'}
  | {kind: 'open-finding'; letter: string}
  | {kind: 'help'}
  | {kind: 'back'}
  | {kind: 'redraw'}
  | {kind: 'suspend'}
  | {kind: 'quit'};

/** How far to scroll a page, downwards; to an edge by infinite lines. */
export type ScrollBy = {lines: number} | {pages: number};

/** How far the keys of movement go. */
export function distanceOf(command: Extract<Command, {kind: 'move' | 'page' | 'edge'}>): ScrollBy {
  switch (command.kind) {
    case 'move':
      return {lines: command.by};
    case 'page':
      return {pages: command.by};
    case 'edge':
      return {lines: command.to === 'first' ? -Infinity : Infinity};
  }
}

/** What the server, the terminal and effects report. */
export type Event =
  | ReadingEvent
  | DialogEvent
  | RunEvent
  | PastEvent
  | {kind: 'resized'; columns: number; rows: number};

export type Message = Command | Event;

/** What update() asks to be done outside of it. */
export type Effect =
  | ReadingEffect
  | DialogEffect
  | RunEffect
  | PastEffect
  /** Of the page on top, which holds its own position. */
  | {kind: 'scroll'; by: ScrollBy}
  | {kind: 'quit'}
  | {kind: 'suspend'}
  | {kind: 'redraw'};

/** The next state, and the effects to perform. */
export type UpdateResult = {state: ConsoleState; effects: Effect[]};

/** A new state without effects. */
export function noEffects(state: ConsoleState): UpdateResult {
  return {state, effects: []};
}
