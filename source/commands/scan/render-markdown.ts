import {inlineCode, tableCode} from '../../core/text/markdown.ts';
import {sanitise} from '../../core/text/sanitise.ts';
import type {ScanReport} from '../../model/scan-report.ts';
import {figure, summaryOf} from './render-text.ts';

/** The report for a pull request. */
export function scanMarkdown(report: ScanReport): string {
  const {directory, endpoints, application, accepted, problems} = report;
  const rows = endpoints.map(({severity, route, connections, sequential_queries, queries, file, line}) =>
    [
      severity,
      tableCode(route),
      figure(connections),
      figure(sequential_queries),
      figure(queries),
      tableCode(`${file}:${line}`),
    ].join(' | '),
  );
  const withIssues = endpoints.filter(({issues}) => issues.length > 0);
  const lines = [
    `# Scan of ${inlineCode(directory)}`,
    '',
    summaryOf(report),
    ...(rows.length === 0
      ? []
      : [
          '',
          '| severity | endpoint | connections | in sequence | queries | file |',
          '|---|---|---:|---:|---:|---|',
        ]),
    ...rows.map(row => `| ${row} |`),
    ...withIssues.flatMap(({route, severity, issues}) => [
      '',
      `## ${severity}: ${inlineCode(route)}`,
      '',
      ...issues.map(issueLine),
    ]),
    ...(application.length === 0 ? [] : ['', '## The application', '', ...application.map(issueLine)]),
    ...(accepted.length === 0 ? [] : ['', '## Accepted', '']),
    ...accepted.map(
      ({kind, file, line, reason}) => `- ${inlineCode(`${file}:${line}`)} ${kind}: ${inlineCode(reason)}`,
    ),
    ...(problems.length === 0 ? [] : ['', '## Not read, or only in part', '']),
    ...problems.map(
      ({file, line, message}) =>
        `- ${inlineCode(line === null ? file : `${file}:${line}`)} ${inlineCode(message)}`,
    ),
  ];
  return lines.map(sanitise).join('\n');
}

function issueLine({
  kind,
  file,
  line,
  detail,
  fix,
}: ScanReport['endpoints'][number]['issues'][number]): string {
  return `- **${kind}** ${inlineCode(`${file}:${line}`)} ${inlineCode(detail)}. ${fix.replace(/[`<>*_[\]]/g, '\\$&')}`;
}
