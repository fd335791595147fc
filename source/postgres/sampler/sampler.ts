import {statementKey} from '../../core/activity/rates.ts';
import {AbortError} from '../../core/errors.ts';
import type {SampleEvent, Sampler} from '../../model/ports.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import {silence, withDeadline} from '../connect/client.ts';
import type {Connection} from '../connect/connect.ts';
import {isRefusedLogin, needsExplanation, toAbortError} from '../connect/errors.ts';
import {isAboutOneQuery, sqlstateOf} from '../sqlstate.ts';
import {createReader, type Reader, type ReadRequest} from './reader.ts';
import {
  createAdaptiveInterval,
  createInterruptibleTimer,
  createReadingPlan,
  type InterruptibleTimer,
  type ReadingPlan,
  reconnectPauseMs,
  shortLifeMs,
  type Visible,
} from './schedule.ts';

/** Number of statements, the costliest first, whose texts a single read fetches. */
const statementsWithText = 100;
/** Besides, the slowest on average: whether they do work is seen in their text. */
const slowestWithText = 20;

/**
 * One complete snapshot: sessions, slots, statements and the texts of the costliest. With `rates_over_ms` the server is
 * read again after that time, and rates are of the time between. Throws as `readSeries`.
 */
export async function readOnce(
  connection: Connection,
  {
    rates_over_ms,
    ...options
  }: {rates_over_ms: number | null; deadline_ms?: number | undefined; server?: boolean},
): Promise<Snapshot> {
  const times = rates_over_ms === null ? {count: 1, every_ms: 0} : {count: 2, every_ms: rates_over_ms};
  const series = await readSeries(connection, {...times, ...options});
  return series.at(-1) as Snapshot;
}

type Series = {
  count: number;
  every_ms: number;
  deadline_ms?: number | undefined;
  /** With what the Server view shows. */
  server?: boolean;
};

/** The snapshots of `readEach`. */
export async function readSeries(connection: Connection, times: Series): Promise<Snapshot[]> {
  const series: Snapshot[] = [];
  for await (const snapshot of readEach(connection, times)) series.push(snapshot);
  return series;
}

/**
 * `count` snapshots, `every_ms` apart; the last one with the texts of the costliest statements. Throws the server's
 * errors, and AbortError (exit 3) if it does not answer within `deadline_ms`.
 */
export async function* readEach(
  connection: Connection,
  {count, every_ms, deadline_ms = 30_000, server = false}: Series,
): AsyncGenerator<Snapshot> {
  const plan = createReadingPlan(() => performance.now(), connection.server_version_num);
  const reader = createReader(connection, () => performance.now());
  const read = (request: ReadRequest) => withDeadline(reader.read(request), deadline_ms, connection);
  await read(plan.first());
  let last = await read({...plan.second(), server_state: server ? 'all' : 'drop'});
  for (let index = 1; index < count; index++) {
    yield last;
    // Loaded late: the console does not need it.
    const {setTimeout: sleep} = await import('node:timers/promises');
    await sleep(every_ms);
    const pace = index === count - 1 ? 'all' : 'shown';
    last = await read(plan.tick(reader, {statements: true, texts: [], server: server ? pace : null}));
  }
  const costliest = last.statements.slice(0, statementsWithText);
  const slowest = [...last.statements]
    .sort((a, b) => b.mean_exec_time_ms - a.mean_exec_time_ms)
    .slice(0, slowestWithText);
  const keys = [...costliest, ...slowest].map(statementKey);
  const texts = plan.shown(reader, {statements: true, texts: keys});
  // Texts only: counters read again immediately would give rates over a few milliseconds.
  yield texts === null ? last : await read(texts);
}

