/** How requests arrive. Closed loop: each user sends the next one when the last is answered. Open loop: at a rate. */
export type Load = {
  /** Users of a closed loop; the most requests in flight of an open loop. */
  concurrency: number;
  /** The load ends after this many requests or this long, whichever comes first. */
  requests: number | null;
  duration_ms: number | null;
  /** Requests per second of an open loop; null for a closed one. */
  rate: number | null;
};

export type LoadOptions = Load & {
  /** Returns numbers from 0 to below 1. */
  random: () => number;
  signal: AbortSignal;
  /** Ends the load when no request has ended for this long. */
  hang_timeout_ms: number;
};

/** Sends one request that was due at `due_ms`. Resolves to whether it was answered; never rejects. */
export type Send = (due_ms: number) => Promise<boolean>;

export type LoadResult = {
  elapsed_ms: number;
  /** false if requests hung or the signal aborted the load. */
  isComplete: boolean;
};

/**
 * Sends requests until the load ends. In an open loop the latency counts from when the request was due, so that it includes
 * the wait behind a slow request (avoids coordinated omission).
 */
export async function applyLoad(send: Send, options: LoadOptions): Promise<LoadResult> {
  const started_ms = performance.now();
  const state: State = {sent: 0, lastEnd_ms: started_ms, isOver: false};
  const users = options.rate === null ? closedUsers(send, options, state) : openUsers(send, options, state);
  const isComplete = await waitUntilOver(Promise.all(users), options, state);
  return {elapsed_ms: state.lastEnd_ms - started_ms, isComplete};
}

type State = {sent: number; lastEnd_ms: number; isOver: boolean};

/** Counts the next request; false if the load is over. */
function claimNext(state: State, {requests}: Load): boolean {
  if (state.isOver || (requests !== null && state.sent >= requests)) return false;
  state.sent++;
  return true;
}

/** A user's pause after an error. Users do not retry immediately, and instant errors would become a flood. */
export const pauseAfterError_ms = 100;

function closedUsers(send: Send, options: LoadOptions, state: State): Promise<void>[] {
  const started_ms = performance.now();
  const until_ms = started_ms + (options.duration_ms ?? Number.POSITIVE_INFINITY);
  const user = async () => {
    let now_ms = started_ms;
    while (now_ms < until_ms && claimNext(state, options)) {
      const isAnswered = await send(now_ms);
      now_ms = performance.now();
      state.lastEnd_ms = now_ms;
      if (isAnswered) continue;
      await pause(pauseAfterError_ms);
      now_ms = performance.now();
    }
  };
  return Array.from({length: options.concurrency}, user);
}

/** Random arrivals with exponential gaps, like those of independent users. */
function openUsers(send: Send, options: LoadOptions, state: State): Promise<void>[] {
  const started_ms = performance.now();
  const until_ms = started_ms + (options.duration_ms ?? Number.POSITIVE_INFINITY);
  const gap_ms = () => (-Math.log(1 - options.random()) * 1000) / (options.rate ?? 1);
  let next_ms = started_ms + gap_ms();
  const user = async () => {
    for (;;) {
      if (next_ms >= until_ms || !claimNext(state, options)) return;
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

/** Resolves to whether all users finished. After an abort, requests in flight have one second to end. */
function waitUntilOver(users: Promise<unknown>, options: LoadOptions, state: State): Promise<boolean> {
  return new Promise(resolve => {
    let aborted_ms = Number.POSITIVE_INFINITY;
    const finish = (isComplete: boolean) => {
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
      if (now_ms - aborted_ms > 1000 || now_ms - state.lastEnd_ms > options.hang_timeout_ms) finish(false);
    }, 50);
    users.then(() => finish(true));
  });
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, ms);
  });
}
