import {computeBudget, type SlotSettings} from '../../core/activity/budget.ts';
import {withDatabaseRates} from '../../core/activity/rates.ts';
import {minimumBlocks} from '../../core/health/thresholds.ts';
import type {Database, LockWait, Snapshot} from '../../model/snapshot.ts';
import type {PgClient, RawPgClient} from '../connect/client.ts';
import {isoTime} from '../connect/client.ts';
import {poolerInBetween} from '../connect/pooler.ts';
import type {ConnectionRequest} from '../connect/request.ts';
import {type ActivityRow, activityQuery} from '../queries/activity.ts';
import {type CatalogRow, catalogQuery} from '../queries/catalog.ts';
import {type DatabaseRow, databasesQuery} from '../queries/databases.ts';
import {type IndexBuildRow, indexBuildsQuery} from '../queries/index-builds.ts';
import {type IndexHitsRow, indexHitsQuery} from '../queries/index-hits.ts';
import {type LockWaitRow, lockWaitsQuery} from '../queries/lock-waits.ts';
import {pickVariant, type Query} from '../queries/query.ts';
import {type SlotSettingsRow, slotSettingsQuery} from '../queries/slot-settings.ts';
import {type Capabilities, readCapabilities, withServer} from '../server/capabilities.ts';
import {readServerProof, type ServerProof} from '../server/server-proof.ts';
import {type Activity, createActivityReader, type Names, noNames, toNames} from './activity.ts';
import {createRun, createSections} from './sections.ts';
import {createStatementsReader, type StatementsReader, type StatementsRequest} from './statements-reader.ts';

/** What of a connection a reading needs. */
export type ReadableConnection = {
  client: PgClient;
  request: ConnectionRequest;
  server_version_num: number;
  is_pooled: boolean;
  marker: string;
};

/** What one round trip is to bring. */
export type ReadRequest = {
  /** Role, names and slot settings: what changes rarely. Needed by the first reading. */
  catalogs: boolean;
  /** Which server answers, and whether in a session of our own. */
  server: boolean;
  /** Every session, and the counters of databases where `databases` says so. */
  activity: boolean;
  databases: boolean;
  lock_waits: boolean;
  index_hits: boolean;
  index_builds: boolean;
  statements: StatementsRequest | null;
};

export const emptyRequest: ReadRequest = {
  catalogs: false,
  server: false,
  activity: false,
  databases: false,
  lock_waits: false,
  index_hits: false,
  index_builds: false,
  statements: null,
};

export type Reader = {
  /** One round trip. Throws when the connection is gone or the sessions cannot be read. */
  read(wanted: ReadRequest): Promise<Snapshot>;
  /** Null until the server's statistics are known to be readable. */
  statements(): StatementsReader | null;
  hasLockWaits(): boolean;
  /** The catalogs are behind: a role or database is not in them. */
  hasUnknownNames(): boolean;
};

