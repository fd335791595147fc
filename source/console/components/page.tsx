import {Box, type DOMElement, measureElement} from 'ink';
import {
  createContext,
  type ReactNode,
  type RefObject,
  useContext,
  useLayoutEffect,
  useRef,
  useState,
} from 'react';
import {useStore} from 'zustand';
import {createStore, type StoreApi} from 'zustand/vanilla';
import type {ScrollBy} from '../state/state.ts';
import {type ConsoleState, hiddenPages, pageOnTop} from '../state/state.ts';
import {StoreContext, useConsole} from './context.ts';
import {useLayout} from './measured.tsx';

/** Scrolls pages, which hold their own positions. */
export type Scroller = {
  /** A page that is not on the screen yet, because its key was read together with this one, is scrolled once it is. */
  scroll(page: string, by: ScrollBy): void;
  /** Returns what waits for a page that has just been laid out, and forgets it. */
  takePending(page: string): ScrollBy[];
  /** Forgets what waits: other keys have been read, so its page was closed again before it was drawn. */
  dropPending(): void;
  /** How many lines of the page follow below the screen. */
  linesBelow: StoreApi<number>;
  /** Scrolls this page from now on; returns the function that ends this. */
  mount(page: string, scroll: (by: ScrollBy) => void): () => void;
  /** Where pages are that are open and not on the screen. */
  hidden: Map<string, Position>;
};

type Position = {
  /** The first line shown. */
  offset: number;
  /** What was last followed. */
  followed: unknown;
  /** The `<Anchor>` is in sight. */
  isAnchored: boolean;
};

export function createScroller(): Scroller {
  let mounted: {page: string; scroll(by: ScrollBy): void} | null = null;
  let waiting: {page: string; by: ScrollBy}[] = [];
  const linesBelow = createStore(() => 0);
  return {
    linesBelow,
    hidden: new Map(),
    scroll(page, by) {
      if (mounted?.page === page) mounted.scroll(by);
      else waiting.push({page, by});
    },
    takePending(page) {
      const taken = waiting.filter(each => each.page === page).map(({by}) => by);
      waiting = [];
      return taken;
    },
    dropPending() {
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

export const ScrollerContext = createContext(createScroller());

/** How many lines of the page on the screen follow below it. */
export function useLinesBelow(): number {
  return useStore(useContext(ScrollerContext).linesBelow);
}

const AnchorContext = createContext<RefObject<DOMElement | null>>({current: null});

/** Lines that two pages have in common. */
const overlap = 3;

/**
 * Content of any height in the room that is left, one line at least, scrolled by the console's Scroller. Whenever `follow`
 * is another value than before, the page shows its `<Anchor>`, which stays in sight when it grows or the terminal is
 * resized, until the user scrolls it away. The page stays where it was scrolled to, also while another page lies on it or
 * the terminal is too small to show it.
 */
export function Page({follow, children}: {follow?: unknown; children: ReactNode}) {
  const scroller = useContext(ScrollerContext);
  const store = useContext(StoreContext);
  const page = useConsole(pageOnTop);
  const begin = useState(
    () => scroller.hidden.get(page) ?? {offset: 0, followed: undefined, isAnchored: false},
  )[0];
  const viewport = useRef<DOMElement>(null);
  const content = useRef<DOMElement>(null);
  const anchor = useRef<DOMElement>(null);
  const laidOut = useRef(begin);
  const room = useRef({height: 0, last: 0});
  // Not React state: a key changes it outside of React's events, so React would render it later than the store's changes.
  const [position] = useState(() => createStore(() => begin.offset));
  const offset = useStore(position);

  useLayout(() => {
    if (viewport.current === null || content.current === null) return;
    const {height} = measureElement(viewport.current);
    const {height: length} = measureElement(content.current);
    const last = Math.max(0, length - height);
    room.current = {height, last};
    // Not `offset`: a key may have scrolled since this was rendered.
    let shown = position.getState();
    const toAnchor = (from: number) =>
      anchor.current && content.current ? inSight(from, anchor.current, content.current, height) : null;
    const {offset: wasAt, followed, isAnchored} = laidOut.current;
    if (followed !== follow || (isAnchored && wasAt === shown)) shown = toAnchor(shown) ?? shown;
    for (const by of scroller.takePending(page)) shown += distance(by, height);
    shown = Math.max(0, Math.min(shown, last));
    position.setState(shown);
    laidOut.current = {offset: shown, followed: follow, isAnchored: shown === toAnchor(shown)};
    scroller.linesBelow.setState(Math.max(0, length - shown - height));
  });

  useLayoutEffect(
    () =>
      scroller.mount(page, by => {
        const {height, last} = room.current;
        position.setState(before => Math.max(0, Math.min(last, before + distance(by, height))));
      }),
    [scroller, page, position],
  );

  useLayoutEffect(() => {
    forgetClosed(scroller.hidden, store?.getState());
    return () => {
      if (store && hiddenPages(store.getState()).includes(page))
        scroller.hidden.set(page, {...laidOut.current, offset: position.getState()});
    };
  }, [scroller, store, page, position]);

  return (
    <AnchorContext value={anchor}>
      <Box ref={viewport} flexDirection="column" flexGrow={1} flexBasis={0} minHeight={1} overflow="hidden">
        <Box ref={content} flexDirection="column" flexShrink={0} marginTop={-offset}>
          {children}
        </Box>
      </Box>
    </AnchorContext>
  );
}

/** The positions of pages that have been closed, or are on the screen again, are not used any more. */
function forgetClosed(hidden: Scroller['hidden'], state: ConsoleState | undefined): void {
  const open = state ? hiddenPages(state) : [];
  for (const page of hidden.keys()) if (!open.includes(page)) hidden.delete(page);
}

/** In lines, on a page of this height. */
function distance(by: ScrollBy, height: number): number {
  return 'pages' in by ? by.pages * Math.max(1, height - overlap) : by.lines;
}

/** The part of a page that `follow` keeps in sight. */
export function Anchor({children}: {children: ReactNode}) {
  const anchor = useContext(AnchorContext);
  return (
    <Box ref={anchor} flexDirection="column" flexShrink={0}>
      {children}
    </Box>
  );
}

/** The position nearest to `offset` that shows an element, or its first lines where it is higher than the page. */
function inSight(offset: number, element: DOMElement, content: DOMElement, height: number): number {
  const top = topWithin(content, element);
  return Math.min(top, Math.max(offset, top + measureElement(element).height - height));
}

function topWithin(content: DOMElement, element: DOMElement): number {
  let top = 0;
  for (let node: DOMElement | undefined = element; node && node !== content; node = node.parentNode)
    top += node.yogaNode?.getComputedTop() ?? 0;
  return top;
}
