import type {Finding, Severity} from './finding.ts';
import type {Snapshot} from './snapshot.ts';

/** When a reading was taken, by the server's clock, and the worst that was found in it. */
export type RecordedAt = {at_ms: number; severity: Severity | null};

/** When the server could not be read, by poolctl's clock, and why. */
export type ReadFailure = {at_ms: number; message: string};

/** A reading that was kept, with what was found in the facts of then; absent where none were read. */
export type RecordedSnapshot = Snapshot & {fact_findings?: readonly Finding[]};

/** Readings that were kept: those of the last hour, or of a recording. */
export type Recording = {
  /** The oldest first. */
  times(): readonly RecordedAt[];
  failures(): readonly ReadFailure[];
  /** The readings of the moments from one index to another, both included. */
  read(from: number, to: number): Promise<RecordedSnapshot[]>;
};

/** A tape that readings are added to while it is looked at. */
export type SnapshotBuffer = Recording & {
  add(reading: RecordedSnapshot, severity: Severity | null): void;
  addFailure(loss: ReadFailure): void;
  /** Resolves when everything that was handed in can be read. */
  flushed(): Promise<unknown>;
  /** Writes all of it to a file, whose name is made up where none is given. Resolves to its path. */
  save(file: string | null): Promise<string>;
};
