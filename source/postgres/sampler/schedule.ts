import {statementKey} from '../../core/activity/rates.ts';
import {exitCodes} from '../../core/errors.ts';
import {onLost} from '../connect/loss.ts';
import {sqlstateOf} from '../sqlstate.ts';
import {emptyRequest, type Reader, type ReadRequest} from './reader.ts';
import type {ServerPace} from './server-state.ts';
import type {StatementsRequest} from './statements-reader.ts';

/** What the console shows: it decides how often statements are read, and whose texts come first; `server`: of the Server view. */
export type Visible = {statements: boolean; texts: readonly string[]; server?: ServerPace | null};

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
  /** What is visible and was not requested yet: texts of statements, the Server view; null if there is nothing. */
  shown(reader: Reader, visible: Visible): ReadRequest | null;
};

const intervals_ms = {
  catalogs: 30_000,
  index_hits: 30_000,
  index_builds: 10_000,
  /** While they are not visible; visible, they are read at each tick. Thousands of them are read less often. */
  statements: 8000,
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
  /** After a change: each part of the Server view, too. */
  let isAllDue = false;
  /** Whether `part` was last read `every_ms` ago or earlier; if so, it counts as read now. */
  const isDue = (part: string, every_ms: number) => {
    if (now() - (lastMs.get(part) ?? Number.NEGATIVE_INFINITY) < every_ms) return false;
    lastMs.set(part, now());
    return true;
  };

  function statementsDue(reader: Reader, visible: Visible): StatementsRequest | null {
    const statements = reader.statements();
    if (statements === null) return null;
    const least_ms = visible.statements ? 0 : intervals_ms.statements;
    const numbers = isDue('statements', Math.max(least_ms, statements.leastInterval_ms()));
    const texts = textsDue(reader, visible);
    return numbers || texts !== null ? {numbers, texts} : null;
  }

  function textsDue(reader: Reader, visible: Visible): string[] | null {
    const missing = reader.missingTexts(visible.texts);
    if (missing.length > 0) return missing;
    const top = reader.statements()?.statements().slice(0, prefetchedTexts) ?? [];
    const ahead = reader.missingTexts(top.map(statementKey));
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
        statements: {numbers: true, texts: []},
      };
    },
    tick(reader, visible) {
      ticks++;
      const index_hits = isDue('index_hits', intervals_ms.index_hits);
      const catalogs = isDue(
        'catalogs',
        reader.hasUnknownNames() || reader.isPromoted() ? 1000 : intervals_ms.catalogs,
      );
      const serverState = isAllDue && visible.server === 'shown' ? 'all' : (visible.server ?? 'drop');
      isAllDue = false;
      return {
        catalogs,
        server: catalogs,
        activity: true,
        databases: isDue(
          'databases',
          // Both hit ratios are over the same time.
          index_hits || server_version_num >= 150_000 || ticks === 1 ? 0 : intervals_ms.databases_before_15,
        ),
        lock_waits: reader.hasLockWaits(),
        index_hits,
        index_builds: isDue('index_builds', intervals_ms.index_builds),
        statements: statementsDue(reader, visible),
        server_state: serverState,
      };
    },
    forget() {
      lastMs.clear();
      isAllDue = true;
    },
    shown(reader, visible) {
      const missing = visible.statements ? reader.missingTexts(visible.texts) : [];
      const server = visible.server ?? null;
      const isServerMissing = server !== null && reader.lacksServerState(server);
      if (missing.length === 0 && !isServerMissing) return null;
      return {
        ...emptyRequest,
        ...(missing.length > 0 && {statements: {numbers: false, texts: missing}}),
        ...(isServerMissing && {server_state: server}),
      };
    },
  };
}

/** Waits that end early: `wake` resolves them, and they reject when the signal aborts. */
export type InterruptibleTimer = {
  /** Until `ms` have passed or `wake` is called. Throws the error of `lost` as soon as that resolves. */
  sleep(ms: number, lost?: Promise<Error>): Promise<void>;
  /** `promise`, or null if it takes longer than `ms`; the promise keeps running. */
  within<T>(promise: Promise<T>, ms: number): Promise<T | null>;
  raceAbort<T>(promise: Promise<T>): Promise<T>;
  wake(): void;
};

