import {type ApplicationName, readApplicationName} from '../../core/pool/reported-pool.ts';
import {backendStates, isWaitingForLock} from '../../core/sessions/session.ts';
import {shownStatement, shownTags} from '../../core/sql/shown-sql.ts';
import {memoize} from '../../core/text/memoize.ts';
import type {Backend, BackendState, BackgroundWorker} from '../../model/snapshot.ts';
import {type ActivityRow, activityColumns as column} from '../queries/activity.ts';
import type {Names} from './names.ts';

/** The result of one read of pg_stat_activity. */
export type Activity = {
  /** The server's clock, ISO 8601 UTC with microseconds. */
  at: string;
  at_ms: number;
  /** All client sessions, hidden ones and poolctl's own included: each holds a slot. */
  sessions: Backend[];
  isOwn(session: Backend): boolean;
  background_workers: BackgroundWorker[];
  /** A session or a background process waits for a lock. */
  has_lock_waits: boolean;
  /** A role or database is not in `names`: the catalogs must be read again. */
  has_unknown_names: boolean;
};

export type ActivityReader = {
  /** For the query's `$1`: texts of sessions unchanged since then are known. Null requests all. */
  knownSince_s(): number | null;
  /** null if a session that was not sent again is not known: all are to be requested. */
  read(received: readonly ActivityRow[], names: Names): Activity | null;
};

/** A text younger than this is requested again, as the rows of one read are not from one instant. */
const repeatedFor_us = 2e6;

/** Turns rows into sessions. It caches texts and formatted values, as most sessions do not change between reads. */
export function createActivityReader(): ActivityReader {
  const format = createFormat();
  let known = new Map<number, CachedRow>();
  let knownSince_s: number | null = null;
  return {
    knownSince_s: () => knownSince_s,
    read(received, names) {
      const cachedRows = new Map<number, CachedRow>();
      const own = received.find(row => row[column.own_now_us] !== null);
      const rows = withUnchanged(received, own?.[column.unchanged_pids] ?? null, known);
      if (rows === null) {
        knownSince_s = null;
        return null;
      }
      const now_us = own?.[column.own_now_us] ?? 0;
      const activity: Omit<Activity, 'isOwn'> = {
        at: format.time(now_us),
        at_ms: now_us / 1000,
        sessions: [],
        background_workers: [],
        has_lock_waits: false,
        has_unknown_names: false,
      };
      const ownPids = new Set<number>();
      const since_us = knownSince_s === null ? null : knownSince_s * 1e6;
      let isTextMissing = own === undefined;
      for (const row of rows) {
        const before = known.get(row[column.pid]);
        const change_us = row[column.state_change_us];
        const isRepeated = since_us === null || change_us === null || change_us >= since_us;
        if (!isRepeated && !isUnchanged(row, before)) isTextMissing = true;
        const cached = cacheRow(row, before, {isRepeated, format});
        cached.row = row;
        cachedRows.set(row[column.pid], cached);
        if (!isClientSession(row)) {
          const worker = toWorker(row, names, now_us, cached, format);
          activity.background_workers.push(worker);
          if (isWaitingForLock(worker)) activity.has_lock_waits = true;
          continue;
        }
        const session = toBackend(row, names, now_us, cached, format);
        activity.sessions.push(session);
        if (isOwnRow(row, own)) ownPids.add(session.pid);
        if (isWaitingForLock(session)) activity.has_lock_waits = true;
        if (isUnknown(row, names)) activity.has_unknown_names = true;
      }
      known = cachedRows;
      knownSince_s = isTextMissing ? null : (now_us - repeatedFor_us) / 1e6;
      return {...activity, isOwn: session => ownPids.has(session.pid)};
    },
  };
}

/** How values are shown. Sessions of a pool have mostly the same names, statements and times, which are formatted once. */
type Format = {
  name(text: string): ApplicationName;
  statement(text: string): string;
  /** ISO 8601 UTC with microseconds, which a Date does not have and an identity needs. */
  time(us: number): string;
  timeOrNull(us: number | null): string | null;
};

