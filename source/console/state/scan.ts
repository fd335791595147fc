import type {ScanReport} from '../../model/scan-report.ts';

/** What the application's source asks of the pool; null where no folder was given. */
export type ScanSlice = {scan: {directory: string; result: ScanResult | null; problem: string | null} | null};

export type ScanResult = {
  report: ScanReport;
  /** By route: the endpoint file that replays it. */
  endpoint_files: Readonly<Record<string, string>>;
  /** Why the endpoints' cost on the server is unknown; null where it was read. */
  unjoined: string | null;
};

export type ScanEvent = {kind: 'scanned'; result: ScanResult} | {kind: 'scan-failed'; message: string};

export type ScanEffect = {kind: 'scan'};

export function createScan(directory: string | null): ScanSlice {
  return {scan: directory === null ? null : {directory, result: null, problem: null}};
}

/** After a failure the last result stays. */
export function handleScanEvent<State extends ScanSlice>(state: State, event: ScanEvent): State {
  const {scan} = state;
  if (scan === null) return state;
  const change = event.kind === 'scanned' ? {result: event.result, problem: null} : {problem: event.message};
  return {...state, scan: {...scan, ...change}};
}
