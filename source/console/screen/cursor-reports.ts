const request = '\u001b[6n';

/** What is asked of a terminal by asking where its cursor is (CSI 6n): it answers when it has come to that. */
export type CursorReports = {
  /** Writes bytes and asks. Resolves to the cursor's column, counted from 1; to null without an answer in that time. */
  ask(bytes: string, within_ms: number): Promise<number | null>;
  /** A report that was read. */
  onReport(column: number): void;
  /** Resolves when every question is answered: an answer that is not read by the program is typed into the shell. */
  answered(): Promise<unknown>;
};

export function createCursorReports(write: (bytes: string) => unknown): CursorReports {
  /** In the order of the questions; also those whose answer is late, so that it is not taken for the next one's. */
  const open: {answer(column: number): void; isAnswered: Promise<number | null>}[] = [];
  return {
    ask(bytes, within_ms) {
      let answer = (_column: number) => {};
      const isAnswered = new Promise<number | null>(resolve => {
        answer = resolve;
        setTimeout(() => resolve(null), within_ms).unref();
      });
      open.push({answer, isAnswered});
      write(bytes + request);
      return isAnswered;
    },
    onReport: column => open.shift()?.answer(column),
    answered: () => Promise.all(open.map(({isAnswered}) => isAnswered)),
  };
}