export function createInterruptibleTimer(signal: AbortSignal): InterruptibleTimer {
  const wakers = new Set<() => void>();

  /** Runs `start`, which returns its clean-up; rejects when the signal aborts. */
  function abortable<T>(
    start: (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void,
  ) {
    return new Promise<T>((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = () => {
        cleanUp();
        reject(signal.reason);
      };
      let cleanUp = () => {};
      let isFinished = false;
      const finish = () => {
        signal.removeEventListener('abort', onAbort);
        isFinished = true;
        cleanUp();
      };
      cleanUp = start(
        value => {
          finish();
          resolve(value);
        },
        error => {
          finish();
          reject(error);
        },
      );
      // `start` itself may have finished: the connection was lost before.
      if (isFinished) cleanUp();
      else signal.addEventListener('abort', onAbort, {once: true});
    });
  }

  return {
    sleep: (ms, lost) =>
      abortable<void>((resolve, reject) => {
        const wake = () => resolve();
        const timer = setTimeout(wake, Math.max(0, ms));
        wakers.add(wake);
        const stopListening = lost ? onLost(lost, reject) : () => {};
        return () => {
          stopListening();
          clearTimeout(timer);
          wakers.delete(wake);
        };
      }),
    within: <T>(promise: Promise<T>, ms: number) =>
      abortable<T | null>((resolve, reject) => {
        const timer = setTimeout(() => resolve(null), ms);
        promise.then(resolve, reject);
        return () => clearTimeout(timer);
      }),
    raceAbort: promise =>
      abortable((resolve, reject) => {
        promise.then(resolve, reject);
        return () => {};
      }),
    wake() {
      for (const wake of [...wakers]) wake();
    },
  };
}

/** How long to wait between reads. */
export type AdaptiveInterval = {
  /** Milliseconds, clamped to 500 and 60,000. */
  setInterval(interval_ms: number): void;
  /** How long the last read took. */
  record(read_ms: number): void;
  effectiveMs(): number;
};

const shortestMs = 500;

const longestMs = 60_000;

/**
 * Limits reading to a tenth of the time: if two reads in a row took longer than a tenth of the interval, the interval
 * becomes ten times the shorter of them. One quick read restores the interval.
 */
export function createAdaptiveInterval(interval_ms: number): AdaptiveInterval {
  let requested = clamp(interval_ms);
  let last = 0;
  let beforeLast = 0;
  return {
    setInterval(ms) {
      requested = clamp(ms);
    },
    record(read_ms) {
      beforeLast = last;
      last = read_ms;
    },
    effectiveMs: () => Math.max(requested, clamp(10 * Math.min(last, beforeLast))),
  };
}

function clamp(interval_ms: number): number {
  return Math.min(longestMs, Math.max(shortestMs, interval_ms));
}

/** A connection that breaks sooner after its first reading may have been broken by what poolctl reads: the next one would be, too. */
export const shortLifeMs = 5000;

/**
 * How long to wait before the next attempt to connect. A restart takes a second or two, so poolctl tries every 100 to
 * 200 ms for the first ten seconds, then less and less often. It also tries less often while the server has no free slot,
 * because each attempt starts a process there, and after a refused password, because more attempts may lock the account.
 * A connection that was usable for `lasted_ms` is opened again immediately.
 */
export function reconnectPauseMs(error: unknown, lostFor_ms: number, lasted_ms = 0): number {
  if (lasted_ms >= shortLifeMs) return 0;
  const sqlstate = sqlstateOf(error);
  const jitter = 1 + Math.random();
  // Each attempt with a wrong password counts towards a lockout: wait as long as it has failed so far, up to five minutes.
  if (sqlstate === '28P01') return Math.min(300_000, Math.max(2500, lostFor_ms)) * jitter;
  if (sqlstate !== null && /^(28|3D)/.test(sqlstate)) return 2500 * jitter;
  if ((error as {exitCode?: unknown}).exitCode === exitCodes.noSlot) {
    return Math.min(1000, 150 + lostFor_ms / 20) * jitter;
  }
  return lostFor_ms < 10_000 ? 100 * jitter : Math.min(1000, lostFor_ms / 50) * jitter;
}
