import type {StoreApi} from 'zustand/vanilla';
import {type BrowsingSlice, createBrowsing} from './browsing.ts';
import {createDialog, type DialogSlice} from './dialog.ts';
import {createPast, type PastSlice} from './past.ts';
import {createReading, type ReadingOptions, type ReadingSlice} from './reading.ts';
import {createRun, type RunSlice} from './run.ts';

/** All that the console knows. Each slice is one file; what concerns several is composed in `update.ts`. */
export type ConsoleState = ReadingSlice & BrowsingSlice & DialogSlice & RunSlice & PastSlice;

export type ConsoleStore = StoreApi<ConsoleState>;

export function createState(options: ReadingOptions & {columns: number; rows: number}): ConsoleState {
  return {
    ...createReading(options),
    ...createBrowsing(options),
    ...createDialog(),
    ...createRun(),
    ...createPast(options.isRecording ?? false),
  };
}
