import {Box, type BoxProps, type DOMElement, measureElement} from 'ink';
import {
  createContext,
  type ReactNode,
  type RefObject,
  useContext,
  useLayoutEffect,
  useRef,
  useState,
} from 'react';

/** In cells. */
export type Size = {width: number; height: number};

/** Calls back after each frame that Ink has laid out; returns the function that ends this. */
export type Frames = (listener: () => void) => () => void;

export const FramesContext = createContext<Frames>(() => () => {});

/** Runs after every layout, also one that another component caused. */
export function useLayout(measure: () => void): void {
  const frames = useContext(FramesContext);
  useLayoutEffect(measure);
  useLayoutEffect(() => frames(measure), [frames, measure]);
}

/** The last size of each named box: the next box of that name starts with it, which saves one drawing. */
export const LastSizesContext = createContext<Map<string, Size>>(new Map());

const unmeasured: Size = {width: 0, height: 0};

/** The size of a box after the last layout; before the first, that of the last box of its name, or 0x0. */
function useSize(box: RefObject<DOMElement | null>, name: string | undefined): Size {
  const lastSizes = useContext(LastSizesContext);
  const [size, setSize] = useState(() => (name && lastSizes.get(name)) || unmeasured);
  useLayout(() => {
    const {width, height} = box.current ? measureElement(box.current) : size;
    if (width === size.width && height === size.height) return;
    setSize({width, height});
    if (name) lastSizes.set(name, {width, height});
  });
  return size;
}

/** A box that fills the remaining room, independent of its content, and passes its size to its children. */
export function Measured({
  children,
  name,
  ...box
}: Omit<BoxProps, 'children'> & {name?: string; children: (size: Size) => ReactNode}) {
  const ref = useRef<DOMElement>(null);
  const size = useSize(ref, name);
  return (
    <Box
      ref={ref}
      flexDirection="column"
      flexGrow={1}
      flexShrink={1}
      flexBasis={0}
      minHeight={0}
      overflow="hidden"
      {...box}
    >
      {size.width > 0 && size.height > 0 && (
        // Yoga's own size may be a fraction of a cell less: rows would be cut, or shrink to nothing.
        <Box flexDirection="column" flexShrink={0} {...size}>
          {children(size)}
        </Box>
      )}
    </Box>
  );
}
