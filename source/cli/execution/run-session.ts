import {runRecipe} from '../../commands/run/run-recipe.ts';
import {type UndoPorts, undoRun} from '../../commands/undo/undo-run.ts';
import type {DriftPorts} from '../../core/engine/drift.ts';
import {serverOf} from '../../core/server/server-identity.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {ExitCode} from '../../model/run.ts';
import type {Connection} from '../../postgres/connect/connect.ts';
import type {ConnectionRequest} from '../../postgres/connect/request.ts';
import type {Call, Flags} from '../call/parse-call.ts';
import {connectToWatch, readSnapshot} from '../connection.ts';
import type {CliContext} from '../context.ts';
import {catchInterrupts} from '../interrupts.ts';
import {prompt} from '../prompt.ts';
import {loadRecipeData} from '../recipe-data.ts';
import {loadRecipes} from '../recipes.ts';
import {openEngine} from './engine-context.ts';
import type {ConsentFlags} from './execute-plan.ts';
import {recoverUnfinishedRuns} from './recover-unfinished-runs.ts';

/** A recipe without the console. */
export async function runNamedRecipe(
  context: CliContext,
  request: ConnectionRequest,
  {words: [id], flags}: Call,
): Promise<ExitCode> {
  const {recipes, skipped: left_out} = await loadRecipes(flags, request.settings);
  for (const text of left_out) context.output.stderr(sanitise(`poolctl: ${text}`));
  return withRunSession(context, request, flags, ports =>
    runRecipe({...ports, recipes}, id, {...readConsentFlags(flags), set: flags.set ?? []}),
  );
}

/** Takes back what an earlier run did. */
export function undoNamedRun(
  context: CliContext,
  request: ConnectionRequest,
  {words: [id], flags}: Call,
): Promise<ExitCode> {
  return withRunSession(context, request, flags, ports => undoRun(ports, id, readConsentFlags(flags)));
}

function readConsentFlags(flags: Flags): ConsentFlags {
  return {
    dryRun: flags.dryRun ?? false,
    yes: flags.yes ?? false,
    yesIrreversible: flags.yesIrreversible ?? false,
    sameServer: flags.sameServer ?? false,
    approve: flags.approve ?? null,
    json: flags.json ?? false,
  };
}

/** What earlier runs left unknown is settled or told before anything else. */
async function withRunSession(
  context: CliContext,
  request: ConnectionRequest,
  flags: Flags,
  work: (ports: UndoPorts & DriftPorts) => Promise<ExitCode>,
): Promise<ExitCode> {
  let watching: Connection | null = null;
  const {engine, identity} = openEngine(context, request, {flags, watching: () => watching});
  const {signal, release} = catchInterrupts(context, {within_ms: 10_000});
  const connection = async () => {
    watching ??= await connectToWatch(context, request, {flags, signal, acts: true});
    return watching;
  };
  // After an interruption the slots are still counted, for the journal's last entry.
  const readSignal = () => (signal.aborted ? never : signal);
  let isSettled = false;
  const read = async () => {
    const snapshot = await readSnapshot(await connection(), {signal: readSignal()});
    if (!isSettled) {
      isSettled = true;
      const tell = (text: string) => context.output.stderr(sanitise(`poolctl: ${text}`));
      const {target} = snapshot;
      const where = {target: target.id, server: serverOf(target)};
      const acting = {...identity, ...where, isDryRun: flags.dryRun ?? false};
      await recoverUnfinishedRuns(engine, acting, tell);
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
      ask: context.stdin.isTTY ? question => prompt(context, question, signal) : undefined,
      output: context.output,
      signal,
    });
  } finally {
    await engine.executor.close();
    await (watching as Connection | null)?.close();
    release();
  }
}

const never = new AbortController().signal;
