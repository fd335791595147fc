import type {SampleEvent, Sampler} from '../../model/ports.ts';
import type {Snapshot} from '../../model/snapshot.ts';
import type {Connection} from '../connect/connect.ts';
import {toAbortError} from '../connect/errors.ts';
import {isAboutOneQuery} from '../sqlstate.ts';
import {UnreadableAnswerError} from '../wire/answer-limits.ts';
import {createReader, type Reader, type ReadRequest} from './reader.ts';
import {createReadingPlan, type ReadingPlan, type Shown} from './reading-plan.ts';
import {reconnectPauseMs, toLost} from './reconnect.ts';
import {createAdaptiveInterval, createInterruptibleTimer, type InterruptibleTimer} from './timing.ts';

export type SamplerOptions = {
  /** Opens the one connection that watches, and again after each loss. */
  connect: (signal: AbortSignal) => Promise<Connection>;
  /** Between readings: 500 to 60,000; 2,000 unless told. */
  interval_ms?: number;
  /** A reading that takes longer is told as lost, and waited for on; 5,000 unless told. */
  deadline_ms?: number;
  /** After so long without an answer the connection is given up; 30,000 unless told. */
  abandon_after_ms?: number;
};

/**
 * Readings of one server, for ever: the next starts after the last ended, over one connection that is opened
 * again when it is lost. The first reading brings sessions and slots alone, so that the first frame waits for one
 * round trip; statements follow at once. Never throws.
 */
export function createSampler(options: SamplerOptions): Sampler {
  const pace = createAdaptiveInterval(options.interval_ms ?? 2000);
  let shown: Shown = {statements: false, queryids: []};
  let current: {lapse: InterruptibleTimer; reader: Reader | null} | null = null;
  let isNudged = false;

  async function* readings(signal: AbortSignal): AsyncGenerator<SampleEvent> {
    const lapse = createInterruptibleTimer(signal);
    let lostSince = performance.now();
    while (!signal.aborted) {
      let connection: Connection | null = null;
      let hasRead = false;
      try {
        connection = await lapse.raceAbort(options.connect(signal));
        for await (const reading of follow(connection, lapse)) {
          if (reading.kind === 'lost') {
            yield reading;
            continue;
          }
          hasRead = true;
          lostSince = Number.POSITIVE_INFINITY;
          yield {...reading, viaRescueUrl: connection.route === 'rescue'};
        }
      } catch (thrown) {
        if (signal.aborted) return;
        // A pooler lets in, and says only later that it has no session to lend.
        const isWorded = connection?.is_pooled || thrown instanceof UnreadableAnswerError;
        const error = isWorded && connection ? toAbortError(thrown, connection.request) : thrown;
        lostSince = Math.min(lostSince, performance.now());
        // A connection that broke is opened again at once; one that never gave a reading is not insisted on.
        const retry_in_ms = hasRead ? 0 : reconnectPauseMs(error, performance.now() - lostSince);
        yield toLost(error, retry_in_ms);
        await lapse.sleep(retry_in_ms).catch(() => {});
      } finally {
        current = null;
        // Not waited for: a server that does not answer would hold up the way out, or back.
        connection?.close().catch(() => {});
      }
    }
  }

  /** Reads over one connection; throws when it is lost or the signal aborts. */
  async function* follow(connection: Connection, lapse: InterruptibleTimer): AsyncGenerator<SampleEvent> {
    const plan = createReadingPlan(() => performance.now(), connection.server_version_num);
    const reader = createReader(connection, () => performance.now());
    current = {lapse, reader};
    const read = (wanted: ReadRequest) => patiently(reader.read(wanted), lapse, options);
    while ((yield* read(plan.first())) === null) await lapse.sleep(pace.effectiveMs(), connection.lost);
    yield* read(plan.second());
    for (let tick = 0; ; tick++) {
      // Rates need two readings: the first wait is short, so that they are there within a second.
      const pauseMs = () => (tick === 0 ? Math.min(1000, pace.effectiveMs()) : pace.effectiveMs());
      yield* rest(pauseMs, {plan, reader, read, lapse, lost: connection.lost});
      // What was done may have changed what is read rarely: an extension is there, a role has another limit.
      if (isNudged) plan.forget();
      isNudged = false;
      const statements = reader.statements();
      const snapshot = yield* read(plan.tick(reader, shown));
      // The extension came or went: its statements are read as after the first reading.
      if (reader.statements() !== statements) yield* read(plan.second());
      if (snapshot !== null) pace.record(snapshot.cost.round_trip_ms);
    }
  }

  type Following = {
    plan: ReadingPlan;
    reader: Reader;
    read: (wanted: ReadRequest) => AsyncGenerator<SampleEvent, Snapshot | null>;
    lapse: InterruptibleTimer;
    lost: Promise<Error>;
  };

  /** Until the next tick is due; meanwhile it fetches the texts of statements that come to be on show. */
  async function* rest(pauseMs: () => number, following: Following): AsyncGenerator<SampleEvent> {
    const since = performance.now();
    for (;;) {
      const left = since + pauseMs() - performance.now();
      if (left <= 0 || isNudged) return;
      await following.lapse.sleep(left, following.lost);
      const texts = shown.statements ? following.plan.texts(following.reader, shown) : null;
      if (texts !== null) yield* following.read(texts);
    }
  }

  return {
    events: readings,
    setInterval(interval_ms) {
      pace.setInterval(interval_ms);
      current?.lapse.wake();
    },
    effectiveIntervalMs: () => pace.effectiveMs(),
    setVisible({statements, queryids}) {
      shown = {statements, queryids: [...queryids]};
      const lacking = current?.reader?.statements()?.lackingTexts(queryids) ?? [];
      if (statements && lacking.length > 0) current?.lapse.wake();
    },
    refresh() {
      isNudged = true;
      current?.lapse.wake();
    },
  };
}

/**
 * One reading, told as lost while it does not come. The connection is kept: a server that was frozen or saturated
 * answers in the end, and opening one connection after another would only add to its troubles. Returns null where
 * the server refused this reading alone.
 */
async function* patiently(
  reading: Promise<Snapshot>,
  lapse: InterruptibleTimer,
  {deadline_ms = 5000, abandon_after_ms = 30_000}: SamplerOptions,
): AsyncGenerator<SampleEvent, Snapshot | null> {
  // It may settle after nobody waits for it any more.
  reading.catch(() => {});
  const started = performance.now();
  for (;;) {
    let snapshot: Snapshot | null;
    try {
      snapshot = await lapse.within(reading, deadline_ms);
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
    const message = `the server has not answered for ${Math.round(silentMs / 1000)} s`;
    if (silentMs >= abandon_after_ms) throw new Error(message);
    yield {kind: 'lost', message, retry_in_ms: 0, sqlstate: null};
  }
}