function createFormat(): Format {
  let last = {seconds: Number.NaN, text: ''};
  const time = (us: number) => {
    const seconds = Math.floor(us / 1e6);
    if (seconds !== last.seconds) last = {seconds, text: new Date(seconds * 1000).toISOString().slice(0, 19)};
    return `${last.text}.${String(us - seconds * 1e6).padStart(6, '0')}Z`;
  };
  return {
    name: memoize(readApplicationName, 1000),
    statement: memoize(shownStatement, 1000),
    time,
    timeOrNull: us => (us === null ? null : time(us)),
  };
}

/** The rows of all processes by pid; null if one is not known. */
function withUnchanged(
  received: readonly ActivityRow[],
  unchangedPids: string | null,
  known: ReadonlyMap<number, CachedRow>,
): ActivityRow[] | null {
  const rows = [...received];
  for (const pid of unchangedPids?.split(' ') ?? []) {
    const row = known.get(Number(pid))?.row;
    if (row === undefined) return null;
    rows.push(row);
  }
  return rows.sort((a, b) => a[column.pid] - b[column.pid]);
}

type CachedRow = {
  /** As it was sent last. */
  row: ActivityRow;
  start_us: number | null;
  backend_start: string | null;
  change_us: number | null;
  state_change: string | null;
  xact_us: number | null;
  xact_start: string | null;
  query_us: number | null;
  query_start: string | null;
  /** The server's own text, to see whether it changed. */
  raw: string | null;
  query: string | null;
  tags: Record<string, string>;
};

const noTags: Record<string, string> = {};
const noBlockers: number[] = [];

function isUnchanged(row: ActivityRow, before: CachedRow | undefined): before is CachedRow {
  return (
    before !== undefined &&
    before.start_us === row[column.backend_start_us] &&
    before.change_us === row[column.state_change_us]
  );
}

/** A procedure that commits begins transactions without a change of its session's state. */
function hasSameTimes(row: ActivityRow, before: CachedRow): boolean {
  return before.xact_us === row[column.xact_start_us] && before.query_us === row[column.query_start_us];
}

function cacheRow(
  row: ActivityRow,
  before: CachedRow | undefined,
  {isRepeated, format}: {isRepeated: boolean; format: Format},
): CachedRow {
  const [change_us, start_us] = [row[column.state_change_us], row[column.backend_start_us]];
  if (isUnchanged(row, before) && (!isRepeated || before.raw === row[column.query])) {
    if (hasSameTimes(row, before)) return before;
    return {...before, ...startsOf(row, before, format)};
  }
  const query = row[column.query];
  return {
    row,
    start_us,
    backend_start: before?.start_us === start_us ? before.backend_start : format.timeOrNull(start_us),
    change_us,
    state_change: format.timeOrNull(change_us),
    ...startsOf(row, before, format),
    raw: query,
    query: query === null ? null : format.statement(query),
    tags: query?.includes("='") ? shownTags(query) : noTags,
  };
}

/** When the transaction and the statement began; what has not changed is not formatted again. */
function startsOf(row: ActivityRow, before: CachedRow | undefined, format: Format) {
  const [xact_us, query_us] = [row[column.xact_start_us], row[column.query_start_us]];
  return {
    xact_us,
    xact_start: before?.xact_us === xact_us ? before.xact_start : format.timeOrNull(xact_us),
    query_us,
    query_start: before?.query_us === query_us ? before.query_start : format.timeOrNull(query_us),
  };
}

/**
 * A hidden row has no backend_type. With a role and a database it most likely uses a slot: background processes have no
 * role, walsenders of physical replicas no database. Only parallel workers, which exist while a query runs, look the
 * same.
 */
