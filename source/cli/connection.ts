import {AbortError, exitCodes} from '../core/errors.ts';
import {sanitise} from '../core/text/sanitise.ts';
import type {Snapshot} from '../model/snapshot.ts';
import {type Connection, connect, type WaitState} from '../postgres/connect/connect.ts';
import {toAbortError} from '../postgres/connect/errors.ts';
import {type ConnectionRequest, hostAndPort} from '../postgres/connect/request.ts';
import {readOnce} from '../postgres/sampler/read-once.ts';
import {UnreadableAnswerError} from '../postgres/wire/answer-limits.ts';
import type {Flags} from './call/parse-call.ts';
import type {CliContext} from './context.ts';
import {readWait} from './flag-values.ts';
import {raceInterrupt} from './interrupts.ts';

/**
 * The watching connection of a command that reads and leaves; what is to be known of the way there goes to stderr.
 * Throws AbortError: exit 3 or 4 without a connection, 130 when interrupted.
 */
export async function connectToWatch(
  {output}: CliContext,
  request: ConnectionRequest,
  {flags, signal, acts = false}: {flags: Flags; signal: AbortSignal; acts?: boolean},
): Promise<Connection> {
  const tell = (text: string) => output.stderr(sanitise(`poolctl: ${text}`));
  const {kind} = request.origin;
  // A folder's file is nothing that the user has said; before an act the user hears of exported variables too.
  if (kind === 'folder' || (acts && kind === 'environment')) {
    tell(`the address, ${hostAndPort(request)}/${request.database}, is from ${request.source}`);
  }
  if (request.ignoredParameters.length > 0)
    tell(`left out of the address: ${request.ignoredParameters.join(', ')}`);
  for (const warning of request.warnings) tell(warning);
  const connection = await connect(request, {
    purpose: 'watch',
    waitFor_ms: readWait(flags, 0),
    signal,
    onWait: countDown(tell),
  });
  if (connection.route === 'rescue') tell('no slot for the address as given: came in by the rescue address');
  return connection;
}

/** A line at first, and every few seconds: stderr may be a log. */
function countDown(tell: (text: string) => void): (state: WaitState) => void {
  let toldAt_ms = Number.NEGATIVE_INFINITY;
  return ({message, waited_ms, remaining_ms}) => {
    if (waited_ms - toldAt_ms < 5000) return;
    toldAt_ms = waited_ms;
    tell(`${message}; waiting for one, ${Math.ceil(remaining_ms / 1000)}s left`);
  };
}

/** One whole reading. Throws AbortError: exit 3 where the connection or the server gave way, 130 when interrupted. */
export async function readSnapshot(
  connection: Connection,
  {rates_over_ms = null, signal}: {rates_over_ms?: number | null; signal: AbortSignal},
): Promise<Snapshot> {
  return explainServerErrors(connection, raceInterrupt(readOnce(connection, {rates_over_ms}), signal));
}

/**
 * What a server or a broken connection answers in the middle of reading is no defect of poolctl. A loss is noticed
 * between two statements too.
 */
export async function explainServerErrors<T>(
  {request, lost, is_pooled}: Connection,
  reading: Promise<T>,
): Promise<T> {
  try {
    return await Promise.race([reading, lost.then(rejectInAMoment)]);
  } catch (error) {
    if (!(error instanceof Error) || error instanceof AbortError || !isFromServer(error)) throw error;
    // A pooler lets in, and says only later that it has no session to lend.
    if (is_pooled || error instanceof UnreadableAnswerError) throw toAbortError(error, request);
    throw new AbortError(`the reading from ${hostAndPort(request)} broke off: ${error.message}`, {
      hint: 'The server may be restarting or overloaded: try again in a moment.',
      exitCode: exitCodes.connection,
      cause: error,
    });
  }
}

/** What the server said with its last breath reaches the reading itself a moment later, and says more. */
function rejectInAMoment(error: Error): Promise<never> {
  return new Promise((_, reject) => setImmediate(reject, error));
}

/** A server's or a socket's error has a code; pg's own for a lost connection has only its words. */
function isFromServer(error: Error): boolean {
  return (
    'code' in error ||
    /^(Connection terminated|Query read timeout|Client has encountered)/.test(error.message)
  );
}
