import {createContext, useContext} from 'react';
import {useStore} from 'zustand';
import {useShallow} from 'zustand/react/shallow';
import {BugError} from '../../core/errors.ts';
import {createTheme, type Theme} from '../screen/theme.ts';
import type {ConsoleState, ConsoleStore} from '../state/state.ts';

export const StoreContext = createContext<ConsoleStore | null>(null);

/**
 * What a component shows of the state: it is drawn again when one of the selected values changes. `select` may return a
 * new object or array each time, whose members are compared.
 */
export function useConsole<Selected>(select: (state: ConsoleState) => Selected): Selected {
  const store = useContext(StoreContext);
  if (store === null) throw new BugError('a component of the console is mounted outside of its App');
  return useStore(store, useShallow(select));
}

export const ThemeContext = createContext<Theme>(createTheme({}));

export function useTheme(): Theme {
  return useContext(ThemeContext);
}
