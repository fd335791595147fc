/** A column of a result. */
export type Field = {name: string; oid: number};

/** The first rows of a result, in their wire format. */
export type Rows = {
  fields: readonly Field[];
  /** 0 text, 1 binary; one for all columns or one for each; none: all text. */
  formats: readonly number[];
  /** undefined: too long to keep. */
  cells: (Buffer | null | undefined)[][];
  /** Every row so far is in `cells`. */
  isWhole: boolean;
};

/** The parameters of a Bind message. */
export type Bound = {
  /** Type OIDs the client declared; 0: left to the server. */
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
  /** null: a simple query, which may hold several statements. */
  bound: Bound | null;
  /** Command tags, one for each statement that ran: `SELECT 3`. */
  tags: string[];
  started_ms: number;
  /** null: still running when the capture ended. */
  ended_ms: number | null;
  rows: Rows | null;
  /** Why it cannot be replayed; null: it can. */
  skipReason: string | null;
};

/** What a capture keeps. It is bounded: the application may be under load. */
export type CaptureLog = {
  /** In the order they were sent. */
  statements: CapturedStatement[];
  /** Sentences for the user. */
  notes: Set<string>;
  bytes: number;
  /** Sessions that began after the first statement. */
  opened: number;
  /** Adds a statement, while there is room. */
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
