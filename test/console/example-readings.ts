import type {ScanResult} from '../../source/console/state/scan.ts';
import type {Message} from '../../source/console/store.ts';
import type {ScanEndpoint, ScanIssue} from '../../source/model/scan-report.ts';
import type {ReplicationSlot} from '../../source/model/server-facts.ts';
import type {ServerState} from '../../source/model/server-state.ts';
import type {Backend} from '../../source/model/snapshot.ts';
import {createWal} from '../core/assessment/harms/readings.ts';
import {createBackend, createSnapshot} from '../helpers/snapshot.ts';
import {read} from './played.ts';

// What views are tested with, and drawn from in docs/look.html.

const scanIssue: ScanIssue = {
  kind: 'query-in-loop',
  file: 'app/orders/route.ts',
  line: 12,
  detail: '2 queries per pass of the loop over orders',
  fix: 'Read what the loop needs before it.',
  patch: {line: 12, column: 3, insert: ', select: {id: true}'},
};

/** A GET route of the source. */
export const endpoint = (route: string, changes: Partial<ScanEndpoint>): ScanEndpoint => ({
  route,
  file: 'app/orders/route.ts',
  line: 5,
  severity: 'low',
  connections: 1,
  sequential_queries: 1,
  queries: 1,
  live: null,
  issues: [],
  ...changes,
});

export const scanResult: ScanResult = {
  report: {
    schema_version: 1,
    directory: '/srv/shop',
    files: 30,
    endpoints: [
      endpoint('GET /cheap', {live: {statements: 1, calls: 9, total_exec_time_ms: 40, shared_with: 0}}),
      endpoint('GET /never', {severity: 'critical', connections: 9}),
      endpoint('GET /orders', {
        severity: 'high',
        sequential_queries: null,
        queries: null,
        live: {statements: 2, calls: 12_000, total_exec_time_ms: 61_000, shared_with: 1},
        issues: [scanIssue],
      }),
    ],
    endpoints_without_queries: 4,
    application: [{...scanIssue, kind: 'no-shutdown', severity: 'medium'}],
    accepted: [],
    problems: [],
  },
  endpoint_files: {'GET /orders': '/srv/shop/orders.endpoint.ts'},
  unjoined: null,
};

export const slot: ReplicationSlot = {
  ...{name: 'cdc', kind: 'logical', database: 'shop', plugin: 'pgoutput', is_active: false, active_pid: null},
  ...{xmin_age: null, catalog_xmin_age: 12, retained_bytes: 3 * 2 ** 30, wal_status: 'extended'},
  ...{safe_wal_bytes: null, is_temporary: false, restart_lsn: '0/16B3748', xmin: null, catalog_xmin: null},
};

/** An abandoned slot that keeps WAL. */
export const serverReading: ServerState = {replication: {slots: [slot], standbys: []}, wal: createWal()};

export const poolReport = {instance: 'k3f', turn: 7, size: 5, busy: 5, waiting: 34, wait_p95_ms: 1200};

const web = (pid: number, second: number): Backend =>
  createBackend({
    ...{pid, application_name: 'web', usename: 'app', state: 'active', wait_event_type: null},
    query: `SELECT ${(pid + second) % 8}`,
    query_id: String((pid + second) % 8),
    client_addr: '10.0.0.5',
    pool_report: poolReport,
  });

/** Eleven readings, one a second: a pool of 5 whose requests wait, and one that is hardly used. */
export function poolReadings(): Message[] {
  return Array.from({length: 11}, (_, second) =>
    read({
      ...createSnapshot({
        backends: [
          ...[1, 2, 3, 4, 5].map(pid => web(pid, second)),
          ...[11, 12, 13, 14, 15, 16].map(pid =>
            createBackend({pid, application_name: 'jobs', state_age_ms: 8000}),
          ),
        ],
      }),
      at: `2026-01-01T00:02:${String(second + 10)}.000000Z`,
    }),
  );
}