function isClientSession(row: ActivityRow): boolean {
  const backend_type = row[column.backend_type];
  return backend_type === null
    ? row[column.datid] !== null && row[column.usesysid] !== null
    : backend_type === 'client backend';
}

/** Only under the same role, as any application could choose the name. */
function isOwnRow(row: ActivityRow, own: ActivityRow | undefined): boolean {
  return (
    row === own ||
    (own !== undefined &&
      row[column.usesysid] === own[column.usesysid] &&
      (row[column.application_name] ?? '').startsWith('poolctl'))
  );
}

function isUnknown([, datid, usesysid]: ActivityRow, names: Names): boolean {
  return (datid !== null && !names.databases.has(datid)) || (usesysid !== null && !names.roles.has(usesysid));
}

function toBackend(
  row: ActivityRow,
  names: Names,
  now_us: number,
  cached: CachedRow,
  format: Format,
): Backend {
  const {backend_start, state_change, xact_start, query_start, query, tags} = cached;
  const [pid, datid, usesysid, application_name, client_addr, client_port, backend_type] = row;
  const role = usesysid === null ? undefined : names.roles.get(usesysid);
  const {name, report} = format.name(application_name ?? '');
  return {
    pid,
    backend_start,
    datid: datid === null ? null : String(datid),
    usesysid: usesysid === null ? null : String(usesysid),
    datname: datid === null ? null : (names.databases.get(datid) ?? null),
    usename: role?.name ?? null,
    is_superuser: role?.is_superuser ?? false,
    application_name: name,
    client_addr,
    // -1 is a unix socket.
    client_port: client_port === -1 ? null : client_port,
    backend_type,
    state: toState(row),
    wait_event_type: row[column.wait_event_type],
    wait_event: row[column.wait_event],
    xact_age_ms: ageSince(row[column.xact_start_us], now_us),
    query_age_ms: ageSince(row[column.query_start_us], now_us),
    state_age_ms: ageSince(row[column.state_change_us], now_us),
    state_change,
    xact_start,
    query_start,
    backend_xid: row[column.backend_xid],
    backend_age_ms: ageSince(row[column.backend_start_us], now_us),
    xmin_age: row[column.xmin_age],
    blocked_by: row[column.blocked_by] ?? noBlockers,
    query_id: row[column.query_id],
    query: backend_type === null ? null : query,
    tags: backend_type === null ? noTags : tags,
    ...(report !== null && {pool_report: report}),
  };
}

/** The server's now() is when the query began; a session may have changed state since. */
function ageSince(us: number | null, now_us: number): number | null {
  return us === null ? null : Math.max(0, Math.floor((now_us - us) / 1000));
}

/** Before PostgreSQL 18, a session that is still authenticating has no state although its row is not hidden. */
function toState(row: ActivityRow): BackendState | null {
  const state = backendStates.find(each => each === row[column.state]);
  return state ?? (row[column.backend_type] === null ? null : 'starting');
}

function toWorker(
  row: ActivityRow,
  names: Names,
  now_us: number,
  {query}: CachedRow,
  format: Format,
): BackgroundWorker {
  const [pid, datid, usesysid, application_name, , , backend_type] = row;
  return {
    pid,
    backend_type: backend_type ?? 'hidden',
    application_name: format.name(application_name ?? '').name,
    datname: datid === null ? null : (names.databases.get(datid) ?? null),
    usename: usesysid === null ? null : (names.roles.get(usesysid)?.name ?? null),
    state: backendStates.find(each => each === row[column.state]) ?? null,
    wait_event_type: row[column.wait_event_type],
    wait_event: row[column.wait_event],
    xact_age_ms: ageSince(row[column.xact_start_us], now_us),
    query_age_ms: ageSince(row[column.query_start_us], now_us),
    xmin_age: row[column.xmin_age],
    blocked_by: row[column.blocked_by] ?? noBlockers,
    leader_pid: row[column.leader_pid],
    query: query === '' ? null : query,
  };
}
