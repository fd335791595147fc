import {type BodyReader, createBodyReader, createMessageReader} from '../../postgres/wire/message-reader.ts';
import type {Recording} from './recording.ts';
import {beginStatement, type Portal, type Prepared, type Session} from './session-state.ts';

/** Of a message. A parameter that is larger is carried and not kept. */
const mostBytes = 1024 * 1024;

/** What the client sends, turned into what the server will have to answer. */
export function observeFrontend(session: Session, recording: Recording): (bytes: Buffer) => void {
  return createMessageReader({
    keep: type => (type in readers ? mostBytes : 0),
    onMessage: (type, body, length) =>
      readers[type]?.({session, recording, length, isWhole: body.length === length}, createBodyReader(body)),
  });
}

type Context = {session: Session; recording: Recording; length: number; isWhole: boolean};
type Read = (context: Context, body: BodyReader) => void;

const readers: Record<string, Read | undefined> = {
  // Query
  Q({session, recording, length, isWhole}, body) {
    session.segment++;
    const text = isWhole ? body.text() : '';
    const leftOut = isWhole ? null : tooLarge(length);
    const statement = beginStatement(session, {text, bound: null, rows: null, leftOut});
    session.segment++;
    session.pending.push({kind: 'query', statement});
    recording.add(statement, length);
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
      isWhole ? bind(prepared, body) : {...bindNothing(prepared), leftOut: tooLarge(length)},
    );
  },
  // Execute
  E({session, recording, length}, body) {
    const portal = session.portals.get(body.text());
    if (portal === undefined || session.isSkipping) return;
    portal.statement ??= executeFirst(session, recording, portal, length);
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
  F({session, recording}) {
    session.segment++;
    session.pending.push({kind: 'call'});
    recording.notes.add(
      'function calls of the protocol (fastpath, large objects) were carried and not captured',
    );
  },
};

/** Prepared by SQL's PREPARE, or never. */
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
  const leftOut = prepared.text === '' ? 'its text was not seen' : null;
  return {prepared, bound, resultFormats: [], fields: null, statement: null, leftOut};
}

function executeFirst(session: Session, recording: Recording, portal: Portal, length: number) {
  const {prepared, bound, leftOut} = portal;
  const statement = beginStatement(session, {text: prepared.text, bound, rows: null, leftOut});
  const values = bound.values.reduce((sum, value) => sum + (value?.length ?? 0), 0);
  recording.add(statement, length + prepared.text.length + values);
  return statement;
}

/** Every Sync up to here was ignored by the server: "Flush and Sync are ignored in copy-in mode" (protocol-flow). */
function endCopy(session: Session): void {
  if (!session.isCopyingIn) return;
  session.isCopyingIn = false;
  session.pending = session.pending.filter(({kind}, index) => index === 0 || kind !== 'sync');
}

function tooLarge(bytes: number): string {
  return `${Math.ceil(bytes / 1024 / 1024)} MiB in one message`;
}