export type SamplerOptions = {
  /** Opens the read-only connection, and reopens it after each loss. */
  connect: (signal: AbortSignal) => Promise<Connection>;
  /** Between reads: 500 to 60,000; default 2,000. */
  interval_ms?: number;
  /** A read that takes longer is reported as lost while poolctl keeps waiting for it; default 5,000. */
  deadline_ms?: number;
  /** After this long without an answer the connection is closed and opened again; default 30,000. */
  abandon_after_ms?: number;
  /** A user is there to call `refresh`: a login that was refused is tried again only then. */
  isAttended?: boolean;
};

/**
 * Reads snapshots of one server until the signal aborts. Each read starts after the last one ended, over one connection
 * that is opened again after a loss. The first read fetches only sessions and slots, so that the first frame waits for
 * one round trip; statements follow immediately. Never throws.
 */
export function createSampler(options: SamplerOptions): Sampler {
  const interval = createAdaptiveInterval(options.interval_ms ?? 2000);
  let visible: Visible = {statements: false, texts: []};
  let current: {timer: InterruptibleTimer; reader: Reader | null} | null = null;
  let isRefreshDue = false;

  async function* events(signal: AbortSignal): AsyncGenerator<SampleEvent> {
    const timer = createInterruptibleTimer(signal);
    let lostSince = performance.now();
    while (!signal.aborted) {
      current = {timer, reader: null};
      let connection: Connection | null = null;
      let firstReadAt = Number.POSITIVE_INFINITY;
      const lasted_ms = () => Math.max(0, performance.now() - firstReadAt);
      try {
        connection = await timer.raceAbort(options.connect(signal));
        for await (const event of readOver(connection, timer)) {
          if (event.kind === 'lost') {
            yield event;
            continue;
          }
          firstReadAt = Math.min(firstReadAt, performance.now());
          if (lasted_ms() >= shortLifeMs) lostSince = Number.POSITIVE_INFINITY;
          yield {...event, viaRescueUrl: connection.route === 'rescue'};
        }
      } catch (thrown) {
        if (signal.aborted) return;
        const error =
          connection !== null && needsExplanation(thrown, connection)
            ? toAbortError(thrown, connection.request)
            : thrown;
        lostSince = Math.min(lostSince, performance.now());
        const retry_in_ms = reconnectPauseMs(error, performance.now() - lostSince, lasted_ms());
        const isForUser = options.isAttended && isRefusedLogin(error);
        yield toLost(error, isForUser ? null : retry_in_ms);
        await pauseBeforeRetry(isForUser ? Number.POSITIVE_INFINITY : retry_in_ms, timer, signal);
      } finally {
        // Not awaited: a server that does not answer would delay the exit or the next connection.
        connection?.close().catch(() => {});
      }
    }
  }

  /** Ends early when `refresh` is called or the signal aborts. */
  async function pauseBeforeRetry(
    pause_ms: number,
    timer: InterruptibleTimer,
    signal: AbortSignal,
  ): Promise<void> {
    isRefreshDue = false;
    const until = performance.now() + pause_ms;
    while (!signal.aborted && !isRefreshDue && performance.now() < until)
      await timer.sleep(Math.min(until - performance.now(), longestTimeoutMs)).catch(() => {});
  }

  /** Throws when the connection is lost or the signal aborts. */
  async function* readOver(connection: Connection, timer: InterruptibleTimer): AsyncGenerator<SampleEvent> {
    const plan = createReadingPlan(() => performance.now(), connection.server_version_num);
    const reader = createReader(connection, () => performance.now());
    const {is_pooled} = connection;
    current = {timer, reader};
    const read = (request: ReadRequest) =>
      readPatiently(reader.read(request), timer, {...options, is_pooled});
    while ((yield* read(plan.first())) === null) await timer.sleep(interval.effectiveMs(), connection.lost);
    yield* read(plan.second());
    for (let tick = 0; ; tick++) {
      // Rates need two reads: the first pause is short, so that rates appear within a second.
      const pauseMs = () => (tick === 0 ? Math.min(1000, interval.effectiveMs()) : interval.effectiveMs());
      yield* pauseBeforeTick(pauseMs, {plan, reader, read, timer, lost: connection.lost});
      // A change may concern what is read rarely: an extension was installed, a role got another limit.
      if (isRefreshDue) plan.forget();
      isRefreshDue = false;
      const statements = reader.statements();
      const snapshot = yield* read(plan.tick(reader, visible));
      // The extension was installed or dropped: its statements are read as after the first read.
      if (reader.statements() !== statements) yield* read(plan.second());
      if (snapshot !== null) interval.record(snapshot.cost.round_trip_ms);
    }
  }

  type ReadContext = {
    plan: ReadingPlan;
    reader: Reader;
    read: (request: ReadRequest) => AsyncGenerator<SampleEvent, Snapshot | null>;
    timer: InterruptibleTimer;
    lost: Promise<Error>;
  };

  /** Waits until the next tick is due; meanwhile fetches what becomes visible. */
  async function* pauseBeforeTick(
    pauseMs: () => number,
    {plan, reader, read, timer, lost}: ReadContext,
  ): AsyncGenerator<SampleEvent> {
    const since = performance.now();
    for (;;) {
      // What became visible during the reading, too; once for each wake-up, as what cannot be read stays missing.
      const shown = plan.shown(reader, visible);
      if (shown !== null) yield* read(shown);
      const left = since + pauseMs() - performance.now();
      if (left <= 0 || isRefreshDue) return;
      await timer.sleep(left, lost);
    }
  }

  return {
    events,
    setInterval(interval_ms) {
      interval.setInterval(interval_ms);
      current?.timer.wake();
    },
    effectiveIntervalMs: () => interval.effectiveMs(),
    setVisible({statements, texts, server = null}) {
      visible = {statements, texts: [...texts], server};
      const missing = current?.reader?.missingTexts(texts) ?? [];
      const isServerMissing = server !== null && current?.reader?.lacksServerState(server) === true;
      if ((statements && missing.length > 0) || isServerMissing) current?.timer.wake();
    },
    refresh() {
      isRefreshDue = true;
      current?.timer.wake();
    },
  };
}

