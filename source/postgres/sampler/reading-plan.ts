import {emptyRequest, type Reader, type ReadRequest} from './reader.ts';
import type {StatementsRequest} from './statements-reader.ts';

/** What the console shows: it decides how often statements are read, and whose texts come first. */
export type Visible = {statements: boolean; queryids: readonly string[]};

/** Decides what each round trip reads: every part at its own interval. */
export type ReadingPlan = {
  /** What the first frame needs. */
  first(): ReadRequest;
  /** What is not in the first frame, right after it. */
  second(): ReadRequest;
  /** What is due at this tick. */
  tick(reader: Reader, visible: Visible): ReadRequest;
  /** Everything is due at the next tick. */
  forget(): void;
  /** Texts of visible statements that were not requested yet; null if there are none. */
  texts(reader: Reader, visible: Visible): ReadRequest | null;
};

const intervals_ms = {
  catalogs: 30_000,
  index_hits: 30_000,
  index_builds: 10_000,
  /** While they are not visible; visible, they are read at each tick. */
  statements: 8000,
  scan: 10_000,
  texts: 10_000,
  /**
   * Before PostgreSQL 15 reading statistics waits for the collector to write a file not older than 500 ms
   * (backend_read_statsfile in pgstat.c); since then they are in shared memory. The first tick reads them nevertheless,
   * as rates need two reads.
   */
  databases_before_15: 5000,
};

/** Texts fetched before they are visible, so that opening the Statements view queries nothing. */
const prefetchedTexts = 60;

export function createReadingPlan(now: () => number, server_version_num: number): ReadingPlan {
  const lastMs = new Map<string, number>();
  let ticks = 0;
  /** Whether `part` was last read `every_ms` ago or earlier; if so, it counts as read now. */
  const isDue = (part: string, every_ms: number) => {
    if (now() - (lastMs.get(part) ?? Number.NEGATIVE_INFINITY) < every_ms) return false;
    lastMs.set(part, now());
    return true;
  };

  function statementsDue(reader: Reader, visible: Visible): StatementsRequest | null {
    const statements = reader.statements();
    if (statements === null) return null;
    const numbers = isDue('statements', visible.statements ? 0 : intervals_ms.statements);
    const scan = statements.isTruncated() && isDue('scan', intervals_ms.scan);
    const texts = textsDue(reader, visible);
    return numbers || scan || texts !== null ? {numbers, scan, texts} : null;
  }

  function textsDue(reader: Reader, visible: Visible): string[] | null {
    const statements = reader.statements();
    const missing = statements?.missingTexts(visible.queryids) ?? [];
    if (missing.length > 0) return missing;
    const top = statements?.statements().slice(0, prefetchedTexts) ?? [];
    const ahead = statements?.missingTexts(top.map(({queryid}) => queryid)) ?? [];
    return ahead.length > 0 && isDue('texts', intervals_ms.texts) ? ahead : null;
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
        // An empty list still returns poolctl's own statements, which are never shown.
        statements: {numbers: true, scan: false, texts: []},
      };
    },
    tick(reader, visible) {
      ticks++;
      const catalogs = isDue('catalogs', reader.hasUnknownNames() ? 1000 : intervals_ms.catalogs);
      return {
        catalogs,
        server: catalogs,
        activity: true,
        databases: isDue(
          'databases',
          server_version_num >= 150_000 || ticks === 1 ? 0 : intervals_ms.databases_before_15,
        ),
        lock_waits: reader.hasLockWaits(),
        index_hits: isDue('index_hits', intervals_ms.index_hits),
        index_builds: isDue('index_builds', intervals_ms.index_builds),
        statements: statementsDue(reader, visible),
      };
    },
    forget: () => lastMs.clear(),
    texts(reader, visible) {
      const missing = reader.statements()?.missingTexts(visible.queryids) ?? [];
      if (missing.length === 0) return null;
      return {...emptyRequest, statements: {numbers: false, scan: false, texts: missing}};
    },
  };
}
