import {EventEmitter} from 'node:events';
import type {Duplex} from 'node:stream';
import {formatBytes} from '../../core/text/format.ts';
import type {RawPgClient} from '../connect/client.ts';
import {createMessageReader} from './messages.ts';

/** Limits on what poolctl reads: far above what it requests, far below what would fill its memory. */
export const answerLimits = {
  row_bytes: 32 * 2 ** 20,
  /** Any other message: an error, a setting, the columns of a result. */
  message_bytes: 2 ** 20,
  /** All messages that answer one query. */
  answer_bytes: 128 * 2 ** 20,
  answer_rows: 1_000_000,
};

/**
 * The server sent too much, or bytes that are not a message; its connection is closed. Not an AbortError: during a change
 * it leaves open whether the change was made.
 */
export class UnreadableAnswerError extends Error {
  override readonly name = 'UnreadableAnswerError';
  readonly code = 'UNREADABLE_ANSWER';
}

/**
 * Closes the connection if the server exceeds `answerLimits` or sends an invalid message: pg would buffer it until
 * memory runs out, or throw an error that no caller can catch. Call it before connecting.
 */
export function limitAnswers({connection}: RawPgClient): void {
  const attach = connection.attachListeners.bind(connection);
  connection.attachListeners = stream => {
    // pg's parser listens to this instead of the socket, so that what it throws is caught here.
    const feed = new EventEmitter();
    const check = createAnswerCheck();
    stream.on('data', (bytes: Buffer) => {
      if (stream.destroyed) return;
      try {
        check(bytes);
        feed.emit('data', bytes);
      } catch (error) {
        stream.destroy(error instanceof UnreadableAnswerError ? error : malformed(error));
      }
    });
    stream.on('end', () => feed.emit('end'));
    attach(feed as unknown as Duplex);
  };
}

function malformed(error: unknown): UnreadableAnswerError {
  const why = error instanceof Error ? error.message : String(error);
  return new UnreadableAnswerError(`invalid protocol data: ${why}`, {cause: error});
}

/** Every type of message a server may send to a client that only queries. */
const knownTypes = new Set('RSKZTDCENnt123IsAdcGHWv');
/** The number of columns, which begins DataRow and RowDescription. */
const countBytes = 2;

/** Follows the messages through the chunks; throws UnreadableAnswerError if there are too many or one is too large. */
function createAnswerCheck(): (bytes: Buffer) => void {
  let answerBytes = 0;
  let rows = 0;
  let columns: number | null = null;
  return createMessageReader({
    keep(type, length) {
      if (!knownTypes.has(type)) throw new Error(`a message of type ${type.charCodeAt(0)}`);
      if (type === 'Z') {
        answerBytes = 0;
        rows = 0;
        columns = null;
      }
      if (type === 'D') rows++;
      answerBytes += length;
      checkSizes(type, {length, rows, answerBytes});
      return type === 'D' || type === 'T' ? countBytes : 0;
    },
    onMessage(type, body) {
      if (body.length < countBytes) throw new RangeError('a message shorter than its own length');
      const count = body.readUInt16BE(0);
      if (type === 'T') columns = count;
      else if (count !== columns) throw new Error('a row of other columns than were announced');
    },
  });
}

function checkSizes(type: string, sizes: {length: number; rows: number; answerBytes: number}): void {
  const {row_bytes, message_bytes, answer_bytes, answer_rows} = answerLimits;
  const max = type === 'D' ? row_bytes : message_bytes;
  if (sizes.length > max) {
    const what = `a ${type === 'D' ? 'row' : 'message'} of ${formatBytes(sizes.length)}`;
    throw new UnreadableAnswerError(`${what}, and poolctl reads up to ${formatBytes(max)}`);
  }
  if (sizes.rows > answer_rows)
    throw new UnreadableAnswerError(`more than ${answer_rows} rows in one answer`);
  if (sizes.answerBytes > answer_bytes) {
    throw new UnreadableAnswerError(`more than ${formatBytes(answer_bytes)} in one answer`);
  }
}
