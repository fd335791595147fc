/** Signs like `▲` are two cells wide in some East Asian settings: one at the top left, and where the cursor is then. */
const question = '\u001b[H▲\u001b[6n\u001b[H\u001b[K';
const columnIfWide = 3;
/** A later report answers nothing of ours: some keys of some terminals look like one. */
const answerWithinMs = 2000;

export type WidthQuestion = {
  /** A cursor report, with the column counted from 1. */
  onCursorReport(column: number): void;
  /** Resolves with the answer; to false when it is too late for one. */
  isWide: Promise<boolean>;
};

/** Asks the terminal whether it draws characters of ambiguous width two cells wide. */
export function askAmbiguousWidth(write: (bytes: string) => unknown): WidthQuestion {
  let onCursorReport = (_column: number) => {};
  const isWide = new Promise<boolean>(resolve => {
    onCursorReport = column => resolve(column === columnIfWide);
    setTimeout(() => resolve(false), answerWithinMs).unref();
  });
  write(question);
  return {onCursorReport, isWide};
}
