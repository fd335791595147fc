import {
  type BodyReader,
  createBodyReader,
  createMessageReader,
  errorFields,
} from '../../postgres/wire/messages.ts';
import type {CapturedStatement, CaptureLog, Field, Pending, Rows, Session} from './capture-log.ts';

/** Rows stored per result, to find where later parameters come from. Applications do not loop over longer results. */
const maxRows = 1000;
const maxRowBytes = 16 * 1024;
/** Longer values are not used as keys. */
const maxCellBytes = 64;
const maxBytes = 64 * 1024;

/** Reads the server's messages and assigns each to the statement it answers. */
export function observeBackend(session: Session, log: CaptureLog): (bytes: Buffer) => void {
  const answer = createAnswers(session, log);
  return createMessageReader({
    keep(type) {
      // Most messages are rows; unwanted ones are skipped after their header.
      if (type === 'D') return answer.wantsRows() ? maxRowBytes : 0;
      return type in answer.readers ? maxBytes : 0;
    },
    onMessage: (type, body, length) => answer.readers[type]?.(body, length),
  });
}

function createAnswers(session: Session, log: CaptureLog) {
  /** The message that the server is answering. Drops earlier Syncs, which the server has answered or ignored. */
  const head = (...kinds: Pending['kind'][]): Pending | undefined => {
    const index = session.pending.findIndex(({kind}) => kinds.includes(kind));
    if (index > 0 && session.pending.slice(0, index).every(({kind}) => kind === 'sync'))
      session.pending.splice(0, index);
    const [first] = session.pending;
    return first !== undefined && kinds.includes(first.kind) ? first : undefined;
  };
  const running = (): CapturedStatement | null => {
    const first = head('execute', 'query');
    return first !== undefined && 'statement' in first ? first.statement : null;
  };
  const complete = (tag: string) => {
    const statement = running();
    if (statement === null) return;
    statement.tags.push(tag);
    statement.ended_ms = session.now_ms;
    if (session.pending[0]?.kind === 'execute') endExecute();
  };
  const endExecute = () => {
    const first = session.pending.shift();
    // The server may have described the statement after its parameters were bound.
    if (first?.kind === 'execute' && first.statement.bound !== null)
      first.statement.bound = {...first.statement.bound, inferred: first.portal.prepared.inferred};
  };
  const cannotReplay = (reason: string) => {
    const statement = running();
    if (statement !== null) statement.skipReason = reason;
  };

  const readers: Record<string, ((body: Buffer, length: number) => void) | undefined> = {
    // RowDescription
    T(body) {
      const fields = readFields(createBodyReader(body));
      const first = head('describe', 'query');
      if (first?.kind === 'describe') {
        first.into.fields = fields;
        session.pending.shift();
      } else if (first?.kind === 'query') {
        // With several results it is unknown which one later statements use.
        const isFirst = first.statement.rows === null;
        first.statement.rows = {fields, formats: [], cells: [], isWhole: isFirst};
      }
    },
    // NoData
    n: () => {
      if (head('describe') !== undefined) session.pending.shift();
    },
    // ParameterDescription
    t(body) {
      const first = head('describe');
      if (first?.kind !== 'describe' || first.prepared === null) return;
      const reader = createBodyReader(body);
      first.prepared.inferred = reader.list(reader.int32);
    },
    // DataRow
    D(body, length) {
      const rows = rowsOf(session.pending[0]);
      if (rows === null) return;
      if (body.length < length || rows.cells.length >= maxRows) {
        rows.isWhole = false;
        rows.cells = [];
        return;
      }
      const reader = createBodyReader(body);
      rows.cells.push(reader.list(() => reader.shortValue(maxCellBytes)));
      log.bytes += length;
    },
    // CommandComplete
    C: body => complete(body.toString('utf8', 0, Math.max(body.length - 1, 0))),
    // EmptyQueryResponse
    I() {
      const statement = running();
      complete('');
      if (statement === null) return;
      // An empty query is a driver's ping; there is nothing to replay.
      statement.text = '';
      statement.skipReason = null;
    },
    // PortalSuspended: another Execute may fetch the rest
    s() {
      const statement = running();
      if (statement === null) return;
      statement.ended_ms = session.now_ms;
      endExecute();
    },
    // CopyInResponse
    G() {
      session.isCopyingIn = true;
      cannotReplay('COPY FROM STDIN');
    },
    // CopyBothResponse
    W: () => cannotReplay('replication'),
    // ErrorResponse
    E(body) {
      const {code} = errorFields(body);
      const first = session.pending[0];
      session.isCopyingIn = false;
      if (first === undefined || first.kind === 'call') return;
      if (first.kind === 'query') {
        cannotReplay(`failed with ${code}`);
        return;
      }
      skipToSync(session, code);
    },
    // ReadyForQuery
    Z() {
      const index = session.pending.findIndex(({kind}) => kind !== 'execute' && kind !== 'describe');
      const [last] = session.pending.splice(0, index + 1).slice(-1);
      if (last?.kind === 'query') last.statement.ended_ms ??= session.now_ms;
    },
    // ParameterStatus
    S(body) {
      const reader = createBodyReader(body);
      const [name, value] = [reader.text(), reader.text()];
      if (name !== 'client_encoding' || value === 'UTF8' || value === 'SQL_ASCII') return;
      log.notes.add(`client_encoding was ${value}: characters beyond ASCII are wrong in this file`);
    },
  };
  return {
    readers,
    wantsRows: () => rowsOf(session.pending[0])?.isWhole === true && log.bytes < maxBytesOfRows,
  };
}

const maxBytesOfRows = 32 * 1024 * 1024;

/** The rows of the running statement, created if no RowDescription preceded them. */
function rowsOf(first: Pending | undefined): Rows | null {
  if (first?.kind === 'query') return first.statement.rows;
  if (first?.kind !== 'execute') return null;
  const {statement, portal} = first;
  const fields = portal.fields ?? portal.prepared.fields;
  if (fields === null) return null;
  statement.rows ??= {fields, formats: portal.resultFormats, cells: [], isWhole: true};
  return statement.rows;
}

/** "the backend reads and discards messages until a Sync is reached" (protocol-flow, extended query). */
function skipToSync(session: Session, sqlstate: string): void {
  const sync = session.pending.findIndex(({kind}) => kind === 'sync');
  session.isSkipping = sync === -1;
  let reason = `failed with ${sqlstate}`;
  for (const each of session.pending.splice(0, sync === -1 ? session.pending.length : sync)) {
    if (each.kind !== 'execute') continue;
    each.statement.skipReason = reason;
    reason = 'not executed by the server after an error';
  }
}

function readFields(reader: BodyReader): Field[] {
  return reader.list(() => {
    const name = reader.text();
    reader.int32();
    reader.int16();
    const oid = reader.int32();
    reader.int16();
    reader.int32();
    reader.int16();
    return {name, oid: oid >>> 0};
  });
}
