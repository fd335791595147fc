import {useMemo} from 'react';
import type {StatementsOver} from '../../core/activity/statement-window.ts';
import {shownWindow} from '../rows/statements.ts';
import {useConsole} from './context.ts';

/** The statements over the window shown. */
export function useShownWindow(): StatementsOver {
  const {snapshot, window, windowBase} = useConsole(state => ({
    snapshot: state.snapshot,
    window: state.window,
    windowBase: state.windowBase,
  }));
  return useMemo(() => shownWindow({snapshot, window, windowBase}), [snapshot, window, windowBase]);
}
