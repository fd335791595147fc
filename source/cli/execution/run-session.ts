import {runRecipe} from '../../commands/run/run-recipe.ts';
import {type UndoPorts, undoRun} from '../../commands/undo/undo-run.ts';
import type {WorldPorts} from '../../core/engine/drift.ts';
import {serverOf} from '../../core/server/server-identity.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {ExitCode} from '../../model/run.ts';
import type {Connection} from '../../postgres/connect/connect.ts';
import type {ConnectionRequest} from '../../postgres/connect/request.ts';
import type {Call, Flags} from '../call/parse-call.ts';
import {connectToWatch, readFrom} from '../connection.ts';
import type {Shell} from '../context.ts';
import {takeInterrupts} from '../interrupts.ts';
import {ask} from '../prompt.ts';
import {gatherExplained} from '../recipe-data.ts';
import {recipesFor} from '../recipes.ts';
import {openEngine} from './engine-context.ts';
import type {ConsentFlags} from './execute-plan.ts';
import {settleEarlier} from './recover-unfinished-runs.ts';

/** A recipe without the console. */
export async function runNamedRecipe(
  shell: Shell,
  request: ConnectionRequest,
  {words: [id], flags}: Call,
): Promise<ExitCode> {
  const {recipes, left_out} = await recipesFor(flags, request.settings);
  for (const text of left_out) shell.output.talk(sanitise(`poolctl: ${text}`));
  return withPorts(shell, request, flags, ports =>
    runRecipe({...ports, recipes}, id, {...consentOf(flags), set: flags.set ?? []}),
  );
}

/** Takes back what an earlier run did. */
export function undoNamedRun(
  shell: Shell,
  request: ConnectionRequest,
  {words: [id], flags}: Call,
): Promise<ExitCode> {
  return withPorts(shell, request, flags, ports => undoRun(ports, id, consentOf(flags)));
}

function consentOf(flags: Flags): ConsentFlags {
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
async function withPorts(
  shell: Shell,
  request: ConnectionRequest,
  flags: Flags,
  work: (ports: UndoPorts & WorldPorts) => Promise<ExitCode>,
): Promise<ExitCode> {
  let watching: Connection | null = null;
  const {engine, identity} = openEngine(shell, request, {flags, watching: () => watching});
  const {signal, release} = takeInterrupts(shell, {within_ms: 10_000});
  const connection = async () => {
    watching ??= await connectToWatch(shell, request, {flags, signal, acts: true});
    return watching;
  };
  // After an interruption the slots are still counted, for the journal's last entry.
  const readSignal = () => (signal.aborted ? never : signal);
  let isSettled = false;
  const read = async () => {
    const snapshot = await readFrom(await connection(), {signal: readSignal()});
    if (!isSettled) {
      isSettled = true;
      const tell = (text: string) => shell.output.talk(sanitise(`poolctl: ${text}`));
      const {target} = snapshot;
      const where = {target: target.id, server: serverOf(target)};
      const acting = {...identity, ...where, isDryRun: flags.dryRun ?? false};
      await settleEarlier(engine, acting, tell);
    }
    return snapshot;
  };
  try {
    return await work({
      read,
      gather: async needs => gatherExplained(await connection(), needs),
      underWay: engine.journal.underWay,
      engine,
      identity,
      ask: shell.stdin.isTTY ? question => ask(shell, question, signal) : undefined,
      output: shell.output,
      signal,
    });
  } finally {
    await engine.executor.close();
    await (watching as Connection | null)?.close();
    release();
  }
}

const never = new AbortController().signal;
