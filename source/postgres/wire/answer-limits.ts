import {EventEmitter} from 'node:events';
import type {Duplex} from 'node:stream';
import {formatBytes} from '../../core/format.ts';
import type {RawPgClient} from '../connect/client.ts';

/** Most of what poolctl takes from a server: far above what it asks for, far below what would fill its memory. */
export const mostRead = {
  /** One row. */
  row_bytes: 32 * 2 ** 20,
  /** Any other message: an error, a setting, the columns of a result. */
  message_bytes: 2 ** 20,
  /** All that answers one query. */
  answer_bytes: 128 * 2 ** 20,
  answer_rows: 1_000_000,
};

const [dataRow, readyForQuery, rowDescription] = ['D', 'Z', 'T'].map(type => type.charCodeAt(0));
/** Whatever a server may say to one that only asks. */
const known = new Set(Buffer.from('RSKZTDCENnt123IsAdcGHWv'));
/** The type and the length, which counts itself and not the type. */
const headerBytes = 5;
/** Of a row and of the columns of a result, which begin with their number. */
const countedBytes = 7;

/**
 * What a server sent is too much, or no message at all; its connection is closed. No AbortError: in the middle of an
 * act nobody knows by it whether the act happened.
 */
export class UnreadableAnswerError extends Error {
  override readonly name = 'UnreadableAnswerError';
  readonly code = 'UNREADABLE_ANSWER';
}

/**
 * Ends the connection where the server sends more than `mostRead` allows, or what is no message at all: pg would
 * collect it until memory ends, or throw where no caller can catch it. To be called before connecting.
 */
export function boundReading({connection}: RawPgClient): void {
  const attach = connection.attachListeners.bind(connection);
  connection.attachListeners = stream => {
    // pg's parser listens to this instead of the socket, so that what it throws is caught here.
    const feed = new EventEmitter();
    const measure = createMeasure();
    stream.on('data', (bytes: Buffer) => {
      if (stream.destroyed) return;
      try {
        const excess = measure(bytes);
        if (excess !== null) return void stream.destroy(new UnreadableAnswerError(excess));
        feed.emit('data', bytes);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        stream.destroy(
          new UnreadableAnswerError(`what is not PostgreSQL's protocol: ${why}`, {cause: error}),
        );
      }
    });
    stream.on('end', () => feed.emit('end'));
    attach(feed as unknown as Duplex);
  };
}

/** Follows the messages through the chunks; says what is too much, and null while nothing is. */
function createMeasure(): (bytes: Buffer) => string | null {
  const header = Buffer.alloc(countedBytes);
  let headerLength = 0;
  let bodyLeft = 0;
  let answerBytes = 0;
  let rows = 0;
  let columns: number | null = null;
  const isCounted = () => header[0] === dataRow || header[0] === rowDescription;
  return bytes => {
    for (let at = 0; at < bytes.length; ) {
      if (bodyLeft > 0) {
        const taken = Math.min(bodyLeft, bytes.length - at);
        bodyLeft -= taken;
        at += taken;
        continue;
      }
      const isBegun = headerLength >= headerBytes;
      const taken = bytes.copy(
        header,
        headerLength,
        at,
        at + (isBegun ? countedBytes : headerBytes) - headerLength,
      );
      headerLength += taken;
      at += taken;
      if (headerLength < headerBytes) break;
      if (isCounted() && headerLength < countedBytes) continue;
      const [type = 0] = header;
      const length = header.readUInt32BE(1);
      bodyLeft = length + 1 - headerLength;
      headerLength = 0;
      if (bodyLeft < 0) throw new Error('a message shorter than its own length');
      if (!known.has(type)) throw new Error(`a message of type ${type}`);
      const count = header.readUInt16BE(headerBytes);
      if (type === rowDescription) columns = count;
      if (type === dataRow && count !== columns)
        throw new Error('a row of other columns than were announced');
      if (type === dataRow) rows++;
      answerBytes += length;
      if (type === readyForQuery) {
        answerBytes = 0;
        rows = 0;
        columns = null;
      }
      const most = type === dataRow ? mostRead.row_bytes : mostRead.message_bytes;
      if (length > most) {
        const what = type === dataRow ? 'row' : 'message';
        return `a ${what} of ${formatBytes(length)}, and poolctl reads up to ${formatBytes(most)}`;
      }
      if (rows > mostRead.answer_rows) return `more than ${mostRead.answer_rows} rows in one answer`;
      if (answerBytes > mostRead.answer_bytes)
        return `more than ${formatBytes(mostRead.answer_bytes)} in one answer`;
    }
    return null;
  };
}
