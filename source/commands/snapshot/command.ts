import {type Call, jsonFlag, ratesFlag, serverFlags, type Usage} from '../../cli/call/usage.ts';
import {readSnapshot, withConnection} from '../../cli/connection.ts';
import type {CliContext, Output} from '../../cli/context.ts';
import {readRates} from '../../cli/flag-values.ts';
import {locateServer} from '../../cli/locate-server.ts';
import {exitCodes} from '../../core/errors.ts';
import {jsonText} from '../../core/text/json.ts';
import type {ExitCode} from '../../model/run.ts';
import type {Snapshot, Statement} from '../../model/snapshot.ts';

export const usage = {
  name: 'snapshot',
  summary: 'Print one snapshot of the server as JSON',
  arguments: [{shown: '[url]'}],
  flags: {
    ...ratesFlag,
    json: {...jsonFlag.json, help: 'No effect: the output is always JSON'},
    ...serverFlags,
  },
  details: [],
} as const satisfies Usage;

/** `poolctl snapshot [url]`: prints a snapshot; with `--rates`, the second of two with the rates between them. */
export async function run(context: CliContext, {words: [url], flags}: Call<typeof usage>): Promise<ExitCode> {
  const request = await locateServer(context, {url, flags});
  const rates_over_ms = readRates(flags);
  return withConnection(context, request, flags, async (connection, signal) => {
    printSnapshot(await readSnapshot(connection, {rates_over_ms, signal}), context.output);
    return exitCodes.ok;
  });
}

/** Prints JSON, indented on a terminal. Reports unavailable sections on stderr, too. */
export function printSnapshot(snapshot: Snapshot, output: Output): void {
  output.stdout(jsonText(snapshotDocument(snapshot), output.isTty ? 2 : 0));
  for (const {section, reason, remedy} of snapshot.unavailable) {
    output.stderr(`${section}: ${reason}. ${remedy}`);
  }
}

/** The documented JSON: `schema_version` comes first, and rates are next to their counters. */
export function snapshotDocument({schema_version, ...snapshot}: Snapshot) {
  return {
    schema_version,
    ...snapshot,
    statements: snapshot.statements.map(flattenStatement),
    databases: snapshot.databases.map(({rates, ...database}) => ({...database, ...rates})),
  };
}

/** Adds `interval_` to mean and deviation of the interval, as those since the reset have the same names. */
function flattenStatement({rates, ...statement}: Statement) {
  if (rates === undefined) return statement;
  const {mean_exec_time_ms, stddev_exec_time_ms, ...perSecond} = rates;
  return {
    ...statement,
    ...perSecond,
    interval_mean_exec_time_ms: mean_exec_time_ms,
    interval_stddev_exec_time_ms: stddev_exec_time_ms,
  };
}
