import {AbortError, BugError, exitCodes} from '../core/errors.ts';
import type {Sampler} from '../model/ports.ts';
import type {ExitCode} from '../model/run.ts';
import type {Snapshot} from '../model/snapshot.ts';
import {type Connection, connect, type WaitState} from '../postgres/connect/connect.ts';
import {isWrongAddress, needsExplanation, toAbortError} from '../postgres/connect/errors.ts';
import {onLost} from '../postgres/connect/loss.ts';
import {type ConnectionRequest, hostAndPort} from '../postgres/connect/request.ts';
import {createSampler, readEach, readOnce, readSeries} from '../postgres/sampler/sampler.ts';
import {type CliContext, printMessage} from './context.ts';
import {readWait} from './flag-values.ts';
import {catchInterrupts, raceInterrupt} from './interrupts.ts';

type ConnectOptions = {
  flags: {wait?: string | undefined};
  signal: AbortSignal;
  /** The command changes the server: the source of its URL is always printed. */
  willExecute?: boolean;
};

/**
 * The read-only connection of a command, with notes about its URL on stderr. Throws AbortError: exit 3 or 4 without a
 * connection, 130 when interrupted.
 */
export async function connectToWatch(
  {output}: CliContext,
  request: ConnectionRequest,
  {flags, signal, willExecute = false}: ConnectOptions,
): Promise<Connection> {
  const print = (text: string) => printMessage(output, text);
  const {kind} = request.origin;
  // The user did not type this URL: it comes from ./.env or, before a change, from an exported variable.
  if (kind === 'folder' || (willExecute && kind === 'environment')) {
    print(`connecting to ${hostAndPort(request)}/${request.database}, from ${request.source}`);
  }
  if (request.ignoredParameters.length > 0)
    print(`ignored in the URL: ${request.ignoredParameters.join(', ')}`);
  for (const warning of request.warnings) print(warning);
  const connection = await connect(request, {
    purpose: 'watch',
    waitFor_ms: readWait(flags, 0),
    signal,
    onWait: reportWait(print),
  });
  if (connection.route === 'rescue') print('every connection slot is taken: connected via the rescue URL');
  return connection;
}

/** Prints a line immediately, then one every 5 s, as stderr may be a log. */
function reportWait(print: (text: string) => void): (state: WaitState) => void {
  let printedAt_ms = Number.NEGATIVE_INFINITY;
  return ({message, waited_ms, remaining_ms}) => {
    if (waited_ms - printedAt_ms < 5000) return;
    printedAt_ms = waited_ms;
    print(`${message}; waiting for a slot, ${Math.ceil(remaining_ms / 1000)}s left`);
  };
}

/** Runs `work` on a read-only connection and closes it. Throws AbortError (exit 130) when interrupted. */
export async function withConnection(
  context: CliContext,
  request: ConnectionRequest,
  flags: ConnectOptions['flags'],
  work: (connection: Connection, signal: AbortSignal) => Promise<ExitCode>,
): Promise<ExitCode> {
  const {signal, release} = catchInterrupts(context);
  let connection: Connection | null = null;
  try {
    connection = await connectToWatch(context, request, {flags, signal});
    return await work(connection, signal);
  } finally {
    await connection?.close();
    release();
  }
}

type SamplerOptions = ConnectOptions & {
  interval_ms: number;
  /** How long a reconnection waits for a free slot; by default not at all. */
  waitFor_ms?: number;
  /** A first connection that fails is a loss like any other, unless address or credentials are wrong. */
  mayBeDown?: boolean;
};

/**
 * Opens a sampler, which reconnects after a loss. The first connection is opened immediately, as the URL may be wrong: throws
 * AbortError (exit 3 or 4) if it fails. `connection` returns the latest one.
 */
export async function openSampler(
  context: CliContext,
  request: ConnectionRequest,
  {interval_ms, waitFor_ms = 0, mayBeDown = false, ...options}: SamplerOptions,
): Promise<{sampler: Sampler; connection(): Connection}> {
  let current: Connection | null = null;
  try {
    current = await connectToWatch(context, request, options);
  } catch (error) {
    if (!mayBeDown || options.signal?.aborted || isWrongAddress(error)) throw error;
  }
  let first = current;
  const sampler = createSampler({
    interval_ms,
    connect: async signal => {
      current = first ?? (await connect(request, {purpose: 'watch', signal, waitFor_ms}));
      first = null;
      return current;
    },
  });
  return {
    sampler,
    connection: () => {
      if (current === null) throw new BugError('not connected yet');
      return current;
    },
  };
}

/** Reads one snapshot. Throws AbortError: exit 3 if the connection or the server failed, 130 when interrupted. */
export async function readSnapshot(
  connection: Connection,
  {
    rates_over_ms = null,
    signal,
    server = false,
  }: {rates_over_ms?: number | null; signal: AbortSignal; server?: boolean},
): Promise<Snapshot> {
  return explainServerErrors(
    connection,
    raceInterrupt(readOnce(connection, {rates_over_ms, server}), signal),
  );
}

/** What an assessment without a watch reads: harm that comes and goes shows between readings. */
const assessedSeries = {count: 3, every_ms: 1000} as const;

/** Reads the snapshots of one assessment, the oldest first; with `rates_over_ms` two, that far apart. Throws as `readSnapshot`. */
export async function readSnapshots(
  connection: Connection,
  {rates_over_ms, signal}: {rates_over_ms: number | null; signal: AbortSignal},
): Promise<Snapshot[]> {
  const times = rates_over_ms === null ? assessedSeries : {count: 2, every_ms: rates_over_ms};
  return explainServerErrors(connection, raceInterrupt(readSeries(connection, times), signal));
}

/** Hands each of `count` snapshots to `take`. Throws as `readSnapshot`. */
export async function readEachSnapshot(
  connection: Connection,
  {signal, ...times}: {count: number; every_ms: number; signal: AbortSignal; server?: boolean},
  take: (snapshot: Snapshot) => void,
): Promise<void> {
  const readAll = async () => {
    for await (const snapshot of readEach(connection, times)) take(snapshot);
  };
  await explainServerErrors(connection, raceInterrupt(readAll(), signal));
}

/**
 * Turns a server's error or the loss of the connection into AbortError (exit 3), also when the connection is lost
 * between two statements.
 */
export async function explainServerErrors<T>(
  {request, lost, is_pooled}: Connection,
  work: Promise<T>,
): Promise<T> {
  let stopListening = () => {};
  // Later, so that the running statement can fail first: its error has the server's own message.
  const loss = new Promise<never>((_, reject) => {
    stopListening = onLost(lost, error => setImmediate(reject, error));
  });
  try {
    return await Promise.race([work, loss]);
  } catch (error) {
    if (!(error instanceof Error) || error instanceof AbortError || !isFromServer(error)) throw error;
    if (needsExplanation(error, {is_pooled})) throw toAbortError(error, request);
    throw new AbortError(`lost the connection to ${hostAndPort(request)}: ${error.message}`, {
      hint: 'The server may be restarting or overloaded. Try again in a moment.',
      exitCode: exitCodes.connection,
      cause: error,
    });
  } finally {
    stopListening();
  }
}

/** Errors of a server or a socket have a code; pg's own for a lost connection have only a message. */
function isFromServer(error: Error): boolean {
  return (
    'code' in error ||
    /^(Connection terminated|Query read timeout|Client has encountered)/.test(error.message)
  );
}
