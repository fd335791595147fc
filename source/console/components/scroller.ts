import {createStore, type StoreApi} from 'zustand/vanilla';
import type {ScrollBy} from '../state/messages.ts';

/** Scrolls pages, which hold their own positions. */
export type Scroller = {
  /** A page that is not on the screen yet, because its key was read together with this one, is scrolled once it is. */
  scroll(page: string, by: ScrollBy): void;
  /** What waits for the page that has been laid out; only once. */
  takeWaiting(page: string): ScrollBy[];
  /** Other keys have been read: what waits was for a page that was closed again. */
  forgetWaiting(): void;
  /** How many lines of the page follow below the screen. */
  linesBelow: StoreApi<number>;
  /** Takes the scrolling over; returns how to give it up. */
  mount(page: string, scroll: (by: ScrollBy) => void): () => void;
};

export function createScroller(): Scroller {
  let mounted: {page: string; scroll(by: ScrollBy): void} | null = null;
  let waiting: {page: string; by: ScrollBy}[] = [];
  const linesBelow = createStore(() => 0);
  return {
    linesBelow,
    scroll(page, by) {
      if (mounted?.page === page) mounted.scroll(by);
      else waiting.push({page, by});
    },
    takeWaiting(page) {
      const taken = waiting.filter(each => each.page === page).map(({by}) => by);
      waiting = [];
      return taken;
    },
    forgetWaiting() {
      waiting = [];
    },
    mount(page, scroll) {
      const own = {page, scroll};
      mounted = own;
      return () => {
        if (mounted !== own) return;
        mounted = null;
        linesBelow.setState(0);
      };
    },
  };
}
