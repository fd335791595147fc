import type {JournalDraft, JournalEntry} from './journal.ts';
import type {Sql, Verification} from './recipe.ts';
import type {Snapshot} from './snapshot.ts';

/** What console and commands are given instead of importing it: the arrows of the house, as types. */

/** A reading, or why there is none right now. The sampler itself never throws. */
export type Reading =
  | {kind: 'snapshot'; snapshot: Snapshot}
  | {kind: 'lost'; message: string; hint?: string; retry_in_ms: number; sqlstate: string | null};

export type Sampler = {
  /** Ends when `signal` aborts. The next tick starts after the last ended. */
  readings(signal: AbortSignal): AsyncIterable<Reading>;
  setInterval(interval_ms: number): void;
  /** What it waits between readings now: more than was asked for when reading is dear. */
  effectiveIntervalMs(): number;
  /** Which statements' texts to fetch, by `queryid`; and whether statements are on show (read each tick). */
  show(options: {statements: boolean; queryids: string[]}): void;
  /** Read now instead of at the next tick. */
  nudge(): void;
};

export type StepResult = {
  outcome: 'verified' | 'applied' | 'failed' | 'skipped';
  /** Rows the acting statement returned: 0 means that the guard in it did not match. */
  row_count: number;
  sqlstate: string | null;
  message: string | null;
  duration_ms: number;
};

/** Carries out SQL on a connection of its own, opened only to act. */
export type Executor = {
  apply(
    sql: Sql,
    options: {timeout_ms: number; transaction: boolean},
  ): Promise<{row_count: number; rows: Record<string, unknown>[]}>;
  /** Polls until it holds or `timeout_ms` is over. */
  verify(verification: Verification, timeout_ms: number): Promise<boolean>;
  close(): Promise<void>;
};

export type Journal = {
  file: string;
  /** On disk (fsync) when it resolves; throws AbortError (exit 8) when it cannot be. */
  append(draft: JournalDraft): Promise<JournalEntry>;
  read(): Promise<JournalEntry[]>;
};

export type Clock = {now(): Date; sleep(ms: number, signal?: AbortSignal): Promise<void>};

/** Where a command writes: stdout is data, stderr is talk. */
export type Output = {
  data(text: string): void;
  talk(text: string): void;
  isTty: boolean;
  columns: number;
  hasColour: boolean;
};
