import {readFile} from 'node:fs/promises';
import {usageError} from '../../core/errors.ts';
import type {ScanIssue, ScanReport} from '../../model/scan-report.ts';

/** How often each issue was found before. Lines move with every edit above them, so they do not count. */
export type ScanBaseline = ReadonlyMap<string, number>;

/** Reads the JSON of an earlier scan. Throws AbortError (exit 2) for any other file. */
export async function readBaseline(path: string): Promise<ScanBaseline> {
  const hint = "Make one with 'poolctl scan DIRECTORY --json > scan.json'.";
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw usageError(`cannot read ${path}: ${error.code ?? 'unknown error'}`, hint);
  });
  try {
    const {endpoints, application} = JSON.parse(text) as ScanReport;
    const counts = new Map<string, number>();
    const count = (route: string, issue: ScanIssue) => {
      const key = keyOf(route, issue);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    };
    for (const {route, issues} of endpoints) for (const issue of issues) count(route, issue);
    for (const issue of application) count('', issue);
    return counts;
  } catch (cause) {
    throw usageError(`${path} is not the JSON of a scan`, hint, cause);
  }
}

/** The report with only those issues that the baseline does not have, and the endpoints with one. */
export function newSince(report: ScanReport, baseline: ScanBaseline): ScanReport {
  const left = new Map(baseline);
  const isNew = (route: string, issue: ScanIssue): boolean => {
    const key = keyOf(route, issue);
    const count = left.get(key) ?? 0;
    left.set(key, count - 1);
    return count <= 0;
  };
  const endpoints = report.endpoints
    .map(each => ({...each, issues: each.issues.filter(issue => isNew(each.route, issue))}))
    .filter(({issues}) => issues.length > 0);
  return {...report, endpoints, application: report.application.filter(issue => isNew('', issue))};
}

function keyOf(route: string, {kind, file, detail}: ScanIssue): string {
  return [route, kind, file, detail].join('\0');
}
