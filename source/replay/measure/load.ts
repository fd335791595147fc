/** How requests come. Closed: each user sends the next one when the last is answered. Open: by the clock. */
export type Load = {
  /** Users of a closed load; of an open one, the most requests under way at once. */
  concurrency: number;
  /** Ends after so many, or after so long, whichever is first. */
  requests: number | null;
  duration_ms: number | null;
  /** Of an open load, per second. */
  rate: number | null;
};

export type LoadOptions = Load & {
  /** From 0 to below 1. */
  random: () => number;
  signal: AbortSignal;
  /** Given up on when no request ends for so long. */
  patience_ms: number;
};

/** Sends one request that was due at `due_ms`; says whether it was answered. Never rejects. */
export type Send = (due_ms: number) => Promise<boolean>;

export type LoadResult = {
  elapsed_ms: number;
  /** It ended by itself, and not because requests hang or the signal aborted. */
  isComplete: boolean;
};

/**
 * Sends requests until they are enough. An open load is due by the clock whether earlier requests were answered or
 * not, and each counts from when it was due: what waits behind a slow one is not left out (coordinated omission).
 */
export async function applyLoad(send: Send, options: LoadOptions): Promise<LoadResult> {
  const started_ms = performance.now();
  const state: State = {sent: 0, lastEnd_ms: started_ms, isOver: false};
  const users = options.rate === null ? closedUsers(send, options, state) : openUsers(send, options, state);
  const isComplete = await untilOver(Promise.all(users), options, state);
  return {elapsed_ms: state.lastEnd_ms - started_ms, isComplete};
}

type State = {sent: number; lastEnd_ms: number; isOver: boolean};

/** Takes the place of the next request, if there is to be one. */
function takesNext(state: State, {requests}: Load): boolean {
  if (state.isOver || (requests !== null && state.sent >= requests)) return false;
  state.sent++;
  return true;
}

function closedUsers(send: Send, options: LoadOptions, state: State): Promise<void>[] {
  const started_ms = performance.now();
  const until_ms = started_ms + (options.duration_ms ?? Number.POSITIVE_INFINITY);
  const user = async () => {
    let now_ms = started_ms;
    while (now_ms < until_ms && takesNext(state, options)) {
      const isAnswered = await send(now_ms);
      now_ms = performance.now();
      state.lastEnd_ms = now_ms;
      if (isAnswered) continue;
      // Nobody asks again at once after an error; and a refusal that costs nothing would be sent without end.
      await pause(100);
      now_ms = performance.now();
    }
  };
  return Array.from({length: options.concurrency}, user);
}

/** Arrivals at random (exponential gaps, as independent visitors have them), by the seed. */
function openUsers(send: Send, options: LoadOptions, state: State): Promise<void>[] {
  const started_ms = performance.now();
  const until_ms = started_ms + (options.duration_ms ?? Number.POSITIVE_INFINITY);
  const gap_ms = () => (-Math.log(1 - options.random()) * 1000) / (options.rate ?? 1);
  let next_ms = started_ms + gap_ms();
  const user = async () => {
    for (;;) {
      if (next_ms >= until_ms || !takesNext(state, options)) return;
      const due_ms = next_ms;
      next_ms += gap_ms();
      const early_ms = due_ms - performance.now();
      if (early_ms > 0) await pause(early_ms);
      if (state.isOver) return;
      await send(due_ms);
      state.lastEnd_ms = performance.now();
    }
  };
  return Array.from({length: options.concurrency}, user);
}

/** Whether all users came to their end; when aborted, what is under way gets a moment. */
function untilOver(users: Promise<unknown>, options: LoadOptions, state: State): Promise<boolean> {
  return new Promise(resolve => {
    let aborted_ms = Number.POSITIVE_INFINITY;
    const leave = (isComplete: boolean) => {
      clearInterval(timer);
      state.isOver = true;
      resolve(isComplete && !options.signal.aborted);
    };
    const timer = setInterval(() => {
      const now_ms = performance.now();
      if (options.signal.aborted && aborted_ms === Number.POSITIVE_INFINITY) {
        aborted_ms = now_ms;
        state.isOver = true;
      }
      if (now_ms - aborted_ms > 1000 || now_ms - state.lastEnd_ms > options.patience_ms) leave(false);
    }, 50);
    users.then(() => leave(true));
  });
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, ms);
  });
}
