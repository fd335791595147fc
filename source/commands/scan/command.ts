import {resolve} from 'node:path';
import type {Call} from '../../cli/call/usage.ts';
import {readSnapshot, withConnection} from '../../cli/connection.ts';
import {type CliContext, printMessage} from '../../cli/context.ts';
import {locateServer} from '../../cli/locate-server.ts';
import {exitCodes, usageError} from '../../core/errors.ts';
import {jsonText} from '../../core/text/json.ts';
import type {ExitCode} from '../../model/run.ts';
import type {ScanReport, ScanSeverity} from '../../model/scan-report.ts';
import type {LiveStatement} from '../../scan/live-cost.ts';
import {scanDirectory} from '../../scan/scan-directory.ts';
import {newSince, readBaseline} from './baseline.ts';
import {failLevels, type usage} from './flags.ts';
import {scanMarkdown} from './render-markdown.ts';
import {sarifOf} from './render-sarif.ts';
import {scanText} from './render-text.ts';

/** `poolctl scan <directory>`. Exit 1 if an endpoint has an issue and at least the severity of `--fail-on`. */
export async function run(
  context: CliContext,
  {words: [directory, ...more], flags}: Call<typeof usage>,
): Promise<ExitCode> {
  if (directory === undefined || more.length > 0)
    throw usageError('scan needs one directory', 'Usage: poolctl scan <directory>.');
  if ([flags.json, flags.markdown, flags.sarif].filter(Boolean).length > 1)
    throw usageError('--json, --markdown and --sarif exclude each other', 'Give one of them.');
  const failOn = failLevels.find(each => each === (flags.failOn ?? 'low'));
  if (failOn === undefined)
    throw usageError(`--fail-on: no severity "${flags.failOn}"`, `Use ${failLevels.join(', ')}.`);
  const baseline =
    flags.baseline === undefined ? null : await readBaseline(resolve(context.cwd, flags.baseline));
  const statements = flags.url === undefined ? null : await readStatements(context, flags.url);
  const scan = async () => {
    const found = await scanDirectory(resolve(context.cwd, directory), flags.entry ?? [], statements);
    return baseline === null ? found : newSince(found, baseline);
  };
  const first = await scan();
  const found = flags.fix && (await fix(context, first)) > 0 ? await scan() : first;
  const report = {...found, directory};
  context.output.stdout(render(report, flags));
  return fails(report, failOn) ? exitCodes.findings : exitCodes.ok;
}

async function readStatements(context: CliContext, url: string): Promise<LiveStatement[]> {
  const request = await locateServer(context, {url, flags: {}});
  let statements: LiveStatement[] = [];
  await withConnection(context, request, {}, async (connection, signal) => {
    const snapshot = await readSnapshot(connection, {rates_over_ms: null, signal});
    statements = snapshot.statements;
    for (const {section, reason, remedy} of snapshot.unavailable)
      if (section === 'statements') printMessage(context.output, `statements: ${reason}. ${remedy ?? ''}`);
    return exitCodes.ok;
  });
  return statements;
}

/** Applies the patches; the number of issues that they fix. */
async function fix({output}: CliContext, report: ScanReport): Promise<number> {
  const {applyPatches} = await import('../../scan/apply-patches.ts');
  const {fixed, problems} = await applyPatches(report);
  for (const {file, line} of fixed) printMessage(output, `fixed ${file}:${line}`);
  for (const {file, message} of problems) printMessage(output, `${file}: ${message}`);
  return fixed.length;
}

function render(report: ScanReport, flags: Call<typeof usage>['flags']): string {
  if (flags.json) return jsonText(report, 2);
  if (flags.sarif) return jsonText(sarifOf(report), 2);
  return flags.markdown ? scanMarkdown(report) : scanText(report);
}

function fails({endpoints, application}: ScanReport, level: ScanSeverity): boolean {
  const failing = failLevels.slice(0, failLevels.indexOf(level) + 1);
  return (
    endpoints.some(({severity, issues}) => issues.length > 0 && failing.includes(severity)) ||
    application.some(({severity}) => failing.includes(severity))
  );
}
