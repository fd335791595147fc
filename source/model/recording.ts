import type {Finding, Severity} from './finding.ts';
import type {Snapshot} from './snapshot.ts';

/** When a snapshot was taken (server's clock) and its worst severity. */
export type RecordedAt = {at_ms: number; severity: Severity | null};

/** When the server could not be read (poolctl's clock) and why. */
export type ReadFailure = {at_ms: number; message: string};

/** A recorded snapshot with the findings from facts at that time; absent if no facts were read. */
export type RecordedSnapshot = Snapshot & {fact_findings?: readonly Finding[]};

/** Recorded snapshots: of the last hour, or of a file. */
export type Recording = {
  /** Oldest first. */
  times(): readonly RecordedAt[];
  failures(): readonly ReadFailure[];
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
