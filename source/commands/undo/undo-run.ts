import {
  type ConsentFlags,
  type ExecutePorts,
  executePlan,
  requireConsent,
} from '../../cli/execution/execute-plan.ts';
import {refuseOnStandby} from '../../core/engine/plan.ts';
import {slotsOf} from '../../core/engine/run-state.ts';
import {findRun, planUndo} from '../../core/engine/undo.ts';
import {AbortError, exitCodes, usageError} from '../../core/errors.ts';
import {serverOf} from '../../core/server/server-identity.ts';
import type {JournalEntry} from '../../model/journal-entry.ts';
import type {ExitCode} from '../../model/run.ts';
import type {Snapshot} from '../../model/snapshot.ts';

export type UndoPorts = ExecutePorts & {
  /** A fresh reading at every call. */
  read(): Promise<Snapshot>;
  /** The runs that a process is at right now, with its pid. */
  underWay?(entries: readonly JournalEntry[]): ReadonlyMap<string, number>;
};

/** Takes a run back from its journal alone: another day, another machine with the same journal. */
export async function undoRun(
  ports: UndoPorts,
  id: string | undefined,
  flags: ConsentFlags,
): Promise<ExitCode> {
  if (id === undefined) {
    throw usageError('undo: which run?', "'poolctl journal list' names the runs");
  }
  requireConsent(ports, flags);
  const entries = await ports.engine.journal.read();
  const journaled = findRun(entries, id);
  const acting_pid = ports.underWay?.(entries).get(journaled.run.run) ?? null;
  const {target} = await ports.read();
  const server = serverOf(target);
  if (target.id !== journaled.run.target) {
    throw new AbortError(
      `run ${journaled.run.run} was on ${journaled.run.target}, this is ${target.id}: nothing was done`,
      {hint: 'Give the address of that server.', exitCode: exitCodes.drift},
    );
  }
  const world = {slots: async () => slotsOf((await ports.read()).budget)};
  const {files} = ports.engine;
  const undo = planUndo(journaled, {server, acting_pid, host: files?.host ?? null});
  const plan = refuseOnStandby(undo, target);
  return executePlan(ports, plan, {target, world}, flags);
}
