import manifest from '../../../package.json' with {type: 'json'};
import type {ScanIssue, ScanReport, ScanSeverity} from '../../model/scan-report.ts';

const levelOf = {critical: 'error', high: 'error', medium: 'warning', low: 'note'} as const;

/** A report as SARIF 2.1.0 (OASIS), as code scanning reads it: one result per issue of an endpoint. */
export function sarifOf({endpoints, application, problems}: ScanReport): object {
  const found = [
    ...endpoints.flatMap(({route, severity, issues}) => issues.map(issue => ({route, severity, issue}))),
    ...application.map(issue => ({route: null, severity: issue.severity, issue})),
  ];
  const kinds = new Map(found.map(({issue}) => [issue.kind, issue.fix]));
  const ruleIds = [...kinds.keys()].toSorted();
  return {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'poolctl',
            version: manifest.version,
            rules: ruleIds.map(id => ({id, help: {text: kinds.get(id) ?? id}})),
          },
        },
        invocations: [
          {
            executionSuccessful: true,
            toolExecutionNotifications: problems.map(({file, line, message}) => ({
              level: 'note',
              message: {text: message},
              locations: [locationOf(file, line)],
            })),
          },
        ],
        results: found.map(each => resultOf(each, ruleIds)),
      },
    ],
  };
}

function resultOf(
  {route, severity, issue}: {route: string | null; severity: ScanSeverity; issue: ScanIssue},
  ruleIds: readonly string[],
): object {
  return {
    ruleId: issue.kind,
    ruleIndex: ruleIds.indexOf(issue.kind),
    level: levelOf[severity],
    message: {text: `${route === null ? '' : `${route}: `}${issue.detail}. ${issue.fix}`},
    locations: [locationOf(issue.file, issue.line)],
    // The line may move: the same issue keeps its identity.
    partialFingerprints: {'poolctlIssue/v1': [issue.kind, issue.file, route ?? '', issue.detail].join('|')},
  };
}

function locationOf(file: string, line: number | null): object {
  const uri = file.split('/').map(encodeURIComponent).join('/');
  return {
    physicalLocation: {
      artifactLocation: {uri, uriBaseId: '%SRCROOT%'},
      ...(line !== null && {region: {startLine: line}}),
    },
  };
}
