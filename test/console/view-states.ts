import replayEndpoint from '../../recipes/replay-endpoint.ts';
import tuneConnectionLimit from '../../recipes/tune-connection-limit.ts';
import type {ScanResult} from '../../source/console/state/scan.ts';
import type {ConsoleState} from '../../source/console/state/state.ts';
import type {View} from '../../source/console/views/view.ts';
import {noDiagnosisData, withFacts} from '../../source/core/recipe/diagnose.ts';
import {serverRows} from '../../source/core/server/topics/index.ts';
import type {ScanEndpoint, ScanIssue} from '../../source/model/scan-report.ts';
import type {ReplicationSlot} from '../../source/model/server-facts.ts';
import {createWal} from '../core/assessment/harms/readings.ts';
import {createPooler} from '../helpers/pooler.ts';
import {createBackend, createSnapshot, createStatement} from '../helpers/snapshot.ts';
import {runEntries, type Size} from './dialog-states.ts';
import {createRecipe, key, open, play, read} from './played.ts';

/** No Thai: stock Ink takes fewer cells for it than terminals do, and moves what follows (see widths.test.ts). */
const hostile = '\u001b[2J\u202E漢字 \u0007e\u0301한';

const pool_report = {instance: hostile, turn: 7, size: 5, busy: 5, waiting: 34, wait_p95_ms: 1200};

/** Sessions of a pool that is full, one of which blocks another. */
const backends = Array.from({length: 5}, (_, index) =>
  createBackend({
    ...{pid: 11 + index, application_name: `web ${hostile}`, usename: hostile, client_addr: '10.0.0.2'},
    ...{state: 'active', wait_event_type: null, wait_event: null, query_id: '7', xact_age_ms: 90_000},
    query: `UPDATE orders SET note = '${hostile}'`,
    tags: {route: `/orders/${hostile}`, prismaQuery: 'Order.update:e30'},
    pool_report,
    ...(index === 1 && {wait_event_type: 'Lock', wait_event: 'transactionid', blocked_by: [11]}),
  }),
);

const wait = {pid: 12, blocked_by: [11], locktype: 'transactionid', mode: 'ShareLock', relation: hostile};

const slot: ReplicationSlot = {
  ...{
    name: hostile,
    kind: 'logical',
    database: hostile,
    plugin: 'pgoutput',
    is_active: false,
    active_pid: null,
  },
  ...{xmin_age: null, catalog_xmin_age: 12, retained_bytes: 3 * 2 ** 30, wal_status: 'extended'},
  ...{safe_wal_bytes: null, is_temporary: false, restart_lsn: '0/16B3748', xmin: null, catalog_xmin: null},
};

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 1, second)).toISOString();

function readingAt(second: number) {
  const added = createStatement({
    queryid: '7',
    query: `UPDATE ${hostile}`,
    calls: 3 * second,
    stats_since: at(5),
  });
  return createSnapshot({
    at: at(second),
    backends,
    statements: [createStatement({calls: 1000 * second}), ...(second > 5 ? [added] : [])],
    lock_waits: [{...wait, wait_age_ms: 1000 * second}],
    server: {replication: {slots: [slot], standbys: []}, wal: createWal()},
    unavailable: [{section: 'databases', sqlstate: '42501', reason: hostile, remedy: `GRANT ${hostile}`}],
  });
}

const issue: ScanIssue = {
  ...{kind: 'query-in-loop', file: `${hostile}/route.ts`, line: 12, detail: hostile, fix: hostile},
  patch: {line: 12, column: 3, insert: ', select: {id: true}'},
};
const endpoint: ScanEndpoint = {
  ...{route: `GET /${hostile}`, file: 'app/route.ts', line: 5, severity: 'high', connections: 1},
  ...{sequential_queries: null, queries: null, issues: [issue]},
  live: {statements: 2, calls: 12_000, total_exec_time_ms: 61_000, shared_with: 1},
};
const scanned: ScanResult = {
  report: {
    ...{schema_version: 1, directory: `/srv/${hostile}`, files: 30, endpoints: [endpoint]},
    ...{endpoints_without_queries: 4, application: [], accepted: [], problems: []},
  },
  ...{endpoint_files: {}, unjoined: hostile},
};

/** All that a view can show, with wide and hostile text in it. */
function watching(size: Size): ConsoleState {
  const [pool] = createPooler().pools;
  const pooler = createPooler({...(pool && {pools: [{...pool, database: hostile}]})});
  const diagnosisData = withFacts(noDiagnosisData, {facts: {pooler: {pooler, problem: null}}, unread: []});
  return play(
    open(...size, {
      recipes: [createRecipe({summary: hostile}), tuneConnectionLimit, replayEndpoint],
      scan: {directory: '/srv/shop', result: null, problem: null},
    }),
    read(readingAt(0)),
    {kind: 'diagnosis-data', at_ms: Date.parse(at(0)), diagnosisData},
    ...Array.from({length: 11}, (_, index) => read(readingAt(index + 1))),
    {kind: 'journal-read', entries: runEntries, problem: hostile, unfinished: 1},
    {kind: 'server-rows', serverRows},
    {kind: 'scanned', result: scanned},
  ).state;
}

/** A view with rows of every kind. */
export function viewState({key: viewKey}: Pick<View, 'key'>, size: Size): ConsoleState {
  return play(watching(size), key(viewKey)).state;
}
