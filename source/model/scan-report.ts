/** What `poolctl scan` finds in an application's source. */

export type ScanSeverity = 'critical' | 'high' | 'medium' | 'low';

/** One reason for an endpoint's severity. */
export type ScanIssue = {
  kind: string;
  file: string;
  line: number;
  /** What is there, with its figures. */
  detail: string;
  /** The pattern that fixes it. */
  fix: string;
  /** Text whose insertion fixes it, where that is mechanical; line and column count from 1, in UTF-16 units. */
  patch: {line: number; column: number; insert: string} | null;
};

export type ScanEndpoint = {
  /** `GET /api/users`, `action saveUser`, `user.list`. */
  route: string;
  file: string;
  line: number;
  severity: ScanSeverity;
  /** Connections that one request can hold concurrently; null: one per item of a list of unknown length. */
  connections: number | null;
  /** The longest chain of queries in sequence; null: it grows with a list of unknown length. */
  sequential_queries: number | null;
  /** All queries of one request; null as above. */
  queries: number | null;
  /**
   * With a server: what the statements of its shape cost since their statistics were reset. Those that other endpoints send as
   * well count here, too; `shared_with` is how many endpoints that concerns. Null: none was found, or no server was asked.
   */
  live: {statements: number; calls: number; total_exec_time_ms: number; shared_with: number} | null;
  issues: ScanIssue[];
};

/** A file that could not be read, or only in part. */
export type ScanProblem = {file: string; line: number | null; message: string};

export type AcceptedIssue = {kind: string; file: string; line: number; reason: string};

export type ScanReport = {
  schema_version: 1;
  /** As given. */
  directory: string;
  files: number;
  /** The worst first. Endpoints that make no query are only counted. */
  endpoints: ScanEndpoint[];
  endpoints_without_queries: number;
  /** Of the application as a whole: its clients and their pools. */
  application: (ScanIssue & {severity: ScanSeverity})[];
  accepted: AcceptedIssue[];
  problems: ScanProblem[];
};
