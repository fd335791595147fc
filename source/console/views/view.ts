import type {Line} from '../screen/line.ts';
import type {Theme} from '../screen/theme.ts';
import type {ViewId} from '../state/browsing.ts';
import type {ConsoleState} from '../state/state.ts';

export type Area = {width: number; height: number};

/**
 * One view = one file. `select` returns only what the view shows; `draw` turns that into lines and is pure, so
 * that the first frame can be drawn before Ink is loaded.
 */
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
  draw(state: ConsoleState, area: Area, theme: Theme): Line[];
};

/** Hides the type of a view's slice. */
export function defineView<Slice>(
  view: Omit<View, 'draw'> & {
    select(state: ConsoleState): Slice;
    drawSlice(slice: Slice, area: Area, theme: Theme): Line[];
  },
): View {
  const {select, drawSlice, ...rest} = view;
  return {...rest, draw: (state, area, theme) => drawSlice(select(state), area, theme)};
}
