import type {JournalDraft, JournalEntry} from './journal-entry.ts';
import type {ActedAs} from './run.ts';
import type {Snapshot} from './snapshot.ts';
import type {FileReplacement, Pins, Sql, SqlStep, Verification} from './step.ts';
import type {ServerIdentity} from './target.ts';

/** What console and commands are given instead of importing it: the arrows of the house, as types. */

/** A snapshot, or why there is none right now. The sampler itself never throws. */
export type SampleEvent =
  /** `viaRescueUrl`: every slot was taken, so that poolctl connected to the rescue URL. */
  | {kind: 'snapshot'; snapshot: Snapshot; viaRescueUrl?: boolean}
  | {kind: 'lost'; message: string; hint?: string; retry_in_ms: number; sqlstate: string | null};

export type Sampler = {
  /** Ends when `signal` aborts. The next tick starts after the last ended. */
  events(signal: AbortSignal): AsyncIterable<SampleEvent>;
  setInterval(interval_ms: number): void;
  /** How long it waits between reads: longer than `setInterval` says where reading is slow. */
  effectiveIntervalMs(): number;
  /** Whether statements are visible, and so read at each tick; and whose texts to fetch, by `queryid`. */
  setVisible(options: {statements: boolean; queryids: string[]}): void;
  /** Reads everything now, also what is read rarely, as a change was made. */
  refresh(): void;
};

/** Executes SQL over a connection of its own, opened only for that. */
export type Executor = {
  /**
   * Names the server, before anything else. A connection to another server, or to another start of this one, is closed
   * before a step is sent: AbortError (exit 6).
   */
  bind(server: ServerIdentity): void;
  /** `row_count` is null for a command that returns no rows, 0 where the step's guard did not hold. */
  apply(step: Executable): Promise<ExecutionResult>;
  /** Polls until it holds or `timeout_ms` is over. */
  verify(verification: Verification, timeout_ms: number): Promise<boolean>;
  /** Rows of a query that changes nothing. */
  read(query: Sql, timeout_ms: number): Promise<Record<string, unknown>[]>;
  /** The plan the server would choose for a statement, line by line; absent where nobody can be asked for it. */
  explain?(statement: string): Promise<string[]>;
  /** As whom it acts on the connection that is open now; null where none is. */
  actsAs?(): ActedAs | null;
  /** Cancels what `apply` is running now; `apply` then rejects with 57014. */
  cancel(): Promise<void>;
  close(): Promise<void>;
};

/** `objection` is what the guard said instead of what it was to say, where that is a text. */
export type ExecutionResult = {
  row_count: number | null;
  rows: Record<string, unknown>[];
  objection?: string | null;
  /** What the step's `pins` read; null where that could not be read. */
  pins?: Pins | null;
  /** Why what is run `afterwards` failed: the act itself is done. */
  incomplete?: string | null;
};

/** What of a step is needed to carry it out. */
export type Executable = Pick<
  SqlStep,
  'afterwards' | 'apply' | 'guard' | 'pins' | 'proof' | 'settings' | 'timeout_ms' | 'transaction'
>;

/**
 * Files as steps change them, as text that keeps their bytes (`decodeBytes`). Throws AbortError (exit 7) on what the
 * system refuses, and on what cannot be replaced as it stands: another's file, hard links, what is no file.
 */
export type Files = {
  /** The name of this machine: the same path elsewhere is another file. */
  host: string;
  /** null where there is no such file. */
  read(path: string): Promise<string | null>;
  /** Whole or not at all. False, and nothing done, where the file does not hold `before` any more. */
  replace(path: string, replacement: FileReplacement): Promise<boolean>;
};

export type Journal = {
  file: string;
  /** On disk (fsync) when it resolves; throws AbortError (exit 8) when it cannot be. */
  append(draft: JournalDraft): Promise<JournalEntry>;
  /** Every entry. Throws AbortError (exit 8) unless the whole chain verifies: acts follow from what is read. */
  read(): Promise<JournalEntry[]>;
};

export type Clock = {now(): Date; sleep(ms: number, signal?: AbortSignal): Promise<void>};

/** SHA-256 of the text's UTF-8 bytes, in hex. Injected: core imports nothing of Node. */
export type Sha256 = (text: string) => string;
