import {AbortError, exitCodes} from '../core/errors.ts';
import type {ExitCode} from '../model/run.ts';
import type {Snapshot} from '../model/snapshot.ts';
import {type Connection, connect, type WaitState} from '../postgres/connect/connect.ts';
import {toAbortError} from '../postgres/connect/errors.ts';
import {type ConnectionRequest, hostAndPort} from '../postgres/connect/request.ts';
import {readOnce} from '../postgres/sampler/read-once.ts';
import {UnreadableAnswerError} from '../postgres/wire/answer-limits.ts';
import {type CliContext, printMessage} from './context.ts';
import {readWait} from './flag-values.ts';
import {catchInterrupts, raceInterrupt} from './interrupts.ts';

type ConnectOptions = {
  flags: {wait?: string | undefined};
  signal: AbortSignal;
  /** Steps will be executed on this server: the source of its URL is always printed. */
  acts?: boolean;
};

/**
 * The read-only connection of a command, with notes about its URL on stderr. Throws AbortError: exit 3 or 4 without a
 * connection, 130 when interrupted.
 */
export async function connectToWatch(
  {output}: CliContext,
  request: ConnectionRequest,
  {flags, signal, acts = false}: ConnectOptions,
): Promise<Connection> {
  const tell = (text: string) => printMessage(output, text);
  const {kind} = request.origin;
  // The user did not type either: a file in the folder, or before a change an exported variable.
  if (kind === 'folder' || (acts && kind === 'environment')) {
    tell(`connecting to ${hostAndPort(request)}/${request.database}, from ${request.source}`);
  }
  if (request.ignoredParameters.length > 0)
    tell(`ignored in the URL: ${request.ignoredParameters.join(', ')}`);
  for (const warning of request.warnings) tell(warning);
  const connection = await connect(request, {
    purpose: 'watch',
    waitFor_ms: readWait(flags, 0),
    signal,
    onWait: reportWait(tell),
  });
  if (connection.route === 'rescue') tell('every connection slot is taken: connected via the rescue URL');
  return connection;
}

/** One line at once, then one every 5 s: stderr may be a log. */
function reportWait(tell: (text: string) => void): (state: WaitState) => void {
  let printedAt_ms = Number.NEGATIVE_INFINITY;
  return ({message, waited_ms, remaining_ms}) => {
    if (waited_ms - printedAt_ms < 5000) return;
    printedAt_ms = waited_ms;
    tell(`${message}; waiting for a slot, ${Math.ceil(remaining_ms / 1000)}s left`);
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

/** One whole snapshot. Throws AbortError: exit 3 where the connection or the server failed, 130 when interrupted. */
export async function readSnapshot(
  connection: Connection,
  {rates_over_ms = null, signal}: {rates_over_ms?: number | null; signal: AbortSignal},
): Promise<Snapshot> {
  return explainServerErrors(connection, raceInterrupt(readOnce(connection, {rates_over_ms}), signal));
}

/**
 * Turns a server's error, or the loss of the connection, into AbortError (exit 3): neither is a defect of poolctl. A
 * loss is noticed between two statements, too.
 */
export async function explainServerErrors<T>(
  {request, lost, is_pooled}: Connection,
  work: Promise<T>,
): Promise<T> {
  try {
    return await Promise.race([work, lost.then(rejectSoon)]);
  } catch (error) {
    if (!(error instanceof Error) || error instanceof AbortError || !isFromServer(error)) throw error;
    // A pooler accepts a client, and refuses it a server connection only at its first query.
    if (is_pooled || error instanceof UnreadableAnswerError) throw toAbortError(error, request);
    throw new AbortError(`lost the connection to ${hostAndPort(request)}: ${error.message}`, {
      hint: 'The server may be restarting or overloaded. Try again in a moment.',
      exitCode: exitCodes.connection,
      cause: error,
    });
  }
}

/** The statement itself fails a moment later, with the server's own message. */
function rejectSoon(error: Error): Promise<never> {
  return new Promise((_, reject) => setImmediate(reject, error));
}

/** The error of a server or a socket has a code; pg's own for a lost connection has its message only. */
function isFromServer(error: Error): boolean {
  return (
    'code' in error ||
    /^(Connection terminated|Query read timeout|Client has encountered)/.test(error.message)
  );
}
