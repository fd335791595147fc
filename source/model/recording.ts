import type {Finding, Severity} from './finding.ts';
import type {Snapshot} from './snapshot.ts';

/** When a reading was taken, by the server's clock, and the worst that was found in it. */
export type Moment = {at_ms: number; severity: Severity | null};

/** When the server could not be read, by poolctl's clock, and why. */
export type Loss = {at_ms: number; message: string};

/** A reading that was kept, with what was found in the facts of then; absent where none were read. */
export type Kept = Snapshot & {told_by_facts?: readonly Finding[]};

/** Readings that were kept: those of the last hour, or of a recording. */
export type Tape = {
  /** The oldest first. */
  moments(): readonly Moment[];
  losses(): readonly Loss[];
  /** The readings of the moments from one index to another, both included. */
  read(from: number, to: number): Promise<Kept[]>;
};

/** A tape that readings are added to while it is looked at. */
export type KeptTape = Tape & {
  keep(reading: Kept, severity: Severity | null): void;
  lose(loss: Loss): void;
  /** Resolves when everything that was handed in can be read. */
  settled(): Promise<unknown>;
  /** Writes all of it to a file, whose name is made up where none is given. Resolves to its path. */
  writeOut(file: string | null): Promise<string>;
};
