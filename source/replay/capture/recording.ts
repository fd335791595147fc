/** A column of a result. */
export type Field = {name: string; oid: number};

/** The first rows of a result, as they were on the wire. */
export type Rows = {
  fields: readonly Field[];
  /** 0 text, 1 binary; one for all columns, or one each; none: all text. */
  formats: readonly number[];
  /** undefined: too long to be kept. */
  cells: (Buffer | null | undefined)[][];
  /** Nothing of it was passed over so far. */
  isWhole: boolean;
};

/** What a client bound to a statement's parameters. */
export type Bound = {
  /** As the client declared them, 0 where it left that to the server. */
  declared: readonly number[];
  /** As the server took them, where the client asked; else null. */
  inferred: readonly number[] | null;
  formats: readonly number[];
  values: readonly (Buffer | null)[];
};

/** One message that makes a server run something: a simple query, or an Execute. */
export type Recorded = {
  connection: number;
  /** Those of one connection with the same one were sent as one, with one Sync behind them. */
  segment: number;
  text: string;
  /** null: a simple query, which may hold several statements. */
  bound: Bound | null;
  /** CommandComplete's, one for each statement that ran: `SELECT 3`. */
  tags: string[];
  started_ms: number;
  /** null: it had no end while captured. */
  ended_ms: number | null;
  rows: Rows | null;
  /** Why it cannot be replayed; null: it can. */
  leftOut: string | null;
};

/** What a capture keeps, bounded: a benchmark may be on the other side. */
export type Recording = {
  /** In the order in which they were sent. */
  statements: Recorded[];
  /** What else the user should know, once each. */
  notes: Set<string>;
  bytes: number;
  /** Sessions that began when something was recorded already. */
  opened: number;
  /** Keeps a statement while there is room. */
  add(statement: Recorded, bytes: number): void;
  /** Forgets everything so far. */
  clear(): void;
};

const mostStatements = 10_000;
const mostBytes = 64 * 1024 * 1024;

export function createRecording(): Recording {
  const recording: Recording = {
    statements: [],
    notes: new Set(),
    bytes: 0,
    opened: 0,
    add(statement, bytes) {
      const isFull = recording.statements.length >= mostStatements || recording.bytes >= mostBytes;
      if (isFull) {
        recording.notes.add(
          `the capture was full: it holds the first ${recording.statements.length} statements`,
        );
        return;
      }
      recording.statements.push(statement);
      recording.bytes += bytes;
    },
    clear() {
      recording.statements = [];
      recording.notes.clear();
      recording.bytes = 0;
      recording.opened = 0;
    },
  };
  return recording;
}
