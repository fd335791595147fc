import {formatCount, formatMs} from '../../core/text/format.ts';
import type {ScanEndpoint, ScanIssue, ScanReport, ScanSeverity} from '../../model/scan-report.ts';
import type {Role} from '../screen/line.ts';
import {tableOf} from '../state/browsing.ts';
import type {ConsoleState} from '../state/state.ts';
import {arrangeRows, type Column} from './arrange.ts';

/** An endpoint; or what concerns all of them: `endpoint` is null then. */
export type ScanRow = {
  id: string;
  route: string;
  severity: ScanSeverity;
  endpoint: ScanEndpoint | null;
  issues: readonly ScanIssue[];
};

const roles: Record<ScanSeverity, Role> = {
  critical: 'danger',
  high: 'danger',
  medium: 'warning',
  low: 'muted',
};
const ranks: Record<ScanSeverity, number> = {critical: 3, high: 2, medium: 1, low: 0};

export function severityRole({severity}: {severity: ScanSeverity}): Role {
  return roles[severity];
}

/** `n`: as many as a list of unknown length has items. */
export function figureText(value: number | null | undefined): string {
  return value === undefined ? '' : value === null ? 'n' : String(value);
}

type Figure = 'connections' | 'sequential_queries' | 'queries';

const figure = (title: string, name: Figure, help: string, priority: number): Column<ScanRow> => ({
  id: title.toLowerCase(),
  title,
  help,
  width: title.length,
  priority,
  align: 'right',
  text: ({endpoint}) => figureText(endpoint?.[name]),
  sortValue: ({endpoint}) => (endpoint === null ? null : (endpoint[name] ?? Infinity)),
});

export const scanColumns: Column<ScanRow>[] = [
  {
    id: 'severity',
    title: 'SEVERITY',
    help: 'by the sum of its issues (docs/scan.md)',
    width: 8,
    priority: 2,
    text: ({severity}) => severity,
    role: severityRole,
    sortValue: ({severity}) => ranks[severity],
  },
  {
    id: 'exec',
    title: 'EXEC',
    help: 'execution time on this server of the statements of its shape, since their statistics were reset',
    width: 7,
    priority: 4,
    align: 'right',
    text: ({endpoint}) => (endpoint?.live ? formatMs(endpoint.live.total_exec_time_ms) : ''),
    role: () => 'strong',
    sortValue: ({endpoint}) => endpoint?.live?.total_exec_time_ms ?? null,
  },
  {
    id: 'calls',
    title: 'CALLS',
    help: 'calls of these statements',
    width: 6,
    priority: 7,
    align: 'right',
    text: ({endpoint}) => (endpoint?.live ? formatCount(endpoint.live.calls) : ''),
    sortValue: ({endpoint}) => endpoint?.live?.calls ?? null,
  },
  figure(
    'CONN',
    'connections',
    'connections that one request holds concurrently; n: one per item of a list',
    3,
  ),
  figure('SEQ', 'sequential_queries', 'its longest chain of queries in sequence', 6),
  figure('QUERIES', 'queries', 'all queries of one request', 8),
  {
    id: 'endpoint',
    title: 'ENDPOINT',
    help: 'the route; Enter shows its issues with file, line and fix',
    width: 20,
    widest: 60,
    priority: 1,
    isText: true,
    text: ({route}) => route,
    sortValue: ({route}) => route,
  },
  {
    id: 'issues',
    title: 'ISSUES',
    help: 'what makes it severe, the heaviest first',
    width: 14,
    grows: true,
    priority: 5,
    text: ({issues}) => [...new Set(issues.map(({kind}) => kind))].join(', '),
    sortValue: ({issues}) => issues.length,
  },
];

/** What costs most on the server first; without a server the most severe. */
export function scanRows({scan, tables}: Pick<ConsoleState, 'scan' | 'tables'>): ScanRow[] {
  const report = scan?.result?.report;
  if (report === undefined) return [];
  return arrangeRows(rowsOf(report), tableOf({tables}, 'scan'), scanColumns, ({id}) => id);
}

function rowsOf({endpoints, application}: ScanReport): ScanRow[] {
  const rows = endpoints.map((endpoint): ScanRow => {
    const {route, file, line, severity, issues} = endpoint;
    return {id: `${route} ${file}:${line}`, route, severity, endpoint, issues};
  });
  const [first, ...others] = application.map(({severity}) => severity);
  if (first === undefined) return rows;
  const severity = others.reduce((worst, each) => (ranks[each] > ranks[worst] ? each : worst), first);
  const route = '(the application)';
  return [...rows, {id: route, route, severity, endpoint: null, issues: application}];
}
