import type {Call} from '../../cli/call/usage.ts';
import type {CliContext} from '../../cli/context.ts';
import {withRunSession} from '../../cli/execution/engine-context.ts';
import {
  type ConsentFlags,
  type ExecutePorts,
  executePlan,
  readConsentFlags,
  requireConsent,
} from '../../cli/execution/execute-plan.ts';
import {locateServer} from '../../cli/locate-server.ts';
import {refuseOnStandby} from '../../core/engine/plan.ts';
import {slotsOf} from '../../core/engine/run-state.ts';
import {findRun, planUndo} from '../../core/engine/undo.ts';
import {AbortError, exitCodes, usageError} from '../../core/errors.ts';
import {serverOf} from '../../core/server/server-identity.ts';
import type {JournalEntry} from '../../model/journal-entry.ts';
import type {ExitCode} from '../../model/run.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import type {usage} from './flags.ts';

export type UndoPorts = ExecutePorts & {
  /** Reads a new snapshot. */
  read(): Promise<Snapshot>;
  /** The runs that a process is executing right now, with its pid. */
  underWay?(entries: readonly JournalEntry[]): ReadonlyMap<string, number>;
};

/** `poolctl undo <run> [url]`. */
export async function run(
  context: CliContext,
  {words: [id, url], flags}: Call<typeof usage>,
): Promise<ExitCode> {
  const request = await locateServer(context, {url, flags});
  return withRunSession(context, request, flags, session => undoRun(session, id, readConsentFlags(flags)));
}

/** Undoes a run with only its journal entries, so it works later or on another machine with the same journal. */
export async function undoRun(
  ports: UndoPorts,
  id: string | undefined,
  flags: ConsentFlags,
): Promise<ExitCode> {
  if (id === undefined) {
    throw usageError('undo needs a run', "'poolctl journal list' lists the runs.");
  }
  requireConsent(ports, flags);
  const entries = await ports.engine.journal.read();
  const journaled = findRun(entries, id);
  const acting_pid = ports.underWay?.(entries).get(journaled.run.run) ?? null;
  const {target} = await ports.read();
  const server = serverOf(target);
  if (target.id !== journaled.run.target) {
    throw new AbortError(
      `run ${journaled.run.run} was on ${journaled.run.target}, this server is ${target.id}, nothing was executed`,
      {hint: 'Give the URL of that server.', exitCode: exitCodes.drift},
    );
  }
  const drift = {slots: async () => slotsOf((await ports.read()).budget)};
  const {files} = ports.engine;
  const undo = planUndo(journaled, {server, acting_pid, host: files?.host ?? null});
  const plan = refuseOnStandby(undo, target);
  return executePlan(ports, plan, {target, drift}, flags);
}
