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
import {createFinding, createRecipe, key, open, play, read} from './played.ts';

/** No Thai: stock Ink takes fewer cells for it than terminals do, and moves what follows (see widths.test.ts). */
const hostile = '\u001b[2J\u202E漢字 \u0007e\u0301한';

/** The text of a field, by its name. */
type TextOf = (field: string) => string;

/** Sessions of a pool that is full, one of which blocks another. */
function backendsWith(textOf: TextOf) {
  const pool_report = {
    instance: textOf('instance'),
    ...{turn: 7, size: 5, busy: 5, waiting: 34, wait_p95_ms: 1200},
  };
  return Array.from({length: 5}, (_, index) =>
    createBackend({
      ...{pid: 11 + index, application_name: `web ${textOf('application')}`, usename: textOf('role')},
      ...{client_addr: '10.0.0.2', state: 'active', wait_event_type: null, wait_event: null, query_id: '7'},
      xact_age_ms: 90_000,
      query: `UPDATE orders SET note = '${textOf('query')}'`,
      tags: {route: `/orders/${textOf('route')}`, prismaQuery: `${textOf('operation')}:e30`},
      pool_report,
      ...(index === 1 && {wait_event_type: 'Lock', wait_event: 'transactionid', blocked_by: [11]}),
    }),
  );
}

function slotWith(textOf: TextOf): ReplicationSlot {
  return {
    ...{name: textOf('slot'), kind: 'logical', database: textOf('slotdatabase'), plugin: 'pgoutput'},
    ...{is_active: false, active_pid: null, xmin_age: null, catalog_xmin_age: 12},
    ...{retained_bytes: 3 * 2 ** 30, wal_status: 'extended', safe_wal_bytes: null, is_temporary: false},
    ...{restart_lsn: '0/16B3748', xmin: null, catalog_xmin: null},
  };
}

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 1, second)).toISOString();

function readingAt(second: number, textOf: TextOf) {
  const added = createStatement({
    queryid: '7',
    query: `UPDATE ${textOf('statement')}`,
    calls: 3 * second,
    stats_since: at(5),
  });
  const wait = {
    ...{pid: 12, blocked_by: [11], locktype: 'transactionid', mode: 'ShareLock'},
    ...{relation: textOf('relation'), wait_age_ms: 1000 * second},
  };
  return createSnapshot({
    at: at(second),
    backends: backendsWith(textOf),
    statements: [createStatement({calls: 1000 * second}), ...(second > 5 ? [added] : [])],
    lock_waits: [wait],
    server: {replication: {slots: [slotWith(textOf)], standbys: []}, wal: createWal()},
    unavailable: [
      {
        section: 'databases',
        sqlstate: '42501',
        reason: textOf('reason'),
        remedy: `GRANT ${textOf('remedy')}`,
      },
    ],
  });
}

function scannedWith(textOf: TextOf): ScanResult {
  const issue: ScanIssue = {
    ...{kind: 'query-in-loop', file: `${textOf('file')}/route.ts`, line: 12},
    ...{detail: textOf('detail'), fix: textOf('fix')},
    patch: {line: 12, column: 3, insert: ', select: {id: true}'},
  };
  const endpoint: ScanEndpoint = {
    ...{route: `GET /${textOf('endpoint')}`, file: 'app/route.ts', line: 5, severity: 'high', connections: 1},
    ...{sequential_queries: null, queries: null, issues: [issue]},
    live: {statements: 2, calls: 12_000, total_exec_time_ms: 61_000, shared_with: 1},
  };
  return {
    report: {
      ...{schema_version: 1, directory: '/srv/shop', files: 30, endpoints: [endpoint]},
      ...{endpoints_without_queries: 4, application: [], accepted: [], problems: []},
    },
    ...{endpoint_files: {}, unjoined: textOf('unjoined')},
  };
}

/** All that a view can show, with these texts in it; wide and hostile ones where none are given. */
function watching(size: Size, textOf: TextOf): ConsoleState {
  const [pool] = createPooler().pools;
  const pooler = createPooler({...(pool && {pools: [{...pool, database: textOf('pool')}]})});
  const diagnosisData = withFacts(noDiagnosisData, {facts: {pooler: {pooler, problem: null}}, unread: []});
  const recipe = createRecipe({
    summary: textOf('summary'),
    findings: () => [createFinding({summary: textOf('finding')})],
  });
  return play(
    open(...size, {
      recipes: [recipe, tuneConnectionLimit, replayEndpoint],
      scan: {directory: '/srv/shop', result: null, problem: null},
    }),
    read(readingAt(0, textOf)),
    {kind: 'diagnosis-data', at_ms: Date.parse(at(0)), diagnosisData},
    ...Array.from({length: 11}, (_, index) => read(readingAt(index + 1, textOf))),
    {
      kind: 'journal-read',
      entries: runEntries.map(entry => ({...entry, actor: textOf('actor')})),
      problem: textOf('problem'),
      unfinished: 1,
    },
    {kind: 'server-rows', serverRows},
    {kind: 'scanned', result: scannedWith(textOf)},
  ).state;
}

/** A view with rows of every kind. */
export function viewState(
  {key: viewKey}: Pick<View, 'key'>,
  size: Size,
  textOf: TextOf = () => hostile,
): ConsoleState {
  return play(watching(size, textOf), key(viewKey)).state;
}
