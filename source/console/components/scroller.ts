import {createStore, type StoreApi} from 'zustand/vanilla';
import type {ScrollBy} from '../state/messages.ts';

/** Scrolls the page that is on the screen, which holds its own position. */
export type Scroller = {
  /** Does nothing where no page is mounted. */
  scroll(by: ScrollBy): void;
  /** How many lines of the page follow below the screen. */
  linesBelow: StoreApi<number>;
  /** Takes the scrolling over; returns how to give it up. */
  mount(scroll: (by: ScrollBy) => void): () => void;
};

export function createScroller(): Scroller {
  let mounted: ((by: ScrollBy) => void) | null = null;
  const linesBelow = createStore(() => 0);
  return {
    linesBelow,
    scroll: by => mounted?.(by),
    mount(scroll) {
      mounted = scroll;
      return () => {
        if (mounted !== scroll) return;
        mounted = null;
        linesBelow.setState(0);
      };
    },
  };
}
