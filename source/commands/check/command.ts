import {writeFile} from 'node:fs/promises';
import type {Flags} from '../../cli/call/parse-call.ts';
import {readSnapshot} from '../../cli/connection.ts';
import type {CliContext} from '../../cli/context.ts';
import {openWatching} from '../../cli/health/open-watching.ts';
import {openPoolerClients} from '../../cli/health/pooler-clients.ts';
import {checkFor} from '../../cli/health/watch-health.ts';
import {raceInterrupt} from '../../cli/interrupts.ts';
import {withConnection} from '../../cli/reading.ts';
import {loadRecipeData} from '../../cli/recipe-data.ts';
import {loadRecipes} from '../../cli/recipes.ts';
import {AbortError, exitCodes, usageError} from '../../core/errors.ts';
import {redactSecrets} from '../../core/text/redact.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {Recipe} from '../../model/recipe.ts';
import type {ExitCode} from '../../model/run.ts';
import type {ConnectionRequest} from '../../postgres/connect/request.ts';
import type {CheckOptions} from './check-once.ts';
import {check} from './check-once.ts';
import type {WatchTimes} from './options.ts';
import {readCheckOptions} from './options.ts';
import {nagiosFailure} from './render-nagios.ts';

/** The health gate on a live server; with `--nagios` whatever goes wrong is a plugin's answer, too. */
export async function runCheck(
  context: CliContext,
  locate: () => Promise<ConnectionRequest>,
  flags: Flags,
): Promise<ExitCode> {
  if (!flags.nagios) return checkServer(context, await locate(), flags);
  try {
    return await checkServer(context, await locate(), flags);
  } catch (error) {
    if (!(error instanceof AbortError) || error.exitCode === exitCodes.interrupted) throw error;
    const isDown = error.exitCode === exitCodes.connection || error.exitCode === exitCodes.noSlot;
    context.output.stdout(redactSecrets(nagiosFailure(isDown ? 'CRITICAL' : 'UNKNOWN', error.message)));
    return isDown ? nagios.critical : nagios.unknown;
  }
}

/** A plugin's own exit codes. */
const nagios = {critical: 2, unknown: 3} as const;

async function checkServer(context: CliContext, request: ConnectionRequest, flags: Flags): Promise<ExitCode> {
  const {watch, ...checkFlags} = await readCheckOptions(context, flags, request.settings.limits);
  if (flags.metrics !== undefined && watch !== null)
    throw usageError('--metrics serves until Ctrl-C: leave out --for');
  const {recipes, skipped: left_out} = await loadRecipes(flags, request.settings);
  for (const text of left_out) context.output.stderr(sanitise(`poolctl: ${text}`));
  if (flags.metrics !== undefined) {
    const {serveMetrics} = await import('./serve-metrics.ts');
    return serveMetrics(context, request, {flags, recipes, limits: checkFlags.limits});
  }
  const pooler = await openPoolerClients(context, flags.pooler);
  try {
    return watch === null
      ? await checkOnce(context, request, {flags, checkFlags, recipes, askPooler: pooler.ask})
      : await checkOver(context, request, {flags, checkFlags, recipes, askPooler: pooler.ask, watch});
  } finally {
    await pooler.close();
  }
}

type Checking = {
  flags: Flags;
  checkFlags: CheckOptions;
  recipes: Recipe[];
  askPooler(): Promise<number | null>;
};

function checkOnce(context: CliContext, request: ConnectionRequest, checking: Checking): Promise<ExitCode> {
  const {flags, checkFlags, recipes, askPooler} = checking;
  return withConnection(context, request, flags, (connection, signal) =>
    check(
      {
        recipes,
        read: options => readSnapshot(connection, {...options, signal}),
        load: needs => raceInterrupt(loadRecipeData(connection, needs), signal),
        askPooler,
        output: context.output,
        writeFile,
      },
      checkFlags,
    ),
  );
}

async function checkOver(
  context: CliContext,
  request: ConnectionRequest,
  {flags, checkFlags, recipes, askPooler, watch}: Checking & {watch: WatchTimes},
): Promise<ExitCode> {
  const watching = await openWatching(context, request, {flags, ...watch});
  try {
    return await checkFor(
      {recipes, askPooler, output: context.output, writeFile, ...watching.ports},
      {...checkFlags, ...watch},
    );
  } finally {
    watching.release();
  }
}
