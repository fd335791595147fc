import {emptyRequest, type Reader, type ReadRequest} from './reader.ts';
import type {StatementsRequest} from './statements-reader.ts';

/** What is on show: it decides how often statements are read, and which texts are wanted first. */
export type Shown = {statements: boolean; queryids: readonly string[]};

/** Decides what each round trip brings: every part at its own pace. */
export type ReadingPlan = {
  /** What the first frame needs. */
  first(): ReadRequest;
  /** What the first frame can do without, right after it. */
  second(): ReadRequest;
  /** What is due at this tick. */
  tick(reader: Reader, shown: Shown): ReadRequest;
  /** All is due at the next tick, however lately it was read. */
  forget(): void;
  /** Texts on show that nobody asked for yet; null where there are none. */
  texts(reader: Reader, shown: Shown): ReadRequest | null;
};

const paceMs = {
  catalogs: 30_000,
  index_hits: 30_000,
  index_builds: 10_000,
  /** While nobody looks at them; on show they are read at each tick. */
  statements: 8000,
  scan: 10_000,
  texts: 10_000,
  /**
   * Before PG15 reading any statistics asks the collector for a file not older than 500 ms and waits for it
   * (backend_read_statsfile in pgstat.c); since then they are in shared memory. The first tick reads them all the
   * same: rates need two readings.
   */
  databases_before_15: 5000,
};

/** Texts fetched ahead of being shown, so that turning to the statements asks the server nothing. */
const prefetchedTexts = 60;

export function createReadingPlan(now: () => number, server_version_num: number): ReadingPlan {
  const lastMs = new Map<string, number>();
  let ticks = 0;
  /** Whether `part` was last read that long ago; if so, it counts as read now. */
  const isDue = (part: string, every_ms: number) => {
    if (now() - (lastMs.get(part) ?? Number.NEGATIVE_INFINITY) < every_ms) return false;
    lastMs.set(part, now());
    return true;
  };

  function statementsDue(reader: Reader, shown: Shown): StatementsRequest | null {
    const statements = reader.statements();
    if (statements === null) return null;
    const numbers = isDue('statements', shown.statements ? 0 : paceMs.statements);
    const scan = statements.isTruncated() && isDue('scan', paceMs.scan);
    const texts = textsDue(reader, shown);
    return numbers || scan || texts !== null ? {numbers, scan, texts} : null;
  }

  function textsDue(reader: Reader, shown: Shown): string[] | null {
    const statements = reader.statements();
    const lacking = statements?.lackingTexts(shown.queryids) ?? [];
    if (lacking.length > 0) return lacking;
    const top = statements?.statements().slice(0, prefetchedTexts) ?? [];
    const ahead = statements?.lackingTexts(top.map(({queryid}) => queryid)) ?? [];
    return ahead.length > 0 && isDue('texts', paceMs.texts) ? ahead : null;
  }

  return {
    first() {
      isDue('catalogs', 0);
      isDue('databases', 0);
      return {...emptyRequest, catalogs: true, activity: true, databases: true};
    },
    second() {
      for (const part of ['statements', 'index_hits', 'index_builds']) isDue(part, 0);
      return {
        ...emptyRequest,
        server: true,
        lock_waits: true,
        index_hits: true,
        index_builds: true,
        // No text is named: poolctl's own are learnt, which must not be on show.
        statements: {numbers: true, scan: false, texts: []},
      };
    },
    tick(reader, shown) {
      ticks++;
      const catalogs = isDue('catalogs', reader.hasUnknownNames() ? 1000 : paceMs.catalogs);
      return {
        catalogs,
        server: catalogs,
        activity: true,
        databases: isDue(
          'databases',
          server_version_num >= 150_000 || ticks === 1 ? 0 : paceMs.databases_before_15,
        ),
        lock_waits: reader.hasLockWaits(),
        index_hits: isDue('index_hits', paceMs.index_hits),
        index_builds: isDue('index_builds', paceMs.index_builds),
        statements: statementsDue(reader, shown),
      };
    },
    forget: () => lastMs.clear(),
    texts(reader, shown) {
      const lacking = reader.statements()?.lackingTexts(shown.queryids) ?? [];
      if (lacking.length === 0) return null;
      return {...emptyRequest, statements: {numbers: false, scan: false, texts: lacking}};
    },
  };
}
