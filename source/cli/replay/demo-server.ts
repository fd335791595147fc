import {type AbortError, usageError} from '../../core/errors.ts';
import {createDatabases} from '../../demo/demo.ts';
import {applications} from '../../demo/schema.ts';
import {startServer} from '../../demo/server.ts';
import {raceInterrupt} from '../interrupts.ts';

/** A throwaway server with the demo's rows and without traffic. */
export type ReplayDemo = {
  /** The superuser's URL, whose reserved slots stay free when the replay uses all others. */
  watchUrl: string;
  /** The application's own role. */
  user: string;
  password: string;
  stop(): Promise<void>;
};

type DemoOptions = {
  seed: number;
  database: string;
  signal: AbortSignal;
  onProgress(text: string): void;
};

/** Throws AbortError: exit 2 for a database that the demo does not have, 130 when interrupted. */
export async function startReplayDemo(options: DemoOptions): Promise<ReplayDemo> {
  const {seed, database, signal, onProgress} = options;
  const application = applications.find(each => each.database === database);
  if (application === undefined) throw noSuchDatabase(database);
  onProgress('starting a throwaway PostgreSQL');
  // If this is interrupted, the watchdog removes the server.
  const server = await raceInterrupt(startServer({settings}), signal);
  try {
    onProgress('creating the demo tables');
    // Calm: with the indexes of a healthy application.
    const filling = createDatabases(server, {seed, calm: true, onProgress});
    const passwords = await raceInterrupt(filling, signal);
    const {role} = application;
    const watchUrl = server.url({database});
    return {watchUrl, user: role, password: passwords[role] ?? '', stop: server.stop};
  } catch (error) {
    await server.stop();
    throw error;
  }
}

const settings = {
  // PostgreSQL's default, which a few instances of an application exhaust.
  max_connections: 100,
  shared_preload_libraries: 'pg_stat_statements',
  max_parallel_workers_per_gather: 0,
  jit: 'off',
  wal_level: 'minimal',
  max_wal_senders: 0,
};

function noSuchDatabase(database: string): AbortError {
  const names = applications.map(each => each.database).join(', ');
  return usageError(`the demo has no database "${database}"`, `It has ${names}.`);
}
