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
  /** What a message of the client's becomes, or several of one write. */
  take(frames: readonly Buffer[]): Buffer;
  /** Whether a message of the server's is the client's, or the one that is in its place. `size` is with its head. */
  answer(chunk: Buffer, at: number, size: number): boolean | Buffer;
  /** Whether rows that come now answer a statement of ours. */
  isOurs(): boolean;
};

export type ReadOnlyOptions = {
  /** Writes to the server what it does not answer a `send`. */
  write(bytes: Buffer): void;
  /** The client sends what cannot be made read-only: nothing more of it goes to the server. */
  refuse(why: string): void;
};

/** The query fixes the mode: from a transaction's first snapshot on the server refuses to make it read-write. */
const query = 'SELECT /* poolctl */';
const ofOurs = ['BEGIN /* poolctl */ READ ONLY', query];
const ours = `${ofOurs.join(';')};`;
const ofTheirs = ['SET /* poolctl */ TRANSACTION READ ONLY', query];
const rollback = 'ROLLBACK /* poolctl */';
/** Fails where the transaction has an id, which is to say that it wrote; null is no error. */
const requireUnwritten = `SELECT /* poolctl */ (pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text
  OPERATOR(pg_catalog.||) ': a transaction of a read-only replay wrote')::pg_catalog.int4`;

/** Texts that came before, and what was sent for them. */
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
  /** Commands of ours to be answered before its own. */
  ours: number;
  /** What it waits for of the extended protocol; all others are answers to ours. */
  parses: number;
  binds: number;
  isDescribedByUs: boolean;
  /** Our transaction is around it, or it ends one: the session is idle afterwards, whatever happens. */
  endsIdle: boolean;
  keepsSettings: boolean;
  /** Its COMMIT was sent as ROLLBACK. */
  isCommit: boolean;
  /** Characters in front of its text. */
  prefix: number;
};

/**
 * Makes read-only by construction what a client sends over one connection, in PostgreSQL's protocol itself: whichever
 * library writes it. Each statement runs in a transaction that was begun READ ONLY and has its first snapshot before
 * the statement is there, the application's own transactions as well; and each is rolled back. Nothing that the
 * session is set to, and no report of it, is relied on. Sent and answered in the same packets: no round trip more.
 *
 * A transaction in which a setting was made for the session is committed, since a rollback would undo that, if it has
 * no transaction id.
 */
