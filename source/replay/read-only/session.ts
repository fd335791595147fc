import {headerBytes} from '../../postgres/wire/message-reader.ts';
import {
  committed,
  describedMessages,
  executeMessages,
  parseMessage,
  queryMessage,
  readStrings,
  rollbackBytes,
  rollbackTag,
  syncMessage,
  types,
  withPosition,
} from './message.ts';
import {type ReadOnlyStatement, readOnlyStatement} from './statement.ts';

export type ReadOnlySession = {
  /** The bytes to send to the server for these messages of the client. */
  take(frames: readonly Buffer[]): Buffer;
  /** Whether a message of the server goes to the client; a Buffer: this one instead. `size` includes the header. */
  answer(chunk: Buffer, at: number, size: number): boolean | Buffer;
  /** Whether rows that arrive now answer a statement of poolctl's. */
  isOwnAnswer(): boolean;
};

export type ReadOnlyOptions = {
  /** Writes to the server outside of `take`. */
  write(bytes: Buffer): void;
  /** The client sent what cannot be made read-only. Nothing it sends reaches the server any more. */
  refuse(why: string): void;
};

/** Takes the transaction's first snapshot: after it, the server refuses to make the transaction read-write. */
const query = 'SELECT /* poolctl */';
const ownTransaction = ['BEGIN /* poolctl */ READ ONLY', query];
const ownPrefix = `${ownTransaction.join(';')};`;
const makeReadOnly = ['SET /* poolctl */ TRANSACTION READ ONLY', query];
const rollback = 'ROLLBACK /* poolctl */';
/** Fails if the transaction has an ID, that is, if it wrote. Casting null succeeds. */
const requireUnwritten = `SELECT /* poolctl */ (pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text
  OPERATOR(pg_catalog.||) ': a transaction of a read-only replay wrote')::pg_catalog.int4`;

/** Texts seen before, and the messages they became. */
const known = new Map<string, ReadOnlyStatement>();
const wrapped = new Map<string, Buffer>();

function read(text: string): ReadOnlyStatement {
  let statement = known.get(text);
  if (statement === undefined) {
    if (known.size > 5000) known.clear();
    statement = readOnlyStatement(text);
    known.set(text, statement);
  }
  return statement;
}

/** What the client sent up to one ReadyForQuery. */
type Group = {
  first: ReadOnlyStatement['kind'] | null;
  /** Commands of poolctl still to be answered before the client's current. */
  ownCommands: number;
  /** ParseComplete and BindComplete that the client expects; others answer poolctl's commands. */
  parses: number;
  binds: number;
  isDescribedByPoolctl: boolean;
  /** It runs in poolctl's transaction, or ends its own: the session must be idle afterwards. */
  endsIdle: boolean;
  keepsSettings: boolean;
  /** Its COMMIT was sent as ROLLBACK. */
  isCommit: boolean;
  /** Characters of poolctl's before its text. */
  prefix: number;
};

/**
 * Makes everything a client sends over one connection read-only by construction. It works on PostgreSQL's protocol, so
 * it holds for every client library. Each statement, and each transaction of the application, runs in a transaction
 * that began READ ONLY, has taken its first snapshot before the statement arrives, and is rolled back. It relies on no
 * setting of the session and on no report of one. Added commands travel in the client's own packets: no extra round
 * trip.
 *
 * A transaction that changed a setting of the session is committed, because a rollback would undo the setting; only if
 * it has no transaction ID.
 */
