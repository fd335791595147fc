import type {StoreApi} from 'zustand/vanilla';
import {BugError} from '../../core/errors.ts';
import {
  type BrowsingSlice,
  createBrowsing,
  isTooSmall,
  type Remembered,
  type SortColumn,
  type ViewId,
} from './browsing.ts';
import {type Cells, createDialog, type DialogEffect, type DialogEvent, type DialogSlice} from './dialog.ts';
import {createPast, type PastEffect, type PastEvent, type PastSlice} from './past.ts';
import {
  createReading,
  type ReadingEffect,
  type ReadingEvent,
  type ReadingOptions,
  type ReadingSlice,
} from './reading.ts';
import {createRun, type RunEffect, type RunEvent, type RunSlice, type RunUpdate} from './run.ts';
import {createScan, type ScanEffect, type ScanEvent, type ScanSlice} from './scan.ts';
import {createWindow, type WindowEffect, type WindowEvent, type WindowSlice} from './window.ts';

/** All that the console knows. Each slice is one file; what concerns several is composed in `events.ts`, `opening.ts` and `commands.ts`. */
export type ConsoleState = ReadingSlice &
  BrowsingSlice &
  DialogSlice &
  RunSlice &
  PastSlice &
  WindowSlice &
  ScanSlice & {views: readonly ViewList[]};

/** What the state has to know of a view; `views/view.ts` adds how it is drawn. */
export type ViewList = {
  id: ViewId;
  title: string;
  key: string;
  /** Columns that a filter can name; none where there is no filter. */
  columns?: readonly (SortColumn & {title: string})[];
  /** `s` walks through the columns; elsewhere the order is fixed. */
  isSortable?: boolean;
  /** Absent: always. */
  isShown?(state: ConsoleState): boolean;
  /** What Enter does there, where that is not `detail`. */
  openLabel?: string;
  /** Enter leads away from the row, so that the footer has `o`. */
  opensElsewhere?: boolean;
  /** What `s` does there, where that is not `sort`. */
  sortLabel?: string;
  /** `B` groups its rows by the tags of their statements. */
  isGroupable?: boolean;
  /** `B` groups the sessions of its selected row, in Sessions: their filter, '' for all. */
  sessionsFilter?(state: ConsoleState): string;
  /** `t` changes the time that its figures are over. */
  hasWindow?: boolean;
  /** The column that orders the list at first. */
  firstOrder?: string;
  /** Its rows are sessions, which can be tagged, cancelled and terminated. */
  isOfSessions?: boolean;
  /** Ids of what the cursor can rest on, in the order shown. */
  ids(state: ConsoleState): string[];
  /** Enter on the row with this id. */
  open(state: ConsoleState, id: string): UpdateResult;
  /** `o`: the row with this id, its texts in whole; of the Overview it shows everything. */
  cells?(state: ConsoleState, id: string): Cells;
  /** What is read when the view is shown. */
  effectsWhenShown?(state: ConsoleState): Effect[];
};

export type ConsoleStore = StoreApi<ConsoleState>;

export function createState(
  options: ReadingOptions & {
    columns: number;
    rows: number;
    views: readonly ViewList[];
    source_directory?: string | null;
  },
): ConsoleState {
  return {
    views: options.views,
    ...createReading(options),
    ...createBrowsing(options),
    ...createDialog(),
    ...createRun(),
    ...createPast(options.isRecording ?? false),
    ...createWindow(),
    ...createScan(options.source_directory ?? null),
  };
}

/** The views that there are: some need what was not given. */
export function shownViews<Each extends ViewList>(views: readonly Each[], state: ConsoleState): Each[] {
  return views.filter(({isShown}) => isShown?.(state) ?? true);
}

/** The view that is open. */
export function openView({views, view}: Pick<ConsoleState, 'views' | 'view'>): ViewList {
  const open = views.find(({id}) => id === view);
  if (open === undefined) throw new BugError(`there is no view ${view}`);
  return open;
}

/** What `s` walks through in the view that is open; [] where the order is fixed. */
export function sortColumns(state: ConsoleState): readonly SortColumn[] {
  const {isSortable = false, columns = []} = openView(state);
  return isSortable ? columns : [];
}

/** null in a view that `can`; elsewhere `works in Sessions (2) and Locks (4)`. */
export function needsView(state: ConsoleState, can: (view: ViewList) => unknown): string | null {
  if (can(openView(state))) return null;
  const names = shownViews(state.views, state)
    .filter(can)
    .map(({title, key}) => `${title} (${key})`);
  return `works in ${names.slice(0, -1).join(', ')}${names.length > 1 ? ' and ' : ''}${names.at(-1)}`;
}

/** What the server, the terminal and effects report. */
export type Event =
  | ReadingEvent
  | DialogEvent
  | RunEvent
  | PastEvent
  | WindowEvent
  | ScanEvent
  | {kind: 'resized'; columns: number; rows: number}
  | {kind: 'remembered'; remembered: Remembered};

/** What update() asks to be done outside of it. */
export type Effect =
  | ReadingEffect
  | DialogEffect
  | RunEffect
  | PastEffect
  | WindowEffect
  | ScanEffect
  /** `page`: the one on top, which holds its own position. */
  | {kind: 'scroll'; page: string; by: ScrollBy}
  | {kind: 'read-remembered'}
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

/** The next state with a change of its run slice. */
export function withRun(state: ConsoleState, {changes, effects}: RunUpdate): UpdateResult {
  return {state: {...state, ...changes}, effects};
}

export function scroll(state: ConsoleState, by: ScrollBy): UpdateResult {
  return {state, effects: [{kind: 'scroll', page: pageOnTop(state), by}]};
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
