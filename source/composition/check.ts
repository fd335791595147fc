import {check, measures} from '../commands/check.ts';
import type {Flags} from '../commands/parse-call.ts';
import {flagAsTyped} from '../commands/usage.ts';
import {AbortError, type ExitCode, exitCodes} from '../core/errors.ts';
import {type MetricName, metricNames} from '../core/health.ts';
import {parseRatio} from '../core/ratio.ts';
import {sanitise} from '../core/sanitise.ts';
import type {ConnectionRequest} from '../postgres/connection-request.ts';
import {gatherExplained} from './facts.ts';
import {durationOf, ratesOf} from './flag-values.ts';
import {untilInterrupted} from './interrupt.ts';
import {withConnection} from './reading.ts';
import {recipesFor} from './recipes.ts';
import type {Shell} from './shell.ts';
import {readFrom} from './watch.ts';

/** The health gate on a live server. */
export async function runCheck(shell: Shell, request: ConnectionRequest, flags: Flags): Promise<ExitCode> {
  const limits = {...request.settings.limits, ...limitsOf(flags)};
  const checkFlags = {limits, rates_over_ms: ratesOf(flags), json: flags.json ?? false};
  const {recipes, left_out} = await recipesFor(flags, request.settings);
  for (const text of left_out) shell.output.talk(sanitise(`poolctl: ${text}`));
  return withConnection(shell, request, flags, (connection, signal) =>
    check(
      {
        recipes,
        read: options => readFrom(connection, {...options, signal}),
        gather: needs => untilInterrupted(gatherExplained(connection, needs), signal),
        output: shell.output,
      },
      checkFlags,
    ),
  );
}

/** The limits that were given. Throws AbortError (exit 2) for a value that is none. */
function limitsOf(flags: Flags): Partial<Record<MetricName, number>> {
  const limits: Partial<Record<MetricName, number>> = {};
  for (const name of metricNames) {
    const {flag, kind} = measures[name];
    const given = flags[flag];
    if (typeof given === 'number') limits[name] = given;
    else if (given !== undefined)
      limits[name] = kind === 'ratio' ? ratioOf(flag, given) : timeOf(flag, given);
  }
  return limits;
}

function timeOf(flag: string, text: string): number {
  return durationOf(flagAsTyped(flag), text, {least: 0, most: Number.POSITIVE_INFINITY});
}

function ratioOf(flag: string, text: string): number {
  const ratio = parseRatio(text);
  if (ratio !== null) return ratio;
  throw new AbortError(`${flagAsTyped(flag)} ${text}: no share`, {
    hint: `Write it as ${flagAsTyped(flag)} 80% or 0.8, from 0% to 100%.`,
    exitCode: exitCodes.usage,
  });
}
