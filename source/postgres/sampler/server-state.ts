import {comparable, walRates} from '../../core/server/wal-rates.ts';
import type {ServerState, WalState} from '../../model/server-state.ts';
import type {Connection} from '../connect/connect.ts';
import {readAutovacuum} from '../facts/autovacuum.ts';
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

/** A reader of each part: it sends its queries at once, and gets what it read before. */
type Readers = {
  [Part in ReadPart]-?: (
    connection: ReadConnection,
    before: ServerState[Part],
  ) => Promise<NonNullable<ServerState[Part]>>;
};

export type ServerStateReader = {
  /** Sends every query before it returns. A part that fails is listed as unavailable. */
  read(): Promise<void>[];
  state(): ServerState;
};

/** Reads what the Server view shows; rates are of the time that the reader exists. */
export function createServerStateReader(
  connection: ReadConnection,
  {attempt}: Pick<Sections, 'attempt'>,
): ServerStateReader {
  let state: ServerState = {};
  let earlier: WalState[] = [];
  const readers: Readers = {
    maintenance: readMaintenance,
    replication: readReplication,
    write_state: readWriteState,
    wal: async (_, before) => {
      const wal = await readWal(connection, before);
      earlier = comparable(earlier, wal);
      const now = {...wal, ...walRates(earlier[0], wal)};
      earlier.push(now);
      return now;
    },
    autovacuum: readAutovacuum,
    io: createIoReader(),
    progress: createProgressReader(),
    host: createHostReader(),
    server_log: readServerLog,
  };
  async function readPart(part: ReadPart): Promise<void> {
    const read = readers[part] as (of: ReadConnection, before: unknown) => Promise<unknown>;
    const now = await read(connection, state[part]);
    // Only then: meanwhile other parts were read.
    state = {...state, [part]: now};
  }
  return {
    read: () =>
      (Object.keys(readers) as ReadPart[]).map(part => attempt(`server.${part}`, () => readPart(part))),
    state: () => state,
  };
}
