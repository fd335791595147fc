import {hostname} from 'node:os';
import type {CliContext} from '../../cli/context.ts';
import {type Engine, openEngine, recoverUnfinishedRuns} from '../../cli/execution/engine-context.ts';
import {openConfiguredJournal} from '../../cli/journal.ts';
import {readRecipeData} from '../../cli/recipe-data.ts';
import {harmPort} from '../../core/assessment/recovery.ts';
import {createDriftCheck, recheckUndo} from '../../core/engine/drift.ts';
import {execute} from '../../core/engine/execute.ts';
import {slotsOf} from '../../core/engine/run-state.ts';
import {AbortError, BugError, exitCodes} from '../../core/errors.ts';
import {serverDifference, serverOf} from '../../core/server/server-identity.ts';
import type {EnginePorts} from '../../model/ports.ts';
import type {Finding, Plan, Recipe} from '../../model/recipe.ts';
import type {DataRequirements} from '../../model/recipe-data.ts';
import type {RunState} from '../../model/run.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import type {ServerIdentity} from '../../model/target.ts';
import type {Connection} from '../../postgres/connect/connect.ts';
import type {ConnectionRequest} from '../../postgres/connect/request.ts';
import {readOnce} from '../../postgres/sampler/sampler.ts';

export {loadRecipeData} from '../../cli/recipe-data.ts';

type JournalOptions = {
  flags: {journal?: string | undefined};
  /** Receives messages of the journal, which must not overwrite the screen. */
  onNotice: (text: string) => void;
};

type ConsoleRun = JournalOptions & {
  context: CliContext;
  request: ConnectionRequest;
  recipes: readonly Recipe[];
  watching: Connection;
  /** The server that the plan was made on. */
  server: ServerIdentity;
  /** The findings with harm that the plan answers. */
  answers: readonly Finding[];
  signal: AbortSignal;
  /** Receives messages about steps of earlier runs without a recorded outcome. */
  onRecovered: (text: string) => void;
};

/** Executes a plan with the engine, journal and guards of `poolctl run` and `poolctl undo`. */
export async function* executeInConsole(plan: Plan, run: ConsoleRun): AsyncIterable<RunState> {
  const {context, request, recipes, watching, server, answers, flags, signal, onNotice, onRecovered} = run;
  const {engine, identity} = openEngine(context, request, {flags, watching: () => watching, onNotice});
  try {
    const read = () => readOnce(watching, {rates_over_ms: null});
    const {target} = await read();
    const difference = serverDifference(server, serverOf(target));
    if (difference !== null)
      throw new AbortError(`${difference}; nothing was executed`, {exitCode: exitCodes.drift});
    const runner = {...identity, target: target.id, server};
    // If this fails, `execute` fails for the same reason and reports it.
    await recoverUnfinishedRuns(engine, {...runner, isDryRun: false}, onRecovered).catch(() => {});
    const checks = await createDriftChecks(plan, {...run, engine, read});
    const {clock} = engine;
    const load = (needs: DataRequirements) => readRecipeData(watching, needs);
    const harm = harmPort(answers, {recipes, read, load, clock});
    yield* execute(plan, runner, {...engine, ...checks, ...harm}, signal);
  } finally {
    await engine.executor.close();
  }
}

/** Checks an undo against the journal, and every other plan against what its recipe plans now. */
async function createDriftChecks(
  plan: Plan,
  {recipes, watching, server, engine, read}: ConsoleRun & {engine: Engine; read: () => Promise<Snapshot>},
): Promise<Pick<EnginePorts, 'slots' | 'recheck'>> {
  if (plan.undoes !== undefined) {
    const recheck = recheckUndo(plan.undoes, await engine.journal.read(), {
      server,
      host: engine.files?.host,
    });
    return {slots: async () => slotsOf((await read()).budget), recheck};
  }
  const recipe = recipes.find(({id}) => id === plan.recipe);
  if (recipe === undefined) throw new BugError(`a plan of an unknown recipe: ${plan.recipe}`);
  return createDriftCheck(recipe, plan.params, {read, load: needs => readRecipeData(watching, needs)});
}

/** The journal as the console shows it. */
export async function readJournal(context: CliContext, {flags, onNotice}: JournalOptions) {
  let notice: string | null = null;
  const journal = openConfiguredJournal(context, flags, text => {
    notice = text;
    onNotice(text);
  });
  const entries = await journal.inspect();
  const {ok, reason} = await journal.verify();
  return {
    entries,
    isBroken: !ok,
    problem: reason ?? notice,
    unfinished: journal.unfinishedOf(entries).filter(({acting_pid}) => acting_pid === null).length,
    underWay: journal.underWay(entries),
    host: hostname(),
  };
}