/** Reads one connection's server; remembers what rates and names need. The first read must want the catalogs. */
export function createReader(connection: ReadableConnection, now: () => number): Reader {
  const {client, request, server_version_num} = connection;
  const run = createRun(client, connection);
  const sections = createSections(request.user, now);
  const activityReader = createActivityReader();
  const pick = (query: Query) => pickVariant(query, server_version_num);

  let capabilities: Capabilities | null = null;
  let proof: ServerProof | null = null;
  /** Both of them, made anew where one was read. */
  let known: Capabilities | null = null;
  let names: Names = noNames;
  let settings: SlotSettings | null = null;
  let activity: Activity | null = null;
  let databases: {at_ms: number; databases: Database[]} | null = null;
  let indexHitRatio: number | null = null;
  let indexBuilds: Snapshot['index_builds'] = [];
  let lockDetails = new Map<number, LockWaitRow>();
  let statements: StatementsReader | null = null;

  async function readCatalogs(): Promise<void> {
    const [found, roles, [slots]] = await Promise.all([
      readCapabilities(connection),
      run<CatalogRow>(pick(catalogQuery)),
      run<SlotSettingsRow>(pick(slotSettingsQuery)),
    ]);
    names = toNames(roles);
    if (slots !== undefined) {
      const [max_connections, superuser_reserved_connections, reserved_connections] = slots;
      const {role_and_database_limits} = names;
      settings = {
        max_connections,
        superuser_reserved_connections,
        reserved_connections,
        role_and_database_limits,
      };
    }
    if (hasMoved(capabilities, found)) {
      statements = openStatements(found);
      sections.forget('statements');
    }
    capabilities = found;
    known = null;
  }

  async function readServer(): Promise<void> {
    proof = await readServerProof(client, connection.marker);
    known = null;
  }

  function openStatements({statements_schema: schema, target}: Capabilities): StatementsReader | null {
    const version = target.statements_version;
    return schema === null || version === null ? null : createStatementsReader(run, {schema, version});
  }

  /** Rows wait for the catalogs of the same round trip, whose names they need. */
  async function readActivity(catalogs: Promise<void>): Promise<void> {
    const [rows] = await Promise.all([
      run<ActivityRow>(pick(activityQuery), [activityReader.knownSince_s()]),
      catalogs,
    ]);
    activity = activityReader.read(rows, names);
  }

  async function readDatabases(activityRead: Promise<void>): Promise<void> {
    const [rows] = await Promise.all([run<DatabaseRow>(pick(databasesQuery)), activityRead]);
    const current = {at_ms: activity?.at_ms ?? 0, databases: rows.map(toDatabase)};
    const rated = databases === null ? current.databases : withDatabaseRates(databases, current);
    databases = {...current, databases: rated};
  }

  async function readIndexHits(): Promise<void> {
    const [row] = await run<IndexHitsRow>(pick(indexHitsQuery));
    if (row !== undefined)
      indexHitRatio = row[0] + row[1] < minimumBlocks.per_ratio ? null : ratio(row[0], row[1]);
  }

  async function readIndexBuilds(): Promise<void> {
    const rows = await run<IndexBuildRow>(pick(indexBuildsQuery));
    indexBuilds = rows.map(([pid, phase, relation]) => ({pid, phase, relation}));
  }

  async function readLockWaits(): Promise<void> {
    const rows = await run<LockWaitRow>(pick(lockWaitsQuery));
    lockDetails = new Map(rows.map(row => [row[0], row]));
  }

  /** Everything is issued before anything is awaited: one round trip carries it all. */
  async function readAll(wanted: ReadRequest): Promise<void> {
    const {stream} = (client as RawPgClient).connection;
    // One write for all of them, instead of several for each.
    stream.cork();
    const parts = issue(wanted);
    stream.uncork();
    // All are waited for even when one fails: an answer that comes later must find somebody.
    const failed = (await Promise.allSettled(parts)).find(part => part.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  function issue(wanted: ReadRequest): Promise<void>[] {
    const catalogs = wanted.catalogs ? readCatalogs() : Promise.resolve();
    const sessions = wanted.activity ? readActivity(catalogs) : Promise.resolve();
    const {statements: statementsWanted} = wanted;
    const open = statements;
    const parts: Promise<void>[] = [catalogs, sessions];
    if (wanted.server) parts.push(readServer());
    if (wanted.databases) parts.push(sections.attempt('databases', () => readDatabases(sessions)));
    if (wanted.lock_waits) parts.push(sections.attempt('lock_waits', readLockWaits));
    if (wanted.index_hits) parts.push(sections.attempt('index_hits', readIndexHits));
    if (wanted.index_builds) parts.push(sections.attempt('index_builds', readIndexBuilds));
    if (statementsWanted !== null && open !== null) {
      parts.push(sections.attempt('statements', () => open.read(statementsWanted, names)));
    }
    return parts;
  }

  function compose(cost: Snapshot['cost']): Snapshot {
    if (activity === null || settings === null || capabilities === null) {
      throw new Error('the server answered without its sessions or settings');
    }
    const {sessions, isOwn, at, background_workers} = activity;
    known ??= proof === null ? capabilities : withServer(capabilities, proof);
    const {target} = known;
    return {
      schema_version: 1,
      at,
      target,
      budget: computeBudget(settings, sessions, isOwn),
      backends: sessions.filter(session => !isOwn(session)),
      background_workers,
      statements: statements?.statements() ?? [],
      statements_info: statements?.info() ?? null,
      index_builds: indexBuilds,
      lock_waits: toLockWaits(activity, lockDetails),
      databases: (databases?.databases ?? []).map(database =>
        database.datname === target.database ? {...database, index_hit_ratio: indexHitRatio} : database,
      ),
      unavailable: [
        ...(connection.is_pooled || !known.is_own_session ? [poolerInBetween] : []),
        ...known.unavailable,
        ...sections.unavailable(),
      ],
      cost,
    };
  }

  return {
    async read(wanted) {
      const started = now();
      const bytesBefore = bytesRead(client);
      await readAll(wanted);
      return compose({round_trip_ms: now() - started, response_bytes: bytesRead(client) - bytesBefore});
    },
    statements: () => statements,
    hasLockWaits: () => activity?.has_lock_waits ?? false,
    hasUnknownNames: () => activity?.has_unknown_names ?? false,
  };
}

/** Installed, updated or moved to another schema since: its queries are others. */
function hasMoved(before: Capabilities | null, after: Capabilities): boolean {
  return (
    before?.statements_schema !== after.statements_schema ||
    before?.target.statements_version !== after.target.statements_version
  );
}

function toDatabase(row: DatabaseRow): Database {
  const [datname, numbackends, xact_commit, xact_rollback, blks_hit, blks_read, deadlocks, temp_bytes] = row;
  return {
    datname,
    numbackends,
    xact_commit,
    xact_rollback,
    blks_hit,
    blks_read,
    cache_hit_ratio: ratio(blks_hit, blks_read),
    index_hit_ratio: null,
    deadlocks,
    temp_bytes,
    ...(row[9] !== null && {sessions_fatal: row[9]}),
    stats_reset: isoTime(row[8]),
  };
}

function ratio(hit: number, read: number): number | null {
  return hit + read === 0 ? null : hit / (hit + read);
}

/**
 * Who waits is known with every reading; for what, only where pg_locks was asked, which is left for the reading
 * after the first that shows somebody waiting. Until then the wait event names the kind of lock.
 */
function toLockWaits({sessions}: Activity, details: ReadonlyMap<number, LockWaitRow>): LockWait[] {
  return sessions
    .filter(({wait_event_type}) => wait_event_type === 'Lock')
    .map(({pid, blocked_by, wait_event, query_age_ms}) => {
      const [, locktype, mode, relation, wait_age_ms, transactionid] = details.get(pid) ?? [];
      return {
        pid,
        blocked_by,
        locktype: locktype ?? wait_event ?? '',
        mode: mode ?? '',
        relation: relation ?? null,
        ...(transactionid && {transactionid}),
        wait_age_ms:
          wait_age_ms === null || wait_age_ms === undefined ? query_age_ms : Math.max(0, wait_age_ms),
      };
    });
}

/** As they come from the wire, encryption included. */
function bytesRead(client: PgClient): number {
  return (client as RawPgClient).connection.stream.bytesRead;
}
