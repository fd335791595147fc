import {createContext, useContext} from 'react';
import {createTheme, type Theme} from '../screen/theme.ts';

export const ThemeContext = createContext<Theme>(createTheme({}));

export function useTheme(): Theme {
  return useContext(ThemeContext);
}
