/** A column of a result. */
export type Field = {name: string; oid: number};

/** The first rows of a result, in their wire format. */
export type Rows = {
  fields: readonly Field[];
  /** 0 is text, 1 is binary. One for all columns, or one per column; with none all are text. */
  formats: readonly number[];
  /** undefined for a value too long to keep. */
  cells: (Buffer | null | undefined)[][];
  /** `cells` contains every row received. */
  isWhole: boolean;
};

/** The parameters of a Bind message. */
export type BoundParameters = {
  /** Type OIDs the client declared; 0 leaves the type to the server. */
  declared: readonly number[];
  /** Type OIDs the server reported, if the client asked for them. */
  inferred: readonly number[] | null;
  formats: readonly number[];
  values: readonly (Buffer | null)[];
};

/** A Query or Execute message. */
export type CapturedStatement = {
  connection: number;
  /** Statements of a connection with the same number were sent with one Sync. */
  segment: number;
  text: string;
  /** null for a simple query, which may contain several statements. */
  bound: BoundParameters | null;
  /** Command tags, one for each statement that ran: `SELECT 3`. */
  tags: string[];
  started_ms: number;
  /** null if it was still running when the capture ended. */
  ended_ms: number | null;
  rows: Rows | null;
  /** Why it cannot be replayed; null if it can. */
  skipReason: string | null;
};

/** What a capture keeps: a bounded number of statements and bytes, because the application may be under load. */
export type CaptureLog = {
  /** In the order they were sent. */
  statements: CapturedStatement[];
  /** Messages for the user. */
  notes: Set<string>;
  bytes: number;
  /** Connections opened after the first statement. */
  opened: number;
  /** Adds a statement unless the log is full. */
  add(statement: CapturedStatement, bytes: number): void;
  /** Discards everything so far. */
  clear(): void;
};

const maxStatements = 10_000;
const maxBytes = 64 * 1024 * 1024;

export function createCaptureLog(): CaptureLog {
  const log: CaptureLog = {
    statements: [],
    notes: new Set(),
    bytes: 0,
    opened: 0,
    add(statement, bytes) {
      const isFull = log.statements.length >= maxStatements || log.bytes >= maxBytes;
      if (isFull) {
        log.notes.add(`the capture was full: it holds the first ${log.statements.length} statements`);
        return;
      }
      log.statements.push(statement);
      log.bytes += bytes;
    },
    clear() {
      log.statements = [];
      log.notes.clear();
      log.bytes = 0;
      log.opened = 0;
    },
  };
  return log;
}

/** A statement prepared by Parse. */
export type Prepared = {
  text: string;
  declared: number[];
  inferred: number[] | null;
  fields: Field[] | null;
};

export type Portal = {
  prepared: Prepared;
  bound: BoundParameters;
  resultFormats: readonly number[];
  /** The portal's description, if the client asked for it. */
  fields: Field[] | null;
  /** Set at the first Execute; later ones fetch more of its rows. */
  statement: CapturedStatement | null;
  /** Why it cannot be replayed. */
  skipReason: string | null;
};

/** Messages the server has not answered yet, in order. */
export type Pending =
  | {kind: 'execute'; statement: CapturedStatement; portal: Portal}
  | {kind: 'query'; statement: CapturedStatement}
  | {kind: 'describe'; into: {fields: Field[] | null}; prepared: Prepared | null}
  | {kind: 'call'}
  | {kind: 'sync'};

export type Session = {
  connection: number;
  now_ms: number;
  segment: number;
  prepared: Map<string, Prepared>;
  portals: Map<string, Portal>;
  pending: Pending[];
  /** After an error the server discards messages until the next Sync (protocol-flow, extended query). */
  isSkipping: boolean;
  /** During COPY FROM STDIN the server ignores Sync. */
  isCopyingIn: boolean;
};

export function createSession(connection: number): Session {
  return {
    connection,
    now_ms: 0,
    segment: 0,
    prepared: new Map(),
    portals: new Map(),
    pending: [],
    isSkipping: false,
    isCopyingIn: false,
  };
}

export function beginStatement(
  {connection, segment, now_ms}: Session,
  own: {text: string; bound: BoundParameters | null; rows: Rows | null; skipReason: string | null},
): CapturedStatement {
  return {connection, segment, ...own, tags: [], started_ms: now_ms, ended_ms: null};
}
