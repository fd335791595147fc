import {type StatementCounters, statementKey, withStatementRates} from '../../core/activity/rates.ts';
import {
  addScanned,
  chooseStatements,
  mostListed,
  partsOf,
  type StatementScan,
  scanGrowth,
} from '../../core/activity/statement-scan.ts';
import {shownStatement} from '../../core/sql/shown-sql.ts';
import type {Statement, StatementsInfo} from '../../model/snapshot.ts';
import {isoTime} from '../connect/client.ts';
import {extensionVersionNum, pickVariant, type Query} from '../queries/query.ts';
import {
  type StatementRow,
  type StatementsInfoRow,
  type StatementsScanRow,
  type StatementTextRow,
  statementsInfoQuery,
  statementsQuery,
  statementsScanQuery,
  statementTextsQuery,
  wantedStatementsQuery,
} from '../queries/statements.ts';
import type {Names} from './names.ts';
import type {RunQuery} from './sections.ts';

/** What one round trip reads of the statements. */
export type StatementsRequest = {
  numbers: boolean;
  /** Keys of the statements whose texts to fetch; null fetches none. */
  texts: string[] | null;
};

export type StatementsReader = {
  /** Both send their queries immediately, so that they share the round trip of others sent in the same turn. */
  readNumbers(names: Names): Promise<void>;
  /** Of the statements with these keys. */
  readTexts(keys: readonly string[]): Promise<void>;
  statements(): Statement[];
  info(): StatementsInfo | null;
  /** What the counters cost says how often they may be read: a hundredth of one processor of the server at most. */
  leastInterval_ms(): number;
  /** Those of `keys` whose text was not read yet. */
  missingTexts(keys: readonly string[]): string[];
};

const costShare = 0.01;
/** Evictions are reported for this long after the last one. */
const evictionShownMs = 60_000;
/** Extension 1.8 does not count evictions. They happen when the list is full, 5 % at a time (entry_dealloc). */
const fullRatio = 0.95;
/** Texts kept before all are dropped; a thousand texts of Prisma's take about 1 MB. */
const maxTexts = 3000;

type Read = Pick<StatementCounters, 'statements' | 'is_complete' | 'scan'> & {
  /** Of poolctl, left out already. */
  own_entries: number;
  hidden: {entries: number; exec_time_ms: number};
};

