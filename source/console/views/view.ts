import type {ComponentType} from 'react';
import type {ViewId} from '../state/browsing.ts';
import type {ConsoleState} from '../state/state.ts';

/** In cells. */
export type Area = {width: number; height: number};

/** One view = one file. */
export type View = {
  id: ViewId;
  title: string;
  key: string;
  /** Beside the title in the tab row: how much there is, and whether it is bad. */
  badge(state: ConsoleState): {text: string; isBad: boolean} | null;
  /** Ids of what the cursor can rest on, in the order shown. */
  ids(state: ConsoleState): string[];
  /** Columns that `s` walks through; [] where there is nothing to sort. */
  sortColumns: {id: string; title: string}[];
  /** Takes the room that is left; what it shows it selects from the state. */
  Component: ComponentType;
};
