import {recipes} from '../../recipes/index.ts';
import {check, measures} from '../commands/check.ts';
import type {Flags} from '../commands/parse-call.ts';
import {flagAsTyped} from '../commands/usage.ts';
import {AbortError, type ExitCode, exitCodes} from '../core/errors.ts';
import type {FactNeeds, Facts} from '../core/facts.ts';
import {type MetricName, metricNames} from '../core/health.ts';
import type {Connection} from '../postgres/connect.ts';
import type {ConnectionRequest} from '../postgres/connection-request.ts';
import {isAboutOneQuery} from '../postgres/sections.ts';
import {gatherFacts} from './facts.ts';
import {durationOf, ratesOf} from './flag-values.ts';
import {untilInterrupted} from './interrupt.ts';
import {withConnection} from './reading.ts';
import type {Shell} from './shell.ts';
import {explained, readFrom} from './watch.ts';

/** The health gate on a live server. */
export function runCheck(shell: Shell, request: ConnectionRequest, flags: Flags): Promise<ExitCode> {
  const checkFlags = {limits: limitsOf(flags), rates_over_ms: ratesOf(flags), json: flags.json ?? false};
  return withConnection(shell, request, flags, (connection, signal) =>
    check(
      {
        recipes,
        read: options => readFrom(connection, {...options, signal}),
        gather: needs => explained(connection, untilInterrupted(readableFacts(connection, needs), signal)),
        output: shell.output,
      },
      checkFlags,
    ),
  );
}

/** Facts that this role may not read find nothing; the rest of the check stands. */
async function readableFacts(connection: Connection, needs: FactNeeds): Promise<Facts> {
  try {
    return await gatherFacts(connection, needs);
  } catch (error) {
    if (isAboutOneQuery((error as {code?: unknown}).code)) return {};
    throw error;
  }
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

/** `80%` or `0.8`; a bare 80 could mean either, and is refused. */
function ratioOf(flag: string, text: string): number {
  const [, amount, sign] = /^(\d+(?:\.\d+)?)(%?)$/.exec(text.trim()) ?? [];
  const ratio = sign === '%' ? Number(amount) / 100 : Number(amount);
  if (ratio >= 0 && ratio <= 1) return ratio;
  throw new AbortError(`${flagAsTyped(flag)} ${text}: no share`, {
    hint: `Write it as ${flagAsTyped(flag)} 80% or 0.8, from 0% to 100%.`,
    exitCode: exitCodes.usage,
  });
}
