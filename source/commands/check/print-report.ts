import type {Output} from '../../cli/context.ts';
import type {HealthReport} from '../../cli/health/health-text.ts';
import {AbortError, exitCodes} from '../../core/errors.ts';
import {isWorse} from '../../core/health/baseline.ts';
import type {Level} from '../../core/health/health.ts';
import {jsonText} from '../../core/text/json.ts';
import type {ExitCode} from '../../model/run.ts';

export type CheckFormat = 'text' | 'json' | 'markdown' | 'nagios';

export type PrintPorts = {output: Output; writeFile(path: string, text: string): Promise<void>};

export type PrintOptions = {
  format: CheckFormat;
  /** Path of the JUnit file; `-` is stdout. */
  junit: string | null;
};

/** Prints the report and writes the JUnit file. Exit 0 or 1; with Nagios 0, 1 or 2. */
export async function printHealthReport(
  {output, writeFile}: PrintPorts,
  checked: HealthReport,
  {format, junit}: PrintOptions,
): Promise<ExitCode> {
  const report = withComparison(checked);
  if (junit !== null) {
    const {junitXml} = await import('./render-junit.ts');
    const xml = junitXml(report);
    if (junit === '-') output.stdout(xml);
    else await writeFile(junit, `${xml}\n`).catch(throwWriteError(junit));
  }
  if (junit !== '-') output.stdout(await renderers[format](report));
  const {status} = report.health;
  return format === 'nagios' ? nagiosCodes[status] : status === 'ok' ? exitCodes.ok : exitCodes.findings;
}

/** The exit codes of a Nagios plugin, whatever they mean elsewhere in poolctl. */
const nagiosCodes = {ok: 0, warning: 1, critical: 2} as const satisfies Record<Level, ExitCode>;

const renderers: Record<CheckFormat, (report: HealthReport) => Promise<string>> = {
  text: async report => (await import('../../cli/health/health-text.ts')).healthText(report),
  markdown: async report => (await import('./render-markdown.ts')).healthMarkdown(report),
  nagios: async report => (await import('./render-nagios.ts')).nagiosLine(report),
  json: async ({health, comparison}) =>
    jsonText(comparison === null ? health : {...health, baseline: comparison}, 2),
};

/** Turns ok into a warning if the server is worse than the baseline. */
function withComparison(report: HealthReport): HealthReport {
  const {comparison, health} = report;
  if (comparison === null || health.status !== 'ok' || !isWorse(comparison)) return report;
  return {...report, health: {...health, status: 'warning'}};
}

function throwWriteError(path: string) {
  return (error: unknown): never => {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new AbortError(`cannot write ${path}: ${reason}`, {exitCode: exitCodes.actFailed, cause: error});
  };
}
