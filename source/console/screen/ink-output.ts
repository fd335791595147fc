import {createGrid, drawRow, type Grid} from './grid.ts';

type Clip = {x1: number | undefined; x2: number | undefined; y1: number | undefined; y2: number | undefined};
type Transformer = (row: string, index: number) => string;

let lastFrame = createGrid(0, 0);

/** The frame that Ink drew last. */
export function frameDrawnByInk(): Grid {
  return lastFrame;
}

/**
 * Stands in for Ink's Output (`ink/build/output.js`, by `build/ink-on-a-grid.mjs`): one for each frame, with the
 * same methods. Ink's own tokenises and joins every cell of the frame into one string, 16 of 17 ms at 160x50; this
 * one draws into cells, and the screen writes those that changed. Tests compare both, cell by cell.
 */
export class GridOutput {
  readonly grid: Grid;
  readonly #clips: Clip[] = [];

  constructor({width, height}: {width: number; height: number}) {
    this.grid = createGrid(width, height);
  }

  write(x: number, y: number, text: string, {transformers}: {transformers: Transformer[]}): void {
    if (text === '') return;
    const {x1 = 0, x2 = this.grid.width, y1 = 0, y2 = this.grid.height} = this.#clips.at(-1) ?? {};
    const top = Math.max(0, y1);
    const bottom = Math.min(this.grid.height, y2);
    for (const [index, row] of text.split('\n').entries()) {
      if (y + index >= bottom) return;
      if (y + index < top) continue;
      const transformed = transformers.reduce((line, transform) => transform(line, index), row);
      drawRow(this.grid, x, y + index, transformed, {from: x1, to: x2});
    }
  }

  clip(clip: Clip): void {
    this.#clips.push(clip);
  }

  unclip(): void {
    this.#clips.pop();
  }

  /** Ink writes `output` to its stdout, which is the screen's cue to paint the frame. */
  get(): {output: string; height: number} {
    lastFrame = this.grid;
    return {output: '', height: this.grid.height};
  }
}
