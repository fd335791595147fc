import {AbortError, exitCodes} from '../../core/errors.ts';
import {type Comparison, isWorse} from '../../core/health/baseline.ts';
import type {Health, Level} from '../../core/health/health.ts';
import type {WatchedHealth} from '../../core/health/watching.ts';
import {jsonText} from '../../core/text/json.ts';

import type {ExitCode} from '../../model/run.ts';
import type {Output} from '../context.ts';

export type CheckFormat = 'text' | 'json' | 'markdown' | 'nagios';

/** All that is said of a check, whichever way it is said. */
export type HealthReport = {
  health: Health | WatchedHealth;
  target: string;
  /** The queryid that the slowest mean is of. */
  slowest: string | null;
  /** Every recipe that looked, whether it found anything or not. */
  recipes: readonly {id: string; title: string}[];
  comparison: Comparison | null;
};

export type ReportPorts = {output: Output; writeFile(path: string, text: string): Promise<void>};

/** Prints it and writes the JUnit file. Exit 0 or 1; a plugin's 0, 1 or 2 for Nagios. */
export async function printHealthReport(
  {output, writeFile}: ReportPorts,
  given: HealthReport,
  {format, junit}: {format: CheckFormat; junit: string | null},
): Promise<ExitCode> {
  const whole = withComparison(given);
  if (junit !== null) {
    const {junitXml} = await import('../../commands/check/render-junit.ts');
    const xml = junitXml(whole);
    if (junit === '-') output.stdout(xml);
    else await writeFile(junit, `${xml}\n`).catch(refused(junit));
  }
  if (junit !== '-') output.stdout(await printers[format](whole));
  const {status} = whole.health;
  return format === 'nagios' ? nagiosCodes[status] : status === 'ok' ? exitCodes.ok : exitCodes.findings;
}

/** As Nagios and Icinga read a plugin's exit, whatever the contract's codes mean otherwise. */
const nagiosCodes = {ok: 0, warning: 1, critical: 2} as const satisfies Record<Level, ExitCode>;

const printers: Record<CheckFormat, (report: HealthReport) => Promise<string>> = {
  text: async whole => (await import('./health-text.ts')).healthText(whole),
  markdown: async whole => (await import('../../commands/check/render-markdown.ts')).healthMarkdown(whole),
  nagios: async whole => (await import('../../commands/check/render-nagios.ts')).nagiosLine(whole),
  json: async ({health, comparison}) =>
    jsonText(comparison === null ? health : {...health, baseline: comparison}, 2),
};

function withComparison(given: HealthReport): HealthReport {
  const {comparison, health} = given;
  if (comparison === null || health.status !== 'ok' || !isWorse(comparison)) return given;
  return {...given, health: {...health, status: 'warning'}};
}

function refused(path: string) {
  return (error: unknown): never => {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new AbortError(`cannot write ${path}: ${reason}`, {exitCode: exitCodes.actFailed, cause: error});
  };
}
