import {type BodyReader, createBodyReader, createMessageReader} from '../../postgres/wire/message-reader.ts';
import {errorFields} from '../../postgres/wire/messages.ts';
import type {Field, Recorded, Recording, Rows} from './recording.ts';
import type {Pending, Session} from './session-state.ts';

/** Rows are kept to tell what a later statement's parameters come from; a longer result is no list to go through. */
const mostRows = 1000;
const mostRowBytes = 16 * 1024;
/** Keys are short. */
const mostCellBytes = 64;
const mostBytes = 64 * 1024;

/** The server's answers, each given to what it answers. */
export function observeBackend(session: Session, recording: Recording): (bytes: Buffer) => void {
  const answer = createAnswers(session, recording);
  return createMessageReader({
    keep(type) {
      // Most of what a server sends is rows: one that is not wanted costs a look at its head.
      if (type === 'D') return answer.wantsRows() ? mostRowBytes : 0;
      return type in answer.readers ? mostBytes : 0;
    },
    onMessage: (type, body, length) => answer.readers[type]?.(body, length),
  });
}

function createAnswers(session: Session, recording: Recording) {
  /** What is answered; Syncs before it were ignored by the server, or are no longer of interest. */
  const head = (...kinds: Pending['kind'][]): Pending | undefined => {
    const index = session.pending.findIndex(({kind}) => kinds.includes(kind));
    if (index > 0 && session.pending.slice(0, index).every(({kind}) => kind === 'sync'))
      session.pending.splice(0, index);
    const [first] = session.pending;
    return first !== undefined && kinds.includes(first.kind) ? first : undefined;
  };
  const running = (): Recorded | null => {
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
    // The statement may have been described while its parameters were under way.
    if (first?.kind === 'execute' && first.statement.bound !== null)
      first.statement.bound = {...first.statement.bound, inferred: first.portal.prepared.inferred};
  };
  const cannotReplay = (reason: string) => {
    const statement = running();
    if (statement !== null) statement.leftOut = reason;
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
        // Of several results none can be told to be the list that something goes through.
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
      if (body.length < length || rows.cells.length >= mostRows) {
        rows.isWhole = false;
        rows.cells = [];
        return;
      }
      const reader = createBodyReader(body);
      rows.cells.push(reader.list(() => reader.shortValue(mostCellBytes)));
      recording.bytes += length;
    },
    // CommandComplete
    C: body => complete(body.toString('utf8', 0, Math.max(body.length - 1, 0))),
    // EmptyQueryResponse
    I() {
      const statement = running();
      complete('');
      if (statement === null) return;
      // A driver's ping: that it holds nothing is no loss.
      statement.text = '';
      statement.leftOut = null;
    },
    // PortalSuspended: what is left may be fetched by another Execute
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
      recording.notes.add(`client_encoding was ${value}: letters beyond ASCII are not right in this file`);
    },
  };
  return {
    readers,
    wantsRows: () => rowsOf(session.pending[0])?.isWhole === true && recording.bytes < mostBytesOfRows,
  };
}

const mostBytesOfRows = 32 * 1024 * 1024;

/** Where the rows of what is running go; made by the first of them where they come without a description. */
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
    each.statement.leftOut = reason;
    reason = 'skipped after an error';
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
