import {type DatabaseCounters, ownCommitsIn, withDatabaseRates} from '../../core/activity/rates.ts';
import {minimumBlocks} from '../../core/health/thresholds.ts';
import type {Database} from '../../model/snapshot.ts';
import {isoTime, type PgClient, type RawPgClient} from '../connect/client.ts';
import {commitsIn} from '../connect/commits.ts';
import type {ConnectionRequest} from '../connect/request.ts';
import {oldestVersionNum, pickVariant, type ServerVersion} from '../queries/query.ts';
import {type DatabaseRow, databasesQuery, type IndexHitsRow, indexHitsQuery} from '../queries/server.ts';
import type {RunQuery} from './sections.ts';

export type DatabasesReader = {
  /** Right after the sessions of the same round trip, whose time is that of the counters. */
  read(sessionsAt_ms: Promise<number>): Promise<void>;
  /** Of the connected database. Both ratios are over the same time, so it waits for the databases of the round trip. */
  readIndexHits(databasesRead: Promise<void>): Promise<void>;
  databases(): Database[];
};

export function createDatabasesReader(
  run: RunQuery,
  connection: ServerVersion & {client: PgClient; request: ConnectionRequest},
): DatabasesReader {
  const {client, request} = connection;
  const {database: datname} = request;
  const inFlight = countInFlight(client);
  let counters: DatabaseCounters | null = null;
  /** poolctl's own commits that the counters have counted. */
  let countedOwn = 0;
  let hits: HitCounters | null = null;
  let recentHits: Database['recent_hits'];

  return {
    async read(sessionsAt_ms) {
      const query = pickVariant(databasesQuery, connection);
      // Before the query is sent: what this session has committed until then, the counters have.
      const commits = commitsIn(request) + inFlight();
      const [rows, at_ms] = await Promise.all([run<DatabaseRow>(query), sessionsAt_ms]);
      const own = {datname, commits: counters === null ? 0 : commits - countedOwn};
      const current = {at_ms, databases: rows.map(toDatabase), own};
      const rated = counters === null ? current.databases : withDatabaseRates(counters, current);
      countedOwn = counters === null ? commits : countedOwn + ownCommitsIn(counters, current);
      counters = {...current, databases: rated};
    },
    async readIndexHits(databasesRead) {
      const [row] = await run<IndexHitsRow>(pickVariant(indexHitsQuery, oldestVersionNum));
      await databasesRead;
      const cache = counters?.databases.find(each => each.datname === datname);
      if (row === undefined || counters === null || cache === undefined) return;
      const current = {at_ms: counters.at_ms, cache, index: {blks_hit: row[0], blks_read: row[1]}};
      if (hits !== null && current.at_ms > hits.at_ms) recentHits = hitsBetween(hits, current);
      hits = current;
    },
    databases() {
      const index_hit_ratio = hits === null ? null : enoughHits(hits.index);
      const own = {index_hit_ratio, ...(recentHits !== undefined && {recent_hits: recentHits})};
      return (counters?.databases ?? []).map(each => (each.datname === datname ? {...each, ...own} : each));
    },
  };
}

/** One count for each client: several readers may follow each other on it. */
const inFlightOf = new WeakMap<PgClient, () => number>();

/** How many statements of this connection the server has not answered yet: each of a reading is a transaction of its own. */
function countInFlight(client: PgClient): () => number {
  const known = inFlightOf.get(client);
  if (known !== undefined) return known;
  const query = client.query.bind(client);
  let count = 0;
  client.query = <Row>(sentQuery: Parameters<PgClient['query']>[0]) => {
    count++;
    return query<Row>(sentQuery);
  };
  (client as RawPgClient).connection.on('readyForQuery', () => {
    count = Math.max(0, count - 1);
  });
  const inFlight = () => count;
  inFlightOf.set(client, inFlight);
  return inFlight;
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
    cache_hit_ratio: ratio({blks_hit, blks_read}),
    index_hit_ratio: null,
    deadlocks,
    temp_bytes,
    ...(row[9] !== null && {sessions_fatal: row[9]}),
    stats_reset: isoTime(row[8]),
  };
}

type Blocks = {blks_hit: number; blks_read: number};
type HitCounters = {at_ms: number; cache: Blocks; index: Blocks};

function ratio({blks_hit, blks_read}: Blocks): number | null {
  return blks_hit + blks_read === 0 ? null : blks_hit / (blks_hit + blks_read);
}

/** null: too few blocks to tell. */
function enoughHits(blocks: Blocks): number | null {
  return blocks.blks_hit + blocks.blks_read < minimumBlocks.per_ratio ? null : ratio(blocks);
}

function hitsBetween(earlier: HitCounters, later: HitCounters): Database['recent_hits'] {
  const since = (part: 'cache' | 'index') =>
    enoughHits({
      blks_hit: later[part].blks_hit - earlier[part].blks_hit,
      blks_read: later[part].blks_read - earlier[part].blks_read,
    });
  return {
    interval_ms: later.at_ms - earlier.at_ms,
    cache_hit_ratio: since('cache'),
    index_hit_ratio: since('index'),
  };
}
