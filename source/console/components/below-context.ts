import {createContext, useContext, useLayoutEffect} from 'react';

/** How many lines of the page that is open follow below the screen, for the footer. */
export const BelowContext = createContext<{below: number; setBelow(lines: number): void}>({
  below: 0,
  setBelow: () => {},
});

/** Says how many lines follow below, as long as the component is mounted. */
export function useBelow(lines: number): void {
  const {setBelow} = useContext(BelowContext);
  useLayoutEffect(() => setBelow(lines), [lines, setBelow]);
  useLayoutEffect(() => () => setBelow(0), [setBelow]);
}
