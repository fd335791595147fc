import {comparable, walRates} from '../../core/server/wal-rates.ts';
import type {ServerState, WalState} from '../../model/server-state.ts';
import type {BackgroundWorker} from '../../model/snapshot.ts';
import type {Connection} from '../connect/connect.ts';
import {createAutovacuumReader} from '../facts/autovacuum.ts';
import {createHostReader} from '../facts/host.ts';
import {readMaintenance} from '../facts/maintenance.ts';
import {createProgressReader} from '../facts/progress.ts';
import {readReplication} from '../facts/replication.ts';
import {createIoReader} from '../facts/server-io.ts';
import {readServerLog} from '../facts/server-log.ts';
import {readWal} from '../facts/wal.ts';
import {readWriteState} from '../facts/write-state.ts';
import type {Sections} from './sections.ts';

type ReadConnection = Pick<Connection, 'client' | 'features' | 'request' | 'server_version_num'>;

type ReadPart = Exclude<keyof ServerState, 'sequences'>;

/** A reader of each part: it sends its queries together, and gets what it read before. */
type Readers = {
  [Part in ReadPart]-?: (
    connection: ReadConnection,
    before: ServerState[Part],
  ) => Promise<NonNullable<ServerState[Part]>>;
};

/** What is read: everything together; what the view shows; the same rarely, for a recording; the host, for its cores. */
export type ServerPace = 'all' | 'shown' | 'recorded' | 'host';

export type ServerStateReader = {
  /** Sends every query before it returns. A part that fails is listed as unavailable. */
  read(pace: ServerPace): Promise<void>[];
  /** A part that `pace` needs was never read. */
  lacks(pace: ServerPace): boolean;
  /** `workers`: those of the last reading of the sessions. */
  state(workers: readonly BackgroundWorker[]): ServerState;
};

/**
 * How often each part is read while it is shown. What a command does now is worth little later; the rest changes slowly, and some
 * of it reads the statistics of every table.
 */
const every_ms: Record<ReadPart, number> = {
  progress: 2000,
  host: 10_000,
  wal: 10_000,
  io: 10_000,
  replication: 10_000,
  server_log: 10_000,
  autovacuum: 30_000,
  maintenance: 30_000,
  write_state: 30_000,
};
const parts = Object.keys(every_ms) as ReadPart[];

/** What has rates, which need two readings: the second one comes early, of all of them together. */
const ratedParts: readonly ReadPart[] = ['wal', 'io', 'progress', 'host'];
const secondAfter_ms = 2000;

/** For a recording, which has the other parts as facts of its assessments. */
const recordedParts = ['progress', 'host', 'wal', 'io', 'autovacuum'] as const satisfies readonly ReadPart[];
const recordedEvery_ms = 30_000;

/**
 * Reads what the Server view shows; rates are of the time that the reader exists. What was never read is read immediately, what has
 * rates a second time soon. After that, one refresh reads the progress of commands and one other part in turn, that which is most overdue.
 */
export function createServerStateReader(
  connection: ReadConnection,
  {attempt}: Pick<Sections, 'attempt'>,
  now: () => number,
): ServerStateReader {
  let state: ServerState = {};
  let earlier: WalState[] = [];
  const last = new Map<ReadPart, {at_ms: number; count: number}>();
  const autovacuum = createAutovacuumReader();
  const readers: Readers = {
    maintenance: readMaintenance,
    replication: readReplication,
    write_state: readWriteState,
    wal: async (_, before) => {
      const wal = await readWal(connection, before);
      earlier = comparable(earlier, wal);
      const read = {...wal, ...walRates(earlier[0], wal)};
      earlier.push(read);
      return read;
    },
    autovacuum: autovacuum.read,
    io: createIoReader(),
    progress: createProgressReader(),
    host: createHostReader(),
    server_log: readServerLog,
  };
  async function readPart(part: ReadPart): Promise<void> {
    const read = readers[part] as (of: ReadConnection, before: unknown) => Promise<unknown>;
    const value = await read(connection, state[part]);
    // Only then: meanwhile other parts were read.
    state = {...state, [part]: value};
  }
  const unread = (pace: ServerPace) => partsOf(pace).filter(part => !last.has(part));

  /** By how many of its intervals a part is late: due from 1 on. */
  function lateness(part: ReadPart, pace: ServerPace): number {
    const {at_ms, count} = last.get(part) ?? {at_ms: Number.NEGATIVE_INFINITY, count: 0};
    const shown_ms = count === 1 && ratedParts.includes(part) ? secondAfter_ms : every_ms[part];
    return (now() - at_ms) / (pace === 'recorded' ? Math.max(recordedEvery_ms, every_ms[part]) : shown_ms);
  }

  function dueParts(pace: ServerPace): readonly ReadPart[] {
    const missing = unread(pace);
    if (pace === 'all') return parts;
    if (pace === 'host' || missing.length > 0) return missing;
    const due = partsOf(pace)
      .map(part => ({part, late: lateness(part, pace)}))
      .filter(({late}) => late >= 1)
      .sort((a, b) => b.late - a.late)
      .map(({part}) => part);
    const second = due.filter(
      part => pace === 'shown' && last.get(part)?.count === 1 && ratedParts.includes(part),
    );
    if (second.length > 0) return second;
    const isShown = pace === 'shown' && due.includes('progress');
    const turn = due.find(part => !isShown || part !== 'progress');
    return [...(isShown ? ['progress' as const] : []), ...(turn === undefined ? [] : [turn])];
  }

  return {
    read(pace) {
      const due = dueParts(pace);
      for (const part of due) last.set(part, {at_ms: now(), count: (last.get(part)?.count ?? 0) + 1});
      return due.map(part => attempt(`server.${part}`, () => readPart(part)));
    },
    lacks: pace => unread(pace).length > 0,
    state(workers) {
      const own = state.autovacuum;
      return own === undefined ? state : {...state, autovacuum: autovacuum.withWorkers(own, workers)};
    },
  };
}

function partsOf(pace: ServerPace): readonly ReadPart[] {
  if (pace === 'host') return ['host'];
  return pace === 'recorded' ? recordedParts : parts;
}
