import type {DriftPorts} from '../../core/engine/drift.ts';
import {serverOf} from '../../core/server/server-identity.ts';
import type {JournalEntry} from '../../model/journal-entry.ts';
import type {ExitCode} from '../../model/run.ts';
import type {Connection} from '../../postgres/connect/connect.ts';
import type {ConnectionRequest} from '../../postgres/connect/request.ts';
import type {FlagValues} from '../call/command.ts';
import type {consentFlags} from '../call/shared-flags.ts';
import {connectToWatch, readSnapshot} from '../connection.ts';
import {type CliContext, createPrompt, printMessage} from '../context.ts';
import {catchInterrupts} from '../interrupts.ts';
import {loadRecipeData} from '../recipe-data.ts';
import {openEngine, recoverUnfinishedRuns} from './engine-context.ts';
import type {ConsentFlags, ExecutePorts} from './execute-plan.ts';

export type RunSession = ExecutePorts &
  DriftPorts & {
    /** The runs that a process is executing right now, with its pid. */
    underWay(entries: readonly JournalEntry[]): ReadonlyMap<string, number>;
  };

type SessionFlags = {
  wait?: string | undefined;
  journal?: string | undefined;
  dryRun?: boolean | undefined;
};

/** Runs `work` with the ports to execute a plan. The first snapshot also recovers unfinished runs. */
export async function withRunSession(
  context: CliContext,
  request: ConnectionRequest,
  flags: SessionFlags,
  work: (session: RunSession) => Promise<ExitCode>,
): Promise<ExitCode> {
  let watching: Connection | null = null;
  const {engine, identity} = openEngine(context, request, {flags, watching: () => watching});
  const {signal, release} = catchInterrupts(context, {within_ms: 10_000});
  const connection = async () => {
    watching ??= await connectToWatch(context, request, {flags, signal, willExecute: true});
    return watching;
  };
  // After an interruption poolctl still counts the slots, for the journal's last entry.
  const readSignal = () => (signal.aborted ? neverAborted : signal);
  let isRecovered = false;
  const read = async () => {
    const snapshot = await readSnapshot(await connection(), {signal: readSignal()});
    if (!isRecovered) {
      isRecovered = true;
      const {target} = snapshot;
      const here = {
        ...identity,
        target: target.id,
        server: serverOf(target),
        isDryRun: flags.dryRun ?? false,
      };
      await recoverUnfinishedRuns(engine, here, text => printMessage(context.output, text));
    }
    return snapshot;
  };
  try {
    return await work({
      read,
      load: async needs => loadRecipeData(await connection(), needs),
      underWay: engine.journal.underWay,
      engine,
      identity,
      ask: createPrompt(context, signal),
      output: context.output,
      signal,
    });
  } finally {
    await engine.executor.close();
    await (watching as Connection | null)?.close();
    release();
  }
}

const neverAborted = new AbortController().signal;

export function readConsentFlags(
  flags: FlagValues<typeof consentFlags> & {sameServer?: boolean | undefined; json?: boolean | undefined},
): ConsentFlags {
  return {
    dryRun: flags.dryRun ?? false,
    yes: flags.yes ?? false,
    yesIrreversible: flags.yesIrreversible ?? false,
    sameServer: flags.sameServer ?? false,
    approve: flags.approve ?? null,
    json: flags.json ?? false,
  };
}
