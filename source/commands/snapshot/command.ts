import type {Output} from '../../cli/context.ts';
import {exitCodes} from '../../core/errors.ts';
import {jsonText} from '../../core/text/json.ts';

import type {ExitCode} from '../../model/run.ts';
import type {Snapshot, Statement} from '../../model/snapshot.ts';

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
  const reading = await read(flags);
  output.stdout(jsonText(toDocument(reading), output.isTty ? 2 : 0));
  for (const {section, reason, remedy} of reading.unavailable) {
    output.stderr(`${section}: ${reason}. ${remedy}`);
  }
  return exitCodes.ok;
}

/** The contract has rates beside the counters they are of, and `schema_version` first. */
function toDocument({schema_version, ...reading}: Snapshot): Record<string, unknown> {
  return {
    schema_version,
    ...reading,
    statements: reading.statements.map(flattenStatement),
    databases: reading.databases.map(({rates, ...database}) => ({...database, ...rates})),
  };
}

/** Mean and deviation exist twice: since the counters were reset, and within the interval. */
function flattenStatement({rates, ...statement}: Statement): Record<string, unknown> {
  if (rates === undefined) return statement;
  const {mean_exec_time_ms, stddev_exec_time_ms, ...perSecond} = rates;
  return {
    ...statement,
    ...perSecond,
    interval_mean_exec_time_ms: mean_exec_time_ms,
    interval_stddev_exec_time_ms: stddev_exec_time_ms,
  };
}
