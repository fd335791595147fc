import type {AssessmentFacts} from './assessment-facts.ts';
import type {JournalDraft, JournalEntry, ProcessIdentity} from './journal-entry.ts';
import type {Finding, Severity} from './recipe.ts';
import type {ActedAs, HarmAfter, RunHarm, SlotUsage, StepProgress} from './run.ts';
import type {Snapshot} from './snapshot.ts';
import type {FileReplacement, Pins, Sql, SqlStep, Step, Verification} from './step.ts';
import type {ServerIdentity} from './target.ts';

/** Interfaces that the console and the commands receive as arguments instead of importing their implementation. */

/** A snapshot, or why there is none right now. The sampler itself never throws. */
export type SampleEvent =
  /** `viaRescueUrl`: every slot was taken, so that poolctl connected to the rescue URL. */
  | {kind: 'snapshot'; snapshot: Snapshot; viaRescueUrl?: boolean}
  /** `retry_in_ms`: null where it connects again only when `refresh` is called. */
  | {kind: 'lost'; message: string; hint?: string; retry_in_ms: number | null; sqlstate: string | null};

export type Sampler = {
  /** Ends when `signal` aborts. The next tick starts after the last ended. */
  events(signal: AbortSignal): AsyncIterable<SampleEvent>;
  setInterval(interval_ms: number): void;
  /** The wait between reads: longer than the set interval if reading is slow. */
  effectiveIntervalMs(): number;
  /**
   * Whether statements are shown, and so read at each tick; `texts`: the keys of those whose texts to fetch. `server`: what the
   * Server view shows is read while it is shown, rarely for a recording, or of the host only; null for none of it.
   */
  setVisible(options: {
    statements: boolean;
    texts: string[];
    server?: 'shown' | 'recorded' | 'host' | null;
  }): void;
  /** Reads everything now, including what is read rarely, or connects again; called after a change, and by the user. */
  refresh(): void;
};

/** Executes SQL over a connection of its own, opened only for that. */
export type Executor = {
  /**
   * Names the server, before anything else. A connection to another server, or to another start of this one, is closed
   * before a step is sent: AbortError (exit 6).
   */
  bind(server: ServerIdentity): void;
  /** `row_count` is null for a command that returns no rows, 0 if the step's guard did not hold. */
  apply(step: Executable): Promise<ExecutionResult>;
  /** Polls until the verification holds (true) or `timeout_ms` has passed (false). */
  verify(verification: Verification, timeout_ms: number): Promise<boolean>;
  /** Runs a query in a read-only transaction and returns its rows. */
  read(query: Sql, timeout_ms: number): Promise<Record<string, unknown>[]>;
  /** EXPLAIN of a statement, line by line; absent if plans cannot be read. */
  explain?(statement: string): Promise<string[]>;
  /** Role and version of the open connection; null without one. */
  actsAs?(): ActedAs | null;
  /** Cancels the statement that `apply` is executing; `apply` then rejects with 57014. */
  cancel(): Promise<void>;
  close(): Promise<void>;
};

/** `objection`: the text that the guard returned instead of the expected one. */
export type ExecutionResult = {
  row_count: number | null;
  rows: Record<string, unknown>[];
  objection?: string | null;
  /** What the step's `pins` query returned; null if it failed. */
  pins?: Pins | null;
  /** Why an `afterwards` statement failed; the step itself is done. */
  incomplete?: string | null;
};

/** The members of a step that its execution needs. */
export type Executable = Pick<
  SqlStep,
  'afterwards' | 'apply' | 'guard' | 'pins' | 'proof' | 'settings' | 'timeout_ms' | 'transaction'
> &
  Partial<Pick<SqlStep, 'verify'>>;

/**
 * Reads and replaces files, as text that preserves every byte (`decodeBytes`). Throws AbortError (exit 7) if the system
 * refuses, and for another user's file, a file with hard links, and what is not a regular file.
 */
export type Files = {
  /** This machine's name: the same path on another machine is another file. */
  host: string;
  /** Null if there is no such file. */
  read(path: string): Promise<string | null>;
  /** Replaces the file atomically. Returns false, without changes, if its content is not `before`. */
  replace(path: string, replacement: FileReplacement): Promise<boolean>;
};

export type Journal = {
  file: string;
  /** Resolves when the entry is on disk (fsync). Throws AbortError (exit 8) if it cannot be written. */
  append(draft: JournalDraft): Promise<JournalEntry>;
  /** Every entry. Throws AbortError (exit 8) unless the whole chain verifies, since callers act on them. */
  read(): Promise<JournalEntry[]>;
};

export type Clock = {now(): Date; sleep(ms: number, signal?: AbortSignal): Promise<void>};

/** SHA-256 of the text's UTF-8 bytes, in hex. Injected, because core does not import from Node. */
export type Sha256 = (text: string) => string;

/** When a snapshot was taken (server's clock) and its worst severity. */
export type RecordedAt = {at_ms: number; severity: Severity | null};

/** When the server could not be read (poolctl's clock) and why. */
export type ReadFailure = {at_ms: number; message: string};

/** A time without a snapshot: from the last one to the next, null if there is none. By the server's clock. */
export type Outage = {at_ms: number; until_ms: number | null; message: string};

/** A recorded snapshot with the facts of its assessment, and the recipes' findings from data that is not recorded; absent if none were read. */
export type RecordedSnapshot = Snapshot & {facts?: AssessmentFacts; fact_findings?: readonly Finding[]};

/** Recorded snapshots: of the last hour, or of a file. */
export type Recording = {
  /** Oldest first. */
  times(): readonly RecordedAt[];
  outages(): readonly Outage[];
  /** The snapshots from one index of `times()` to another, both included. */
  read(from: number, to: number): Promise<RecordedSnapshot[]>;
};

/** A recording in memory that grows while it is read. */
export type SnapshotBuffer = Recording & {
  add(reading: RecordedSnapshot, severity: Severity | null): void;
  addFailure(loss: ReadFailure): void;
  /** Resolves when everything added so far can be read. */
  flushed(): Promise<unknown>;
  /** Writes the recording to a file, by default with a generated name, and returns its path. */
  save(file: string | null): Promise<string>;
};

export type StepPorts = {
  executor: Executor;
  clock: Clock;
  /** Absent if the caller writes no files; a plan with a file step is then a bug. */
  files?: Files;
  /** Progress of a step that has a progress view; null if the server reports none. */
  progress?(step: SqlStep): Promise<StepProgress | null>;
};

/** Whether a step may still be executed. */
export type Recheck =
  | {kind: 'go'}
  | {kind: 'skip'; reason: string; is_met?: true}
  | {kind: 'stop'; reason: string};

export type EnginePorts = StepPorts & {
  /** Where the user forbids every act: `--read-only`; the run ends before its first step. */
  read_only?: string;
  journal: Journal;
  sha256: Sha256;
  /** Reads slot usage; called before each batch and after the last. */
  slots(): Promise<SlotUsage>;
  /** Called right before each step, in addition to the guard inside its statement. */
  recheck?(step: Step): Promise<Recheck>;
  /** The harm that the plan answers; absent if none was seen. `after` reads what is left of each, for some seconds. */
  harm?: {before: RunHarm[]; after(signal: AbortSignal): Promise<HarmAfter[]>};
};

export type RunIdentity = {
  /** The run's id, unique in the journal. */
  run: string;
  /** `user@host` that runs poolctl. */
  actor: string;
  /** The target's id. */
  target: string;
  /** The server that the plan was made for; nothing is executed on another. */
  server: ServerIdentity;
  /** Lets other processes see whether the run is still in progress. */
  process?: ProcessIdentity;
};
