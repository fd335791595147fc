import {headerBytes} from '../../postgres/wire/messages.ts';
import {type ReadOnlyStatement, readOnlyStatement} from './statement.ts';
import {
  committed,
  describedMessages,
  executeMessages,
  frameSession,
  parseMessage,
  queryMessage,
  type ReadOnlySession,
  type ReadOnlyWire,
  readStrings,
  rollbackBytes,
  rollbackTag,
  syncMessage,
  types,
  withPosition,
} from './wire.ts';

export type ReadOnlyOptions = {
  /** Writes to the server outside `take`. */
  write(bytes: Buffer): void;
  /** The client sent something that cannot be made read-only. From now on nothing it sends reaches the server. */
  refuse(why: string): void;
};

/** Takes the transaction's first snapshot, after which the server refuses to make the transaction read-write. */
const query = 'SELECT /* poolctl */';
const ownTransaction = ['BEGIN /* poolctl */ READ ONLY', query];
const ownPrefix = `${ownTransaction.join(';')};`;
const makeReadOnly = ['SET /* poolctl */ TRANSACTION READ ONLY', query];
const rollback = 'ROLLBACK /* poolctl */';
/** Fails if the transaction wrote, that is, if it has an ID. Casting null succeeds. */
const requireUnwritten = `SELECT /* poolctl */ (pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text
  OPERATOR(pg_catalog.||) ': a transaction of a read-only replay wrote')::pg_catalog.int4`;

/** Caches by text. */
const classified = new Map<string, ReadOnlyStatement>();
const wrappedMessages = new Map<string, Buffer>();

function classify(text: string): ReadOnlyStatement {
  let statement = classified.get(text);
  if (statement === undefined) {
    if (classified.size > 5000) classified.clear();
    statement = readOnlyStatement(text);
    classified.set(text, statement);
  }
  return statement;
}

/** The client's messages that one ReadyForQuery answers. */
type Group = {
  first: ReadOnlyStatement['kind'] | null;
  /** poolctl's commands that the server has yet to answer before the client's. */
  ownCommands: number;
  /** Number of ParseComplete and BindComplete that the client expects; others answer poolctl's commands. */
  parses: number;
  binds: number;
  isDescribedByPoolctl: boolean;
  /** It runs in poolctl's transaction or ends its own, so the session must be idle afterwards. */
  endsIdle: boolean;
  keepsSettings: boolean;
  /** Its COMMIT was sent as ROLLBACK. */
  isCommit: boolean;
  /** Length of the text that poolctl put before the client's. */
  prefix: number;
};

/** A read-only session over a socket. */
export function createReadOnlyWire(options: ReadOnlyOptions): ReadOnlyWire {
  return frameSession(createReadOnlySession(options), options.refuse);
}

/**
 * Makes everything a client sends over one connection read-only. It works on PostgreSQL's protocol and so with every client
 * library. Each statement, and each transaction of the application, runs in a transaction that begins READ ONLY, takes
 * its first snapshot before the statement arrives, and is rolled back. This does not depend on session settings or on
 * ParameterStatus. Added commands travel in the client's own packets, without an extra round trip.
 *
 * A transaction that changed a session setting is committed, because a rollback would undo the setting, but only if it
 * has no transaction ID.
 */
export function createReadOnlySession({write, refuse}: ReadOnlyOptions): ReadOnlySession {
  let status = 'I';
  let isMadeReadOnly = false;
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

  /** poolctl's statements to send before the client's. */
  const before = (statement: ReadOnlyStatement, current: Group): string[] => {
    current.first ??= statement.kind;
    if (statement.kind === 'begin') isMadeReadOnly = false;
    if (statement.kind === 'setting' && statement.keepsSettings) keepsSettings = true;
    if (statement.kind === 'end') {
      isMadeReadOnly = false;
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
    const isFirst = !isMadeReadOnly;
    isMadeReadOnly = true;
    return isFirst ? makeReadOnly : [];
  };

  const takeQuery = (frame: Buffer): Buffer[] => {
    const text = frame.toString('utf8', headerBytes, frame.length - 1);
    const statement = classify(text);
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
    let message = wrappedMessages.get(text);
    if (message === undefined) {
      if (wrappedMessages.size > 5000) wrappedMessages.clear();
      // The text may end in a comment or a semicolon.
      message = queryMessage(`${prefix}${text}\n;${rollback}`);
      wrappedMessages.set(text, message);
    }
    return [message];
  };

  const takeExtended = (type: string, frame: Buffer): Buffer[] => {
    group ??= emptyGroup();
    const current: Group = group;
    if (type === 'P') {
      const {strings, end} = readStrings(frame, 5, 2);
      const [name = '', text = ''] = strings;
      const statement = classify(text);
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

  /** Handles ReadyForQuery. Returns whether it goes to the client, which may then send the next group. */
  const handleReady = (now: string): boolean => {
    if (now !== 'I' && (isEnding || group?.endsIdle)) {
      const isCommitted = now === 'T' && group?.keepsSettings && !isEnding;
      isEnding = true;
      write(queryMessage(isCommitted ? `${requireUnwritten};COMMIT /* poolctl */` : rollback));
      return false;
    }
    status = now;
    isMadeReadOnly &&= now === 'T';
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
        return handleReady(String.fromCharCode(chunk[at + headerBytes] ?? 0));
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