/**
 * One read, reported as lost while it does not answer. The connection is kept: a frozen or overloaded server answers in
 * the end, and more connections would add to its load. Returns null if the server refused this read only.
 */
async function* readPatiently(
  reading: Promise<Snapshot>,
  timer: InterruptibleTimer,
  {deadline_ms = 5000, abandon_after_ms = 30_000, is_pooled}: SamplerOptions & {is_pooled: boolean},
): AsyncGenerator<SampleEvent, Snapshot | null> {
  // It may reject after the last wait for it.
  reading.catch(() => {});
  const started = performance.now();
  for (;;) {
    let snapshot: Snapshot | null;
    try {
      snapshot = await timer.within(reading, deadline_ms);
    } catch (error) {
      if (!isAboutOneQuery((error as {code?: unknown}).code)) throw error;
      yield toLost(error, 0);
      return null;
    }
    if (snapshot !== null) {
      yield {kind: 'snapshot', snapshot};
      return snapshot;
    }
    const silentMs = performance.now() - started;
    const message = silence(silentMs, is_pooled);
    if (silentMs >= abandon_after_ms) throw new Error(message);
    yield {kind: 'lost', message, retry_in_ms: 0, sqlstate: null};
  }
}

/** setTimeout takes no more. */
const longestTimeoutMs = 2 ** 31 - 1;

/** The loss in one line, and when poolctl connects again. */
function toLost(error: unknown, retry_in_ms: number | null): SampleEvent {
  const message = error instanceof Error ? error.message : String(error);
  return {
    kind: 'lost',
    message: message.split('\n', 1)[0] ?? message,
    ...(error instanceof AbortError && error.hint !== undefined && {hint: error.hint}),
    retry_in_ms: retry_in_ms && Math.round(retry_in_ms),
    sqlstate: sqlstateOf(error),
  };
}
