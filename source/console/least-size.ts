import type {ConsoleState} from './state/state.ts';

const leastColumns = 40;
const leastRows = 8;

/** On a smaller terminal only the required size is shown. */
export function isTooSmall({columns, rows}: Pick<ConsoleState, 'columns' | 'rows'>): boolean {
  return columns < leastColumns || rows < leastRows;
}

/** What a smaller terminal shows. */
export const tooSmallRows = [`poolctl needs ${leastColumns}x${leastRows}`, 'Ctrl-C quits'];
