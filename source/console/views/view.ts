import type {ComponentType} from 'react';
import type {Theme} from '../screen/theme.ts';
import type {ConsoleState, ViewList} from '../state/state.ts';

/** One view = one file: its list, its keys' targets, its help and how it is drawn. */
export type View = ViewList & {
  /** Beside the title in the tab row: how much there is, and whether it is bad. */
  badge(state: ConsoleState): {text: string; isBad: boolean} | null;
  /** What the help explains of it: columns, signs. */
  legend(symbols: Theme['symbols']): {keys: string; help: string}[];
  /** Takes the room that is left; what it shows it selects from the state. */
  Component: ComponentType;
};
