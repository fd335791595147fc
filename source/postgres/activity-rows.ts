import {type Backend, type BackendState, type BackgroundWorker, backendStates} from '../core/snapshot.ts';
import {parseTags} from '../core/tags.ts';
import type {Names} from './names.ts';
import type {ActivityRow} from './queries/activity.ts';

/** Everything one reading of the activity says. */
export type Activity = {
  /** The server's clock, ISO 8601 UTC with microseconds. */
  at: string;
  at_ms: number;
  /** All client sessions, hidden ones and poolctl's own included: each holds a slot. */
  sessions: Backend[];
  isOwn(session: Backend): boolean;
  background_workers: BackgroundWorker[];
  /** The role poolctl reads as. */
  own_role_oid: number | null;
  /** Somebody waits for a lock. */
  has_lock_waits: boolean;
  /** A role or database turned up that `names` does not know: the catalogs must be read again. */
  has_unknown_names: boolean;
};

/**
 * Turns rows into sessions. It remembers what was costly to make of a session's row last time, because most
 * sessions say the same again: at 500 sessions a reading costs half of what it would.
 */
export function createActivityReader(): (rows: readonly ActivityRow[], names: Names) => Activity {
  let known = new Map<number, Remembered>();
  return (rows, names) => {
    const seen = new Map<number, Remembered>();
    const own = rows.find(row => row[ownNow] !== null);
    const activity = emptyActivity(own);
    const ownPids = new Set<number>();
    for (const row of rows) {
      const remembered = remember(row, known.get(row[0]));
      seen.set(row[0], remembered);
      if (!isClientSession(row)) {
        activity.background_workers.push(toWorker(row));
        continue;
      }
      const session = toBackend(row, names, own?.[ownNow] ?? 0, remembered);
      activity.sessions.push(session);
      if (isOwnRow(row, own)) ownPids.add(session.pid);
      if (row[8] === 'Lock') activity.has_lock_waits = true;
      if (isUnknown(row, names)) activity.has_unknown_names = true;
    }
    known = seen;
    return {...activity, isOwn: session => ownPids.has(session.pid)};
  };
}

const ownNow = 18;

function emptyActivity(own: ActivityRow | undefined): Omit<Activity, 'isOwn'> {
  const now_us = own?.[ownNow] ?? 0;
  return {
    at: isoMicroseconds(now_us),
    at_ms: now_us / 1000,
    sessions: [],
    background_workers: [],
    own_role_oid: own?.[2] ?? null,
    has_lock_waits: false,
    has_unknown_names: false,
  };
}

type Remembered = {
  start_us: number | null;
  backend_start: string | null;
  change_us: number | null;
  state_change: string | null;
  query: string | null;
  tags: Record<string, string>;
};

const noTags: Record<string, string> = {};

function remember(row: ActivityRow, before: Remembered | undefined): Remembered {
  const change_us = row[12];
  const start_us = row[13];
  const query = row[16];
  const isSame = before !== undefined && before.start_us === start_us;
  if (isSame && before.query === query && before.change_us === change_us) return before;
  return {
    start_us,
    backend_start: isSame ? before.backend_start : isoOrNull(start_us),
    change_us,
    state_change: isoOrNull(change_us),
    query,
    tags: query?.includes('/*') ? parseTags(query) : noTags,
  };
}

function isoOrNull(us: number | null): string | null {
  return us === null ? null : isoMicroseconds(us);
}

/** A Date carries milliseconds, and an identity must match to the microsecond. */
function isoMicroseconds(us: number): string {
  const seconds = Math.floor(us / 1e6);
  const fraction = String(us - seconds * 1e6).padStart(6, '0');
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${fraction}Z`;
}

/**
 * A hidden row has no backend_type. Those with a role and a database hold a slot, most likely: background
 * processes have no role, walsenders of physical replicas no database. Hidden parallel workers cannot be told
 * apart; they exist while a query of another role runs.
 */
function isClientSession(row: ActivityRow): boolean {
  const backend_type = row[6];
  return backend_type === null ? row[1] !== null && row[2] !== null : backend_type === 'client backend';
}

/** Only under the same role: a name alone would let any application hide behind it. */
function isOwnRow(row: ActivityRow, own: ActivityRow | undefined): boolean {
  return row === own || (own !== undefined && row[2] === own[2] && (row[3] ?? '').startsWith('poolctl'));
}

function isUnknown([, datid, usesysid]: ActivityRow, names: Names): boolean {
  return (datid !== null && !names.databases.has(datid)) || (usesysid !== null && !names.roles.has(usesysid));
}

function toBackend(row: ActivityRow, names: Names, now_us: number, remembered: Remembered): Backend {
  const {backend_start, state_change, tags} = remembered;
  const [pid, datid, usesysid, application_name, client_addr, client_port, backend_type] = row;
  const role = usesysid === null ? undefined : names.roles.get(usesysid);
  return {
    pid,
    backend_start,
    datname: datid === null ? null : (names.databases.get(datid) ?? null),
    usename: role?.name ?? null,
    is_superuser: role?.is_superuser ?? false,
    application_name: application_name ?? '',
    client_addr,
    // -1 is a unix socket.
    client_port: client_port === -1 ? null : client_port,
    backend_type,
    state: toState(row),
    wait_event_type: row[8],
    wait_event: row[9],
    xact_age_ms: age(row[10]),
    query_age_ms: age(row[11]),
    state_age_ms: ageSince(row[12], now_us),
    state_change,
    backend_age_ms: ageSince(row[13], now_us),
    xmin_age: row[14],
    blocked_by: row[17] ?? [],
    query_id: row[15],
    query: backend_type === null ? null : row[16],
    tags: backend_type === null ? noTags : tags,
  };
}

/** now() is the moment the query began; a session may have changed state since. */
function age(ms: number | null): number | null {
  return ms === null ? null : Math.max(0, ms);
}

function ageSince(us: number | null, now_us: number): number | null {
  return us === null ? null : Math.max(0, Math.floor((now_us - us) / 1000));
}

/** Before PG18 names it, a session that still authenticates has no state though its row is not hidden. */
function toState(row: ActivityRow): BackendState | null {
  const state = backendStates.find(each => each === row[7]);
  return state ?? (row[6] === null ? null : 'starting');
}

function toWorker(row: ActivityRow): BackgroundWorker {
  return {
    pid: row[0],
    backend_type: row[6] ?? 'hidden',
    application_name: row[3] ?? '',
    state: backendStates.find(each => each === row[7]) ?? null,
    wait_event_type: row[8],
    wait_event: row[9],
    query_age_ms: age(row[11]),
    query: row[16] === null || row[16] === '' ? null : row[16],
  };
}
