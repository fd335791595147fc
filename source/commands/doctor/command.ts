import {type Call, jsonFlag, serverFlags, type Usage} from '../../cli/call/usage.ts';
import {explainServerErrors, withConnection} from '../../cli/connection.ts';
import type {CliContext, Output} from '../../cli/context.ts';
import {raceInterrupt} from '../../cli/interrupts.ts';
import {locateServer} from '../../cli/locate-server.ts';
import {exitCodes} from '../../core/errors.ts';
import {counted, formatMs, formatVersion, newerThanKnown} from '../../core/text/format.ts';
import {jsonText} from '../../core/text/json.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {ExitCode} from '../../model/run.ts';
import type {DoctorCheck, DoctorReport} from '../../model/target.ts';

export const usage = {
  name: 'doctor',
  summary: 'Check what poolctl can read and do on the server',
  arguments: [{shown: '[url]'}],
  flags: {...jsonFlag, ...serverFlags},
  details: [
    'For what is missing, doctor prints the statement that grants it. Exit 0 when nothing is missing, else 1.',
  ],
} as const satisfies Usage;

/** `poolctl doctor [url]`. */
export async function run(context: CliContext, {words: [url], flags}: Call<typeof usage>): Promise<ExitCode> {
  const request = await locateServer(context, {url, flags});
  return withConnection(context, request, flags, async (connection, signal) => {
    const {examine} = await import('../../postgres/server/doctor.ts');
    const report = await explainServerErrors(connection, raceInterrupt(examine(connection), signal));
    return printDoctorReport(report, context.output, {json: flags.json ?? false});
  });
}

/**
 * Prints what poolctl can read and do on a server, and the statement that grants what is missing. Exit 1 if something
 * is missing, else 0.
 */
export function printDoctorReport(report: DoctorReport, output: Output, {json}: {json: boolean}): ExitCode {
  output.stdout(json ? jsonText(report, 2) : reportText(report));
  return report.checks.some(({status}) => status === 'missing') ? exitCodes.findings : exitCodes.ok;
}

function reportText(report: DoctorReport): string {
  const width = Math.max(...report.checks.map(({id}) => id.length));
  const lines = [...headLines(report), '', ...report.checks.flatMap(check => checkLines(check, width))];
  return [...lines, '', summary(report.checks)].map(sanitise).join('\n');
}

function headLines({target, connection}: DoctorReport): string[] {
  const {server_version_num: version, managed_service} = target;
  const transport = connection.is_encrypted
    ? 'over TLS'
    : target.host.startsWith('/')
      ? 'over a socket'
      : 'in plain text';
  const service = managed_service === null ? '' : ` on ${managed_service}`;
  const head = [
    `PostgreSQL ${formatVersion(version)}${newerThanKnown(version)}${service} at ${target.id} as ${target.user}`,
    `  from ${connection.source}, connected ${transport}, round trip ${formatMs(connection.round_trip_ms)}`,
  ];
  if (target.is_production) head.push('  marked as production');
  if (target.read_only !== undefined)
    head.push(`  read-only (${target.read_only}): poolctl refuses every change`);
  if (connection.route === 'rescue') head.push('  via the rescue URL: every other connection slot is taken');
  if (connection.ignored_parameters.length > 0)
    head.push(`  ignored in the URL: ${connection.ignored_parameters.join(', ')}`);
  return [...head, ...connection.warnings.map(warning => `  ${warning}`)];
}

const words: Record<DoctorCheck['status'], string> = {ok: 'ok', missing: 'MISSING', advice: 'advice'};

function checkLines(check: DoctorCheck, width: number): string[] {
  const indent = ' '.repeat('MISSING'.length + width + 4);
  const lines = [
    `${words[check.status].padEnd('MISSING'.length)}  ${check.id.padEnd(width)}  ${check.detail}`,
  ];
  if (check.remedy !== null) lines.push(`${indent}-> ${check.remedy}`);
  if (check.note !== null) lines.push(`${indent}   ${check.note}`);
  return lines;
}

function summary(checks: DoctorCheck[]): string {
  const count = (status: DoctorCheck['status']) => checks.filter(check => check.status === status).length;
  const missing = count('missing');
  const advised = count('advice');
  const advice = advised === 0 ? '' : `; ${counted(advised, 'piece')} of advice`;
  return `${missing === 0 ? 'Nothing is missing' : `${missing} missing`}${advice}.`;
}
