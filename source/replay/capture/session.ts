import {type BodyReader, createBodyReader, createMessageReader} from '../../postgres/wire/messages.ts';
import {
  beginStatement,
  type CaptureLog,
  createSession,
  type Portal,
  type Prepared,
  type Session,
} from './capture-log.ts';
import type {Observer} from './proxy.ts';
import {observeBackend} from './session-backend.ts';

/** Observes one session and logs the statements it runs. Authentication messages (`p` and `R`) are never read. */
export function observeSession(
  log: CaptureLog,
  {connection, startup}: {connection: number; startup: ReadonlyMap<string, string>},
): Observer {
  if (startup.has('replication')) {
    log.notes.add('a replication session was forwarded but not captured');
    return {fromClient: () => {}, fromServer: () => {}};
  }
  if (log.statements.length > 0) log.opened++;
  const session = createSession(connection);
  const fromClient = observeFrontend(session, log);
  const fromServer = observeBackend(session, log);
  let isUnreadable = false;
  // The bytes are already forwarded, so an unreadable message must not end the session.
  const whileReadable = (read: (bytes: Buffer) => void) => (bytes: Buffer) => {
    if (isUnreadable) return;
    session.now_ms = performance.now();
    try {
      read(bytes);
    } catch (error) {
      isUnreadable = true;
      const reason = error instanceof Error ? error.message : String(error);
      log.notes.add(`a connection became unreadable (${reason}); its later statements are missing`);
    }
  };
  return {fromClient: whileReadable(fromClient), fromServer: whileReadable(fromServer)};
}

/** Per message. Larger ones are forwarded but not stored. */
const maxBytes = 1024 * 1024;

/** Reads the client's messages and queues those that the server will answer. */
function observeFrontend(session: Session, log: CaptureLog): (bytes: Buffer) => void {
  return createMessageReader({
    keep: type => (type in readers ? maxBytes : 0),
    onMessage: (type, body, length) =>
      readers[type]?.({session, log, length, isWhole: body.length === length}, createBodyReader(body)),
  });
}

type Context = {session: Session; log: CaptureLog; length: number; isWhole: boolean};
type Read = (context: Context, body: BodyReader) => void;

const readers: Record<string, Read | undefined> = {
  // Query
  Q({session, log, length, isWhole}, body) {
    session.segment++;
    const text = isWhole ? body.text() : '';
    const skipReason = isWhole ? null : tooLarge(length);
    const statement = beginStatement(session, {text, bound: null, rows: null, skipReason});
    session.segment++;
    session.pending.push({kind: 'query', statement});
    log.add(statement, length);
  },
  // Parse
  P({session, isWhole}, body) {
    const name = body.text();
    const text = isWhole ? body.text() : '';
    const declared = isWhole ? body.list(body.int32) : [];
    session.prepared.set(name, {text, declared, inferred: null, fields: null});
  },
  // Bind
  B({session, length, isWhole}, body) {
    const portal = body.text();
    const prepared = session.prepared.get(body.text()) ?? unknown;
    session.portals.set(
      portal,
      isWhole ? bind(prepared, body) : {...bindNothing(prepared), skipReason: tooLarge(length)},
    );
  },
  // Execute
  E({session, log, length}, body) {
    const portal = session.portals.get(body.text());
    if (portal === undefined || session.isSkipping) return;
    portal.statement ??= executeFirst(session, log, portal, length);
    session.pending.push({kind: 'execute', statement: portal.statement, portal});
  },
  // Describe
  D({session}, body) {
    if (session.isSkipping) return;
    const isStatement = body.byte() === 'S';
    const name = body.text();
    const prepared = isStatement ? (session.prepared.get(name) ?? unknown) : null;
    const into = prepared ?? session.portals.get(name) ?? {fields: null};
    session.pending.push({kind: 'describe', into, prepared});
  },
  // Close
  C({session}, body) {
    if (body.byte() === 'S') session.prepared.delete(body.text());
    else session.portals.delete(body.text());
  },
  // Sync
  S({session}) {
    if (session.isCopyingIn) return;
    session.isSkipping = false;
    session.segment++;
    session.pending.push({kind: 'sync'});
  },
  // CopyDone and CopyFail
  c: ({session}) => endCopy(session),
  f: ({session}) => endCopy(session),
  // FunctionCall
  F({session, log}) {
    session.segment++;
    session.pending.push({kind: 'call'});
    log.notes.add('FunctionCall messages (fastpath, large objects) were forwarded but not captured');
  },
};

/** A statement prepared by SQL's PREPARE, before the capture, or not at all. */
const unknown: Prepared = {text: '', declared: [], inferred: null, fields: null};

function bind(prepared: Prepared, body: BodyReader): Portal {
  const formats = body.list(body.int16);
  const values = body.list(body.value);
  const resultFormats = body.list(body.int16);
  const {declared} = prepared;
  return {...bindNothing(prepared), bound: {declared, inferred: null, formats, values}, resultFormats};
}

function bindNothing(prepared: Prepared): Portal {
  const bound = {declared: [], inferred: null, formats: [], values: []};
  const skipReason = prepared.text === '' ? 'prepared before the capture or by PREPARE' : null;
  return {prepared, bound, resultFormats: [], fields: null, statement: null, skipReason};
}

function executeFirst(session: Session, log: CaptureLog, portal: Portal, length: number) {
  const {prepared, bound, skipReason} = portal;
  const statement = beginStatement(session, {text: prepared.text, bound, rows: null, skipReason});
  const values = bound.values.reduce((sum, value) => sum + (value?.length ?? 0), 0);
  log.add(statement, length + prepared.text.length + values);
  return statement;
}

/** Drops the Syncs sent during copy-in: the server ignores Flush and Sync in that mode (protocol-flow). */
function endCopy(session: Session): void {
  if (!session.isCopyingIn) return;
  session.isCopyingIn = false;
  session.pending = session.pending.filter(({kind}, index) => index === 0 || kind !== 'sync');
}

function tooLarge(bytes: number): string {
  return `${Math.ceil(bytes / 1024 / 1024)} MiB in one message`;
}
