import {AbortError, exitCodes} from '../../core/errors.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import {type Connection, connect} from '../../postgres/connect/connect.ts';
import type {ConnectionRequest} from '../../postgres/connect/request.ts';
import {createSampler} from '../../postgres/sampler/sampler.ts';
import type {Flags} from '../call/parse-call.ts';
import {connectToWatch} from '../connection.ts';
import type {CliContext} from '../context.ts';
import {catchInterrupts} from '../interrupts.ts';
import {readRecipeData} from '../recipe-data.ts';
import type {WatchPorts} from './watch-health.ts';

export type Watching = {
  ports: Omit<WatchPorts, 'recipes' | 'askPooler'>;
  /** Gives the signals back. */
  release(): void;
};

type WatchingOptions = {
  flags: Flags;
  every_ms: number;
  /** null: until the user interrupts. */
  for_ms: number | null;
  /** Of the user's interruption, where somebody else takes it. */
  signal?: AbortSignal;
};

/**
 * A server's readings at an interval, for so long or until the user interrupts, whatever the connection goes
 * through. The first one has to come about: throws AbortError (exit 3 or 4) where it does not.
 */
export async function openWatching(
  context: CliContext,
  request: ConnectionRequest,
  {flags, every_ms, for_ms, signal: taken}: WatchingOptions,
): Promise<Watching> {
  const {signal, release} = taken ? {signal: taken, release: () => {}} : catchInterrupts(context);
  let first: Connection | null;
  try {
    first = await connectToWatch(context, request, {flags, signal});
  } catch (error) {
    release();
    throw error;
  }
  let current = first;
  const sampler = createSampler({
    interval_ms: every_ms,
    connect: async each => {
      current = first ?? (await connect(request, {purpose: 'watch', signal: each}));
      first = null;
      return current;
    },
  });
  sampler.setVisible({statements: true, queryids: []});
  const end = for_ms === null ? signal : AbortSignal.any([signal, AbortSignal.timeout(for_ms)]);
  return {
    release,
    ports: {
      readings: sampler.events(end),
      load: async needs => {
        if (current === null) throw new AbortError('not connected', {exitCode: exitCodes.connection});
        return readRecipeData(current, needs);
      },
      now: () => performance.now(),
      progress: progressOn(context),
      signal,
    },
  };
}

const lineEveryMs = 60_000;

/** On a terminal one line that is written over; in a log a line a minute. */
function progressOn({stderr, output}: CliContext): (line: string) => void {
  if (stderr.isTTY) {
    return line => {
      stderr.write(`\r\x1b[K${sanitise(line).slice(0, (stderr.columns || 80) - 1)}`);
    };
  }
  let toldAt_ms = Number.NEGATIVE_INFINITY;
  return line => {
    if (line === '' || performance.now() - toldAt_ms < lineEveryMs) return;
    toldAt_ms = performance.now();
    output.stderr(sanitise(`poolctl: ${line}`));
  };
}
