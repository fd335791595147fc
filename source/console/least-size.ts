import type {Command} from './messages.ts';
import {type Line, line} from './screen/line.ts';
import type {ConsoleState} from './state.ts';

const leastColumns = 40;
const leastRows = 8;

/** Below it nothing is drawn but what is needed. */
export function isTooSmall({columns, rows}: Pick<ConsoleState, 'columns' | 'rows'>): boolean {
  return columns < leastColumns || rows < leastRows;
}

export const tooSmallLines: Line[] = [
  line(`poolctl needs ${leastColumns}x${leastRows}`),
  line('Ctrl-C quits'),
];

/** No key acts that the screen does not show: what is open can be left, and the console; a run goes on. */
export function isAllowedUnseen({kind}: Command, {overlay}: ConsoleState): boolean {
  if (kind === 'back') return !isRunning(overlay);
  return kind === 'quit' || kind === 'suspend' || kind === 'redraw';
}

function isRunning(overlay: ConsoleState['overlay']): boolean {
  return overlay?.kind === 'replay' || (overlay?.kind === 'guide' && overlay.guide.stage === 'running');
}
