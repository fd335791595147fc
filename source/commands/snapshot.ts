import {type ExitCode, exitCodes} from '../core/errors.ts';
import type {Output} from '../core/ports.ts';
import type {Snapshot} from '../core/snapshot.ts';

export type SnapshotPorts = {
  /** One whole reading; with `rates_over_ms`, of two that far apart. */
  read(options: {rates_over_ms: number | null}): Promise<Snapshot>;
  output: Output;
};

/**
 * Prints one Snapshot as JSON, indented for a person's terminal and on one line for a pipe. Exit 0; what could not
 * be read is in `unavailable`, and said on stderr too.
 */
export async function snapshot(
  {read, output}: SnapshotPorts,
  flags: {rates_over_ms: number | null},
): Promise<ExitCode> {
  const {schema_version, ...reading} = await read(flags);
  output.data(JSON.stringify({schema_version, ...reading}, null, output.isTty ? 2 : 0));
  for (const {section, reason, remedy} of reading.unavailable) {
    output.talk(`${section}: ${reason}. ${remedy}`);
  }
  return exitCodes.ok;
}
