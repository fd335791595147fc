const request = '\u001b[6n';

/** Questions to the terminal where its cursor is (CSI 6n): its answer says that it has processed everything before. */
export type CursorReports = {
  /** Writes bytes and asks. Resolves to the cursor's column, counted from 1; to null without an answer in that time. */
  ask(bytes: string, within_ms: number): Promise<number | null>;
  /** A report that was read. */
  onReport(column: number): void;
  /** Resolves when every question is answered: an answer that is not read by the program is typed into the shell. */
  answered(): Promise<unknown>;
  /**
   * Open questions stay unanswered for good: the shell had the terminal meanwhile, and may have read the answers. Otherwise
   * every later answer would be taken for the one before.
   */
  forget(): void;
};

export function createCursorReports(write: (bytes: string) => unknown): CursorReports {
  /** Unanswered questions, oldest first. One that timed out stays, so that its late answer is not taken for the next one's. */
  let open: {answer(column: number): void; isAnswered: Promise<number | null>; giveUp: NodeJS.Timeout}[] = [];
  return {
    ask(bytes, within_ms) {
      let answer = (_column: number | null) => {};
      const isAnswered = new Promise<number | null>(resolve => {
        answer = resolve;
      });
      const giveUp = setTimeout(() => answer(null), within_ms).unref();
      open.push({answer, isAnswered, giveUp});
      write(bytes + request);
      return isAnswered;
    },
    onReport: column => open.shift()?.answer(column),
    answered: () => Promise.all(open.map(({isAnswered}) => isAnswered)),
    forget() {
      for (const {giveUp} of open) clearTimeout(giveUp);
      open = [];
    },
  };
}
