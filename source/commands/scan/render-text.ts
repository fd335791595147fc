import {counted, formatCount, formatMs} from '../../core/text/format.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {ScanEndpoint, ScanIssue, ScanReport} from '../../model/scan-report.ts';
import {failLevels} from './flags.ts';

/** A table of all endpoints, and below it the issues of each with file, line and fix. */
export function scanText(report: ScanReport): string {
  const {endpoints, application, accepted, problems} = report;
  const lines = [
    summaryOf(report),
    ...(endpoints.length === 0 ? [] : ['', ...tableOf(endpoints)]),
    ...endpoints.filter(({issues}) => issues.length > 0).flatMap(each => ['', ...describe(each)]),
    ...(application.length === 0 ? [] : ['', 'The application', ...application.flatMap(issueLines)]),
    ...(accepted.length === 0 ? [] : ['', 'Accepted in the source']),
    ...accepted.map(({kind, file, line, reason}) => `  ${file}:${line}  ${kind}: ${reason}`),
    ...(problems.length === 0 ? [] : ['', 'Not read, or only in part']),
    ...problems.map(({file, line, message}) => `  ${line === null ? file : `${file}:${line}`}  ${message}`),
  ];
  return lines.map(sanitise).join('\n');
}

/** `17 endpoints with queries in 21 files: 1 critical, 6 high, 5 medium, 5 low.` */
export function summaryOf({endpoints, endpoints_without_queries, files}: ScanReport): string {
  const counts = failLevels.flatMap(level => {
    const count = endpoints.filter(({severity}) => severity === level).length;
    return count === 0 ? [] : [`${count} ${level}`];
  });
  const others = endpoints_without_queries === 0 ? '' : `; ${endpoints_without_queries} without`;
  const found = `${counted(endpoints.length, 'endpoint')} with queries in ${counted(files, 'file')}${others}`;
  return `${found}${counts.length === 0 ? '.' : `: ${counts.join(', ')}.`}`;
}

/** `n`: it grows with a list of unknown length. */
export function figure(value: number | null): string {
  return value === null ? 'n' : String(value);
}

function tableOf(endpoints: readonly ScanEndpoint[]): string[] {
  const hasLive = endpoints.some(({live}) => live !== null);
  const rows = endpoints.map(({severity, connections, sequential_queries, queries, live, route}) => [
    severity,
    figure(connections),
    figure(sequential_queries),
    figure(queries),
    ...(hasLive
      ? [live === null ? '-' : formatCount(live.calls), formatMs(live?.total_exec_time_ms ?? null)]
      : []),
    route,
  ]);
  const liveHead = hasLive ? ['calls', 'exec time'] : [];
  const head = ['severity', 'connections', 'in sequence', 'queries', ...liveHead, 'endpoint'];
  const widths = head.map((_, at) => Math.max(...[head, ...rows].map(row => (row[at] ?? '').length)));
  const isNumber = (at: number) => at >= 1 && at < head.length - 1;
  return [head, ...rows].map(row => {
    const cells = row.map((cell, at) =>
      isNumber(at) ? cell.padStart(widths[at] ?? 0) : cell.padEnd(widths[at] ?? 0),
    );
    return cells.join('  ').trimEnd();
  });
}

function describe({route, severity, file, line, issues}: ScanEndpoint): string[] {
  return [`${severity}  ${route}  ${file}:${line}`, ...issues.flatMap(issueLines)];
}

/** The fix once, below the last issue of its kind in a row. */
function issueLines(
  {kind, file, line, detail, fix, patch}: ScanIssue,
  at: number,
  all: readonly ScanIssue[],
): string[] {
  const own = `  ${file}:${line}  ${detail} [${kind}]`;
  return all[at + 1]?.kind === kind
    ? [own]
    : [own, `      -> ${fix}${patch === null ? '' : ' --fix does it.'}`];
}
