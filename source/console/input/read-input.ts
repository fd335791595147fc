import {createInputDecoder, type DecoderOptions, type InputEvent} from './decoder.ts';

type InputStream = {
  on(event: 'data', listener: (bytes: Uint8Array) => void): unknown;
  off(event: 'data', listener: (bytes: Uint8Array) => void): unknown;
  pause(): unknown;
  resume(): unknown;
};

export type InputReader = {
  /** Stops reading, so that the shell gets the input. Resolves when nothing is read any more. */
  pause(): Promise<void>;
  resume(): void;
  /** For good. */
  stop(): void;
};

/** Calls back once after that time, unless the function it returns is called first. */
type StartTimer = (ms: number, callback: () => void) => () => void;

export type ReadInputOptions = DecoderOptions & {
  startTimer?: StartTimer;
};

/**
 * Passes on keys and pastes, all of one read together, until it is stopped. Ink 6.8's useInput does not do: it takes a
 * lone ESC for the Esc key in the next turn, so that the rest of an arrow key over a slow line becomes letters, and it
 * takes a bracketed paste for keys.
 */
export function readInput(
  stdin: InputStream,
  onEvents: (events: InputEvent[]) => void,
  {startTimer = startNodeTimer, ...decoderOptions}: ReadInputOptions = {},
): InputReader {
  const decoder = createInputDecoder(decoderOptions);
  let stopTimer = () => {};
  let isStopped = false;
  const hand = (events: InputEvent[]) => {
    if (events.length > 0 && !isStopped) onEvents(events);
  };
  const onData = (bytes: Uint8Array) => {
    stopTimer();
    hand(decoder.push(bytes));
    const wait_ms = decoder.waitMs();
    stopTimer = wait_ms === null || isStopped ? () => {} : startTimer(wait_ms, () => hand(decoder.expire()));
  };
  stdin.on('data', onData);
  return {
    async pause() {
      stopTimer();
      hand(decoder.expire());
      stdin.pause();
      // Node stops to read in the next turn.
      await new Promise(resolve => setImmediate(resolve));
    },
    resume: () => void (isStopped || stdin.resume()),
    stop() {
      isStopped = true;
      stopTimer();
      stdin.off('data', onData);
      stdin.pause();
    },
  };
}

/** Calls back only after the bytes have been read that arrived while the program was busy and the timer ran out. */
const startNodeTimer: StartTimer = (ms, callback) => {
  let due: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    due = setImmediate(callback);
  }, ms);
  return () => {
    clearTimeout(timer);
    clearImmediate(due);
  };
};

/** From ncurses' variable ESCDELAY, in ms, where it is between 10 and 5000. */
export function inputOptionsOf({ESCDELAY}: Record<string, string | undefined>): ReadInputOptions {
  const escape_ms = Number(ESCDELAY);
  return escape_ms >= 10 && escape_ms <= 5000 ? {escape_ms} : {};
}
