import {writeFile} from 'node:fs/promises';
import type {Call} from '../../cli/call/command.ts';
import {readSnapshot, withConnection} from '../../cli/connection.ts';
import type {CliContext} from '../../cli/context.ts';
import {openWatching} from '../../cli/health/open-watching.ts';
import {openPoolerClients} from '../../cli/health/pooler-clients.ts';
import {watchHealth} from '../../cli/health/watch-health.ts';
import {raceInterrupt} from '../../cli/interrupts.ts';
import {locateServer} from '../../cli/locate-server.ts';
import {loadRecipeData} from '../../cli/recipe-data.ts';
import {loadRecipesAndReport} from '../../cli/recipes.ts';
import {AbortError, exitCodes, usageError} from '../../core/errors.ts';
import {redactSecrets} from '../../core/text/redact.ts';
import type {Recipe} from '../../model/recipe.ts';
import type {ExitCode} from '../../model/run.ts';
import type {ConnectionRequest} from '../../postgres/connect/request.ts';
import {type CheckOptions, checkOnce} from './check-once.ts';
import type {usage} from './flags.ts';
import {readCheckOptions, type WatchTimes} from './options.ts';
import {printHealthReport} from './print-report.ts';
import {nagiosFailure} from './render-nagios.ts';

type CheckFlags = Call<typeof usage>['flags'];

/** `poolctl check [url]`. With `--nagios` an error, too, is a plugin's line and exit code. */
export async function run(context: CliContext, {words: [url], flags}: Call<typeof usage>): Promise<ExitCode> {
  try {
    return await check(context, await locateServer(context, {url, flags}), flags);
  } catch (error) {
    if (!flags.nagios || !(error instanceof AbortError) || error.exitCode === exitCodes.interrupted)
      throw error;
    const isDown = error.exitCode === exitCodes.connection || error.exitCode === exitCodes.noSlot;
    context.output.stdout(redactSecrets(nagiosFailure(isDown ? 'CRITICAL' : 'UNKNOWN', error.message)));
    return isDown ? nagios.critical : nagios.unknown;
  }
}

/** Exit codes of a Nagios plugin. */
const nagios = {critical: 2, unknown: 3} as const;

async function check(context: CliContext, request: ConnectionRequest, flags: CheckFlags): Promise<ExitCode> {
  const {watch, ...options} = await readCheckOptions(context, flags, request.settings.limits);
  if (flags.metrics !== undefined && watch !== null)
    throw usageError('--metrics and --for exclude each other', '--metrics serves until Ctrl-C.');
  const recipes = await loadRecipesAndReport(context.output, flags, request.settings);
  if (flags.metrics !== undefined) {
    const {serveMetrics} = await import('./serve-metrics.ts');
    return serveMetrics(context, request, {flags, recipes, limits: options.limits});
  }
  const pooler = await openPoolerClients(context, flags.pooler);
  const checking = {flags, options, recipes, askPooler: pooler.ask};
  try {
    return watch === null
      ? await checkServer(context, request, checking)
      : await watchServer(context, request, {...checking, watch});
  } finally {
    await pooler.close();
  }
}

type Checking = {
  flags: CheckFlags;
  options: CheckOptions;
  recipes: Recipe[];
  askPooler(): Promise<number | null>;
};

function checkServer(
  context: CliContext,
  request: ConnectionRequest,
  {flags, options, recipes, askPooler}: Checking,
): Promise<ExitCode> {
  return withConnection(context, request, flags, (connection, signal) =>
    checkOnce(
      {
        recipes,
        read: rates => readSnapshot(connection, {...rates, signal}),
        load: needs => raceInterrupt(loadRecipeData(connection, needs), signal),
        askPooler,
        output: context.output,
        writeFile,
      },
      options,
    ),
  );
}

async function watchServer(
  context: CliContext,
  request: ConnectionRequest,
  {flags, options, recipes, askPooler, watch}: Checking & {watch: WatchTimes},
): Promise<ExitCode> {
  const watching = await openWatching(context, request, {flags, ...watch});
  try {
    const report = await watchHealth({recipes, askPooler, ...watching.ports}, {...options, ...watch});
    return await printHealthReport({output: context.output, writeFile}, report, options);
  } finally {
    watching.release();
  }
}