/** Reads pg_stat_statements and never resets it. `schema` and `version` are the extension's. */
export function createStatementsReader(
  run: RunQuery,
  extension: {schema: string; version: string},
): StatementsReader {
  const version = extensionVersionNum(extension.version);
  const variant = (query: Query) => pickVariant(query, version, extension.schema);
  const texts = new Map<string, string | null>();
  const own = new Set<string>();
  let previous: StatementCounters | null = null;
  let counters: StatementCounters | null = null;
  let ownEntries = 0;
  let info: StatementsInfo | null = null;
  let lastEvictionMs = Number.NEGATIVE_INFINITY;
  let infoReadMs = 0;
  let listed: string[] = [];
  let entries = 0;
  let took_ms = 0;
  let shown: Statement[] = [];

  /** One round trip; another at the first reading of many entries, and another where statements are listed that were not before. */
  async function readNumbers(names: Names): Promise<void> {
    const isLarge = counters !== null && !counters.is_complete;
    // The server's clock is read with the counters that it dates.
    const readDated = (read: (names: Names) => Promise<Read | null>) =>
      Promise.all([run<StatementsInfoRow>(variant(statementsInfoQuery)), read(names)]);
    let [infoRows, read] = await readDated(isLarge ? readLarge : readAll);
    if (read === null) [infoRows, read] = await readDated(readLarge);
    const infoRow = infoRows[0];
    if (infoRow === undefined || read === null) return;
    const {hidden, own_entries, ...readable} = read;
    const current: StatementCounters = {
      at_ms: infoRow[3],
      stats_reset: isoTime(infoRow[1]),
      hidden_exec_time_ms: hidden.exec_time_ms,
      ...readable,
    };
    previous = counters;
    counters = current;
    ownEntries = own_entries;
    rate();
    info = {
      ...toInfo(infoRow),
      ...(hidden.entries > 0 && {hidden_entries: hidden.entries}),
      hidden_exec_time_ms: hidden.exec_time_ms,
    };
  }

  /** null if there are more entries than are read in full. */
  async function readAll(names: Names): Promise<Read | null> {
    const found = await run<StatementRow | HiddenRow>(variant(statementsQuery), [mostListed]);
    const rows = found.filter((row): row is StatementRow => row[0] !== null);
    const hidden = found.filter(row => row[0] === null);
    const statements = rows.map(row => toStatement(row, names));
    if (found.length >= mostListed) {
      listed = statements.map(statementKey);
      return null;
    }
    entries = found.length;
    took_ms = 0;
    return {
      statements,
      own_entries: 0,
      is_complete: true,
      hidden: {entries: hidden.length, exec_time_ms: hidden.reduce((sum, row) => sum + row[5], 0)},
    };
  }

  async function readLarge(names: Names): Promise<Read> {
    const [row] = await run<StatementsScanRow>(variant(statementsScanQuery), keyArrays(listed));
    const [lines, wanted, scan_ms, hidden_entries, exec_time_ms] = row ?? [null, [], 0, 0, 0];
    const scan: StatementScan = new Map();
    for (const part of partsOf(lines ?? '')) {
      addScanned(scan, part);
      // Keys and other answers come between the parts.
      await new Promise(resolve => setImmediate(resolve));
    }
    entries = scan.size + hidden_entries;
    took_ms = scan_ms;
    // Not to be listed.
    const own_entries = dropOwn(scan);
    const read = new Map(
      wanted.map(each => toStatement(each, names)).map(each => [statementKey(each), each]),
    );
    listed = chooseStatements(scan, scanGrowth(counters?.scan ?? null, scan), mostListed);
    const missing = listed.filter(key => !read.has(key));
    const more =
      missing.length === 0 ? [] : await run<StatementRow>(variant(wantedStatementsQuery), keyArrays(missing));
    for (const row of more) {
      const statement = toStatement(row, names);
      const key = statementKey(statement);
      const scanned = scan.get(key);
      // Read a moment later than the scan: the counters of rates are the scan's.
      if (scanned !== undefined && !read.has(key)) read.set(key, {...statement, ...scanned});
    }
    const statements = listed.flatMap(key => read.get(key) ?? []);
    const hidden = {entries: hidden_entries, exec_time_ms};
    return {statements, own_entries, is_complete: entries < mostListed, scan, hidden};
  }

  /** Rates of what was read last; again where poolctl's own are known now: they are no part of the time that shares are of. */
  function rate(): void {
    if (counters === null) return;
    const listed = counters.statements.length;
    const dropped = counters.scan === undefined ? 0 : dropOwn(counters.scan);
    [previous, counters] = [previous && withoutOwn(previous), withoutOwn(counters)];
    ownEntries += counters.scan === undefined ? listed - counters.statements.length : dropped;
    show(previous === null ? counters.statements : withStatementRates(previous, counters));
  }

  function withoutOwn(of: StatementCounters): StatementCounters {
    return {...of, statements: of.statements.filter(each => !own.has(textKeyOf(statementKey(each))))};
  }

  /** Returns how many there were. */
  function dropOwn(scan: StatementScan): number {
    let dropped = 0;
    for (const key of own)
      for (const toplevel of [true, false]) dropped += Number(scan.delete(`${key}/${toplevel}`));
    return dropped;
  }

  function toInfo([dealloc, stats_reset, max_entries, at_ms]: StatementsInfoRow): StatementsInfo {
    const known = Math.max(entries, shown.length);
    const isEvicting =
      dealloc === null ? known >= max_entries * fullRatio : info !== null && dealloc > info.dealloc;
    if (isEvicting) lastEvictionMs = at_ms;
    const elapsed_ms = at_ms - infoReadMs;
    const evicted = dealloc === null || info === null ? -1 : dealloc - info.dealloc;
    const evictions = evicted < 0 || elapsed_ms <= 0 ? null : (evicted * 60_000) / elapsed_ms;
    infoReadMs = at_ms;
    return {
      at: new Date(at_ms).toISOString(),
      dealloc: dealloc ?? 0,
      stats_reset: isoTime(stats_reset),
      entries: known,
      max_entries,
      is_evicting: at_ms - lastEvictionMs < evictionShownMs,
      ...(evictions !== null && {evictions_per_minute: evictions}),
    };
  }

  async function readTexts(keys: readonly string[]): Promise<void> {
    if (texts.size > maxTexts) texts.clear();
    const queryids = [...new Set(keys.map(key => key.split('/')[2] ?? ''))];
    const rows = await run<StatementTextRow>(variant(statementTextsQuery), [queryids]);
    const known = own.size;
    // A statement may have been evicted since.
    for (const key of keys) texts.set(textKeyOf(key), null);
    for (const row of rows) {
      const [queryid, dbid, userid, query, isOwn] = row;
      const key = `${userid}/${dbid}/${queryid}`;
      if (isOwn) own.add(key);
      texts.set(key, query === null ? null : shownStatement(query));
    }
    if (own.size > known) rate();
    else show(shown);
  }

  function show(statements: readonly Statement[]): void {
    shown = statements.map(withText);
  }

  function withText(statement: Statement): Statement {
    const query = texts.get(textKeyOf(statementKey(statement)));
    return query === undefined || query === statement.query ? statement : {...statement, query};
  }

  return {
    readNumbers,
    readTexts,
    statements: () => shown,
    info: () => info && {...info, own_entries: ownEntries},
    leastInterval_ms: () => took_ms / costShare,
    missingTexts: keys => keys.filter(key => !texts.has(textKeyOf(key))),
  };
}

/** Of a statement's key: toplevel and nested entries of a role and database have the same text. */
function textKeyOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/'));
}

/** The parts of keys as the arrays of a query: queryids, databases, roles. */
function keyArrays(keys: readonly string[]): string[][] {
  const parts = keys.map(key => key.split('/'));
  return [2, 1, 0].map(index => parts.map(each => each[index] ?? ''));
}

type HiddenRow = [
  queryid: null,
  dbid: number,
  userid: number,
  toplevel: boolean,
  calls: number,
  total_exec_time: number,
];

function toStatement(row: StatementRow, names: Names): Statement {
  const [queryid, dbid, userid, toplevel] = row;
  return {
    queryid,
    dbid: String(dbid),
    userid: String(userid),
    toplevel,
    datname: names.databases.get(dbid) ?? null,
    usename: names.roles.get(userid)?.name ?? null,
    query: null,
    calls: row[4],
    total_exec_time_ms: row[5],
    mean_exec_time_ms: row[6],
    stddev_exec_time_ms: row[7],
    min_exec_time_ms: row[8],
    max_exec_time_ms: row[9],
    total_plan_time_ms: row[10],
    rows: row[11],
    shared_blks_hit: row[12],
    shared_blks_read: row[13],
    shared_blks_dirtied: row[14],
    temp_blks_read: row[15],
    temp_blks_written: row[16],
    wal_bytes: row[17],
    blk_read_time_ms: row[18],
    blk_write_time_ms: row[19],
    stats_since: isoTime(row[20]),
  };
}
