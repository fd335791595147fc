import {writeFile} from 'node:fs/promises';
import type {Flags} from '../../cli/call/parse-call.ts';
import {readFrom} from '../../cli/connection.ts';
import type {Shell} from '../../cli/context.ts';
import {openWatching} from '../../cli/health/open-watching.ts';
import {openPooler} from '../../cli/health/pooler-clients.ts';
import {checkFor} from '../../cli/health/watch-health.ts';
import {untilInterrupted} from '../../cli/interrupts.ts';
import {withConnection} from '../../cli/reading.ts';
import {gatherExplained} from '../../cli/recipe-data.ts';
import {recipesFor} from '../../cli/recipes.ts';
import {AbortError, exitCodes, usageError} from '../../core/errors.ts';
import {redactSecrets} from '../../core/text/redact.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {Recipe} from '../../model/recipe.ts';
import type {ExitCode} from '../../model/run.ts';
import type {ConnectionRequest} from '../../postgres/connect/request.ts';
import {type CheckFlags, check} from './check-once.ts';
import {checkFlagsOf, type WatchTimes} from './options.ts';
import {nagiosFailure} from './render-nagios.ts';

/** The health gate on a live server; with `--nagios` whatever goes wrong is a plugin's answer, too. */
export async function runCheck(
  shell: Shell,
  locate: () => Promise<ConnectionRequest>,
  flags: Flags,
): Promise<ExitCode> {
  if (!flags.nagios) return checkServer(shell, await locate(), flags);
  try {
    return await checkServer(shell, await locate(), flags);
  } catch (error) {
    if (!(error instanceof AbortError) || error.exitCode === exitCodes.interrupted) throw error;
    const isDown = error.exitCode === exitCodes.connection || error.exitCode === exitCodes.noSlot;
    shell.output.data(redactSecrets(nagiosFailure(isDown ? 'CRITICAL' : 'UNKNOWN', error.message)));
    return isDown ? nagios.critical : nagios.unknown;
  }
}

/** A plugin's own exit codes. */
const nagios = {critical: 2, unknown: 3} as const;

async function checkServer(shell: Shell, request: ConnectionRequest, flags: Flags): Promise<ExitCode> {
  const {watch, ...checkFlags} = await checkFlagsOf(shell, flags, request.settings.limits);
  if (flags.metrics !== undefined && watch !== null)
    throw usageError('--metrics serves until Ctrl-C: leave out --for');
  const {recipes, left_out} = await recipesFor(flags, request.settings);
  for (const text of left_out) shell.output.talk(sanitise(`poolctl: ${text}`));
  if (flags.metrics !== undefined) {
    const {serveMetrics} = await import('./serve-metrics.ts');
    return serveMetrics(shell, request, {flags, recipes, limits: checkFlags.limits});
  }
  const pooler = await openPooler(shell, flags.pooler);
  try {
    return watch === null
      ? await checkOnce(shell, request, {flags, checkFlags, recipes, askPooler: pooler.ask})
      : await checkOver(shell, request, {flags, checkFlags, recipes, askPooler: pooler.ask, watch});
  } finally {
    await pooler.close();
  }
}

type Checking = {
  flags: Flags;
  checkFlags: CheckFlags;
  recipes: Recipe[];
  askPooler(): Promise<number | null>;
};

function checkOnce(shell: Shell, request: ConnectionRequest, checking: Checking): Promise<ExitCode> {
  const {flags, checkFlags, recipes, askPooler} = checking;
  return withConnection(shell, request, flags, (connection, signal) =>
    check(
      {
        recipes,
        read: options => readFrom(connection, {...options, signal}),
        gather: needs => untilInterrupted(gatherExplained(connection, needs), signal),
        askPooler,
        output: shell.output,
        writeFile,
      },
      checkFlags,
    ),
  );
}

async function checkOver(
  shell: Shell,
  request: ConnectionRequest,
  {flags, checkFlags, recipes, askPooler, watch}: Checking & {watch: WatchTimes},
): Promise<ExitCode> {
  const watching = await openWatching(shell, request, {flags, ...watch});
  try {
    return await checkFor(
      {recipes, askPooler, output: shell.output, writeFile, ...watching.ports},
      {...checkFlags, ...watch},
    );
  } finally {
    watching.release();
  }
}