export function createReadOnlySession({write, refuse}: ReadOnlyOptions): ReadOnlySession {
  let status = 'I';
  let isFixed = false;
  let keepsSettings = false;
  let group: Group | null = null;
  /** The group is sent completely and its ReadyForQuery has not arrived. */
  let isBusy = false;
  let isEnding = false;
  let isRefused = false;
  let queued: Buffer[] = [];
  const namedSettings = new Set<string>();

  const fail = (why: string): Buffer[] => {
    isRefused = true;
    refuse(why);
    return [];
  };

  /** Statements of poolctl to send before the client's. */
  const before = (statement: ReadOnlyStatement, current: Group): string[] => {
    current.first ??= statement.kind;
    if (statement.kind === 'begin') isFixed = false;
    if (statement.kind === 'setting' && statement.keepsSettings) keepsSettings = true;
    if (statement.kind === 'end') {
      isFixed = false;
      current.isCommit = statement.isCommit && status === 'T';
      if (!current.isCommit || !keepsSettings) return [];
      current.isCommit = false;
      current.endsIdle = !/\bchain$/i.test(statement.text);
      current.keepsSettings = true;
      return [requireUnwritten];
    }
    if (statement.kind !== 'plain' || status === 'E') return [];
    current.keepsSettings ||= statement.keepsSettings;
    if (status === 'I') {
      current.endsIdle = true;
      return ownTransaction;
    }
    keepsSettings ||= statement.keepsSettings;
    const isFirst = !isFixed;
    isFixed = true;
    return isFirst ? makeReadOnly : [];
  };

  const takeQuery = (frame: Buffer): Buffer[] => {
    const text = frame.toString('utf8', headerBytes, frame.length - 1);
    const statement = read(text);
    if (statement.kind === 'refused') return fail(statement.what);
    const current = emptyGroup();
    group = current;
    isBusy = true;
    const statements = before(statement, current);
    current.ownCommands = statements.length;
    if (current.isCommit && statement.kind === 'end') return [queryMessage(statement.text)];
    const rollsBack = current.endsIdle && statement.kind === 'plain' && !current.keepsSettings;
    if (statement.kind === 'plain' && statement.isOne) {
      current.isDescribedByPoolctl = true;
      const ending = rollsBack ? [executeMessages(rollback)] : [];
      return [...statements.map(executeMessages), describedMessages(text), ...ending, syncMessage];
    }
    if (statements.length === 0) return [frame];
    const prefix = statements === ownTransaction ? ownPrefix : `${statements.join(';')};`;
    current.prefix = prefix.length;
    if (!rollsBack) return [queryMessage(`${prefix}${text}`)];
    let message = wrapped.get(text);
    if (message === undefined) {
      if (wrapped.size > 5000) wrapped.clear();
      // The text may end in a comment, or in its own semicolon.
      message = queryMessage(`${prefix}${text}\n;${rollback}`);
      wrapped.set(text, message);
    }
    return [message];
  };

  const takeExtended = (type: string, frame: Buffer): Buffer[] => {
    group ??= emptyGroup();
    const current: Group = group;
    if (type === 'P') {
      const {strings, end} = readStrings(frame, 5, 2);
      const [name = '', text = ''] = strings;
      const statement = read(text);
      const isControl = statement.kind === 'begin' || statement.kind === 'end';
      if (statement.kind === 'refused') return fail(statement.what);
      if (isControl && (name !== '' || current.first !== null))
        return fail(`${text} in a prepared statement`);
      if (current.first !== null && current.first !== 'plain')
        return fail('several statements before one Sync');
      const statements = current.first === null ? before(statement, current) : [];
      if (name !== '' && 'keepsSettings' in statement && statement.keepsSettings) namedSettings.add(name);
      current.ownCommands += statements.length;
      current.parses++;
      const isRollback = current.isCommit && statement.kind === 'end';
      const parse = isRollback ? parseMessage(name, statement.text, frame.subarray(end)) : frame;
      return [...statements.map(executeMessages), parse];
    }
    if (type === 'B') {
      const [, name = ''] = readStrings(frame, 5, 2).strings;
      if (name === '' && current.parses === 0) return fail('an unnamed statement of an earlier Sync');
      if (name !== '' && current.first !== null && current.first !== 'plain')
        return fail('several statements before one Sync');
      const statement = {kind: 'plain', keepsSettings: namedSettings.has(name), isOne: false} as const;
      const statements = current.first === null ? before(statement, current) : [];
      current.ownCommands += statements.length;
      current.binds++;
      return [...statements.map(executeMessages), frame];
    }
    if (type !== 'S') return [frame];
    isBusy = true;
    const rollsBack = current.endsIdle && current.first === 'plain' && !current.keepsSettings;
    return rollsBack ? [executeMessages(rollback), frame] : [frame];
  };

  const take = (frame: Buffer): Buffer[] => {
    const type = String.fromCharCode(frame[0] ?? 0);
    if ('Xdcf'.includes(type)) return [frame];
    if (isBusy) {
      queued.push(Buffer.from(frame));
      return [];
    }
    if (type === 'Q' && (group === null || group.first === null)) return takeQuery(frame);
    if ('PBDECSH'.includes(type)) return takeExtended(type, frame);
    return fail(`a message of type ${type}`);
  };

  const takeAll = (frames: readonly Buffer[]): Buffer => {
    const out: Buffer[] = [];
    for (const frame of frames) if (!isRefused) out.push(...take(frame));
    if (isRefused) return Buffer.alloc(0);
    return out.length === 1 ? (out[0] as Buffer) : Buffer.concat(out);
  };

  /** At ReadyForQuery: whether it goes to the client, which then may send the next group. */
  const isReady = (now: string): boolean => {
    if (now !== 'I' && (isEnding || group?.endsIdle)) {
      const isCommitted = now === 'T' && group?.keepsSettings && !isEnding;
      isEnding = true;
      write(queryMessage(isCommitted ? `${requireUnwritten};COMMIT /* poolctl */` : rollback));
      return false;
    }
    status = now;
    isFixed &&= now === 'T';
    if (now === 'I') keepsSettings = false;
    group = null;
    isBusy = false;
    isEnding = false;
    const frames = queued;
    queued = [];
    const bytes = takeAll(frames);
    if (bytes.length > 0) write(bytes);
    return true;
  };

  const answer = (chunk: Buffer, at: number, size: number): boolean | Buffer => {
    switch (chunk[at]) {
      case types.readyForQuery:
        return isReady(String.fromCharCode(chunk[at + headerBytes] ?? 0));
      case types.notice:
      case types.parameterStatus:
      case types.notification:
        return true;
      case types.error:
        return isEnding || group === null || group.prefix === 0
          ? true
          : withPosition(chunk.subarray(at, at + size), group.prefix);
    }
    if (isEnding) return false;
    if (group === null) return true;
    if (group.ownCommands > 0) {
      if (chunk[at] === types.commandComplete) group.ownCommands--;
      return false;
    }
    switch (chunk[at]) {
      case types.parseComplete:
        return group.parses-- > 0;
      case types.bindComplete:
        return group.binds-- > 0;
      case types.noData:
        return !group.isDescribedByPoolctl;
      case types.commandComplete:
        if (size !== rollbackBytes || chunk.readUInt32BE(at + headerBytes) !== rollbackTag) return true;
        if (group.isCommit) return committed;
        return !(group.endsIdle && group.first === 'plain');
      default:
        return true;
    }
  };

  return {take: takeAll, answer, isOwnAnswer: () => isEnding || (group?.ownCommands ?? 0) > 0};
}

function emptyGroup(): Group {
  return {
    first: null,
    ownCommands: 0,
    parses: 0,
    binds: 0,
    isDescribedByPoolctl: false,
    endsIdle: false,
    keepsSettings: false,
    isCommit: false,
    prefix: 0,
  };
}
