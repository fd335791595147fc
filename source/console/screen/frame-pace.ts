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

/** Frames of at least this size measure the speed of the line. */
const measuredBytes = 1500;

/** Fewer bytes a millisecond are a slow line: 9600 baud are 1, 115,200 are 12. */
const slowBytesPerMs = 8;

/** The answer to a first question, and to one that follows a frame. */
const firstAnswerMs = 2000;

const longestWaitMs = 10_000;

export type FramePace = {
  /** Measures the way to the terminal and back with a first question. Resolves to the cursor's column after `bytes`, or null. */
  begin(bytes: string): Promise<number | null>;
  /** Writes a frame. Returns false if the next one has to wait: `onReady` is called when it need not any more. */
  write(bytes: string): boolean;
  /** What was asked is not answered any more, and no frame waits for it: the terminal had been given away. */
  restart(): void;
  /** The system has taken what was written. */
  onTaken(): void;
  isSlow(): boolean;
};

/**
 * On a slow line the system buffers seconds of frames, and the answer to a key waits behind them.
 * So the terminal is asked when it has shown a large frame; if the line is slow, each frame waits for the one before.
 */
export function createFramePace(
  {ask}: Pick<CursorReports, 'ask'>,
  {write, onReady, now}: {write(bytes: string): boolean; onReady(): void; now(): number},
): FramePace {
  let isSlow = false;
  let isAwaited = false;
  let isAnswering = true;
  let roundTrip_ms = Number.POSITIVE_INFINITY;

  async function measure(
    bytes: string,
    within_ms: number,
  ): Promise<{column: number | null; took_ms: number}> {
    const asked_ms = now();
    const column = await ask(bytes, within_ms);
    const took_ms = now() - asked_ms;
    isAnswering = column !== null;
    if (isAnswering) roundTrip_ms = Math.min(roundTrip_ms, took_ms);
    return {column, took_ms};
  }

  async function follow(frameBytes: number): Promise<void> {
    const {took_ms} = await measure('', longestWaitMs);
    if (!isAnswering) isSlow = false;
    else if (frameBytes >= measuredBytes) isSlow = frameBytes < slowBytesPerMs * (took_ms - roundTrip_ms);
    if (!isAwaited) return;
    isAwaited = false;
    onReady();
  }

  return {
    begin: async bytes => (await measure(bytes, firstAnswerMs)).column,
    write(bytes) {
      const isTaken = write(bytes);
      if (!isAnswering || (!isSlow && bytes.length < measuredBytes)) return isTaken;
      isAwaited = isSlow;
      void follow(bytes.length);
      return isTaken && !isSlow;
    },
    restart() {
      isSlow = false;
      isAwaited = false;
      onReady();
    },
    onTaken() {
      if (!isAwaited) onReady();
    },
    isSlow: () => isSlow,
  };
}
