import {AbortError, exitCodes} from '../../core/errors.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import {type Connection, connect} from '../../postgres/connect/connect.ts';
import type {ConnectionRequest} from '../../postgres/connect/request.ts';
import {createSampler} from '../../postgres/sampler/sampler.ts';
import {connectToWatch} from '../connection.ts';
import {type CliContext, printMessage} from '../context.ts';
import {catchInterrupts} from '../interrupts.ts';
import {readRecipeData} from '../recipe-data.ts';
import type {WatchPorts} from './watch-health.ts';

export type Watching = {
  ports: Omit<WatchPorts, 'recipes' | 'askPooler'>;
  /** Stops handling signals. */
  release(): void;
};

type WatchingOptions = {
  flags: {wait?: string | undefined};
  every_ms: number;
  /** null: until interrupted. */
  for_ms: number | null;
  /** Given if the caller handles interrupts. */
  signal?: AbortSignal;
};

/**
 * Reads snapshots at an interval, for a time or until interrupted, and reconnects after a loss. Throws AbortError
 * (exit 3 or 4) if the first connection fails.
 */
export async function openWatching(
  context: CliContext,
  request: ConnectionRequest,
  {flags, every_ms, for_ms, signal: outer}: WatchingOptions,
): Promise<Watching> {
  const {signal, release} = outer ? {signal: outer, release: () => {}} : catchInterrupts(context);
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
      events: sampler.events(end),
      load: async needs => {
        if (current === null) throw new AbortError('not connected', {exitCode: exitCodes.connection});
        return readRecipeData(current, needs);
      },
      now: () => performance.now(),
      progress: createProgress(context),
      signal,
    },
  };
}

const logEveryMs = 60_000;

/** Rewrites one line on a terminal; prints a line a minute to a log. */
function createProgress({stderr, output}: CliContext): (line: string) => void {
  if (stderr.isTTY) {
    return line => {
      stderr.write(`\r\x1b[K${sanitise(line).slice(0, (stderr.columns || 80) - 1)}`);
    };
  }
  let printedAt_ms = Number.NEGATIVE_INFINITY;
  return line => {
    if (line === '' || performance.now() - printedAt_ms < logEveryMs) return;
    printedAt_ms = performance.now();
    printMessage(output, line);
  };
}