export function createReadOnlySession({write, refuse}: ReadOnlyOptions): ReadOnlySession {
  let status = 'I';
  let isFixed = false;
  let keepsSettings = false;
  let group: Group | null = null;
  /** Its end was sent, and its ReadyForQuery has not come. */
  let isBusy = false;
  let isEnding = false;
  let isRefused = false;
  let held: Buffer[] = [];
  const namedSettings = new Set<string>();

  const fail = (why: string): Buffer[] => {
    isRefused = true;
    refuse(why);
    return [];
  };

  /** The statements of ours that go before one of the client's. */
  const before = (statement: ReadOnlyStatement, own: Group): string[] => {
    own.first ??= statement.kind;
    if (statement.kind === 'begin') isFixed = false;
    if (statement.kind === 'setting' && statement.keepsSettings) keepsSettings = true;
    if (statement.kind === 'end') {
      isFixed = false;
      own.isCommit = statement.isCommit && status === 'T';
      if (!own.isCommit || !keepsSettings) return [];
      own.isCommit = false;
      own.endsIdle = !/\bchain$/i.test(statement.text);
      own.keepsSettings = true;
      return [requireUnwritten];
    }
    if (statement.kind !== 'plain' || status === 'E') return [];
    own.keepsSettings ||= statement.keepsSettings;
    if (status === 'I') {
      own.endsIdle = true;
      return ofOurs;
    }
    keepsSettings ||= statement.keepsSettings;
    const isFirst = !isFixed;
    isFixed = true;
    return isFirst ? ofTheirs : [];
  };

  const takeQuery = (frame: Buffer): Buffer[] => {
    const text = frame.toString('utf8', headerBytes, frame.length - 1);
    const statement = read(text);
    if (statement.kind === 'refused') return fail(statement.what);
    const own = emptyGroup();
    group = own;
    isBusy = true;
    const statements = before(statement, own);
    own.ours = statements.length;
    if (own.isCommit && statement.kind === 'end') return [queryMessage(statement.text)];
    const rollsBack = own.endsIdle && statement.kind === 'plain' && !own.keepsSettings;
    if (statement.kind === 'plain' && statement.isOne) {
      own.isDescribedByUs = true;
      const ending = rollsBack ? [executeMessages(rollback)] : [];
      return [...statements.map(executeMessages), describedMessages(text), ...ending, syncMessage];
    }
    if (statements.length === 0) return [frame];
    const prefix = statements === ofOurs ? ours : `${statements.join(';')};`;
    own.prefix = prefix.length;
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
    const own: Group = group;
    if (type === 'P') {
      const {strings, end} = readStrings(frame, 5, 2);
      const [name = '', text = ''] = strings;
      const statement = read(text);
      const isControl = statement.kind === 'begin' || statement.kind === 'end';
      if (statement.kind === 'refused') return fail(statement.what);
      if (isControl && (name !== '' || own.first !== null)) return fail(`${text} in a prepared statement`);
      if (own.first !== null && own.first !== 'plain') return fail('several statements before one Sync');
      const statements = own.first === null ? before(statement, own) : [];
      if (name !== '' && 'keepsSettings' in statement && statement.keepsSettings) namedSettings.add(name);
      own.ours += statements.length;
      own.parses++;
      const isRollback = own.isCommit && statement.kind === 'end';
      const parse = isRollback ? parseMessage(name, statement.text, frame.subarray(end)) : frame;
      return [...statements.map(executeMessages), parse];
    }
    if (type === 'B') {
      const [, name = ''] = readStrings(frame, 5, 2).strings;
      if (name === '' && own.parses === 0) return fail('an unnamed statement of an earlier Sync');
      if (name !== '' && own.first !== null && own.first !== 'plain')
        return fail('several statements before one Sync');
      const statement = {kind: 'plain', keepsSettings: namedSettings.has(name), isOne: false} as const;
      const statements = own.first === null ? before(statement, own) : [];
      own.ours += statements.length;
      own.binds++;
      return [...statements.map(executeMessages), frame];
    }
    if (type !== 'S') return [frame];
    isBusy = true;
    const rollsBack = own.endsIdle && own.first === 'plain' && !own.keepsSettings;
    return rollsBack ? [executeMessages(rollback), frame] : [frame];
  };

  const take = (frame: Buffer): Buffer[] => {
    const type = String.fromCharCode(frame[0] ?? 0);
    if ('Xdcf'.includes(type)) return [frame];
    if (isBusy) {
      held.push(Buffer.from(frame));
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

  /** At ReadyForQuery: whether it is the client's, who may go on then. */
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
    const frames = held;
    held = [];
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
    if (group.ours > 0) {
      if (chunk[at] === types.commandComplete) group.ours--;
      return false;
    }
    switch (chunk[at]) {
      case types.parseComplete:
        return group.parses-- > 0;
      case types.bindComplete:
        return group.binds-- > 0;
      case types.noData:
        return !group.isDescribedByUs;
      case types.commandComplete:
        if (size !== rollbackBytes || chunk.readUInt32BE(at + headerBytes) !== rollbackTag) return true;
        if (group.isCommit) return committed;
        return !(group.endsIdle && group.first === 'plain');
      default:
        return true;
    }
  };

  return {take: takeAll, answer, isOurs: () => isEnding || (group?.ours ?? 0) > 0};
}

function emptyGroup(): Group {
  return {
    first: null,
    ours: 0,
    parses: 0,
    binds: 0,
    isDescribedByUs: false,
    endsIdle: false,
    keepsSettings: false,
    isCommit: false,
    prefix: 0,
  };
}
